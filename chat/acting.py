"""What is done in the conversations of somebody while acting as them: people's own talk is in no trail, this is."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from accounts.models import User
from chat.models import Conversation
from settings_store import audit
from settings_store.circumstances import current


def note(action: str, *, actor: User, conversation: Conversation) -> None:
    """Record the act and where it was done, never what was said; last in its transaction. Own acts record nothing."""
    note_each(action, actor=actor, conversations=[conversation.public_id])


def note_each(action: str, *, actor: User, conversations: Iterable[UUID]) -> None:
    """The same for an act upon many conversations, by their public ids: one event for each."""
    if current().impersonator is not None:
        record_each(action, actor=actor, conversations=conversations)


def record_each(action: str, *, actor: User, conversations: Iterable[UUID]) -> None:
    """Record what is in the trail whoever does it, without titles: the trail outlives what was said."""
    events = [
        audit.Entry(action, actor=actor, target_type="chat.conversation", target_id=str(public_id))
        for public_id in conversations
    ]
    if events:
        audit.record_many(events)
