"""What is done in the conversations of somebody while acting as them: people's own talk is in no trail, this is."""

from __future__ import annotations

from accounts.models import User
from chat.models import Conversation
from settings_store import audit
from settings_store.circumstances import current


def note(action: str, *, actor: User, conversation: Conversation) -> None:
    """Record the act and where it was done, never what was said; last in its transaction. Own acts record nothing."""
    if current().impersonator is not None:
        audit.record(action, actor=actor, target_type="chat.conversation", target_id=str(conversation.public_id))
