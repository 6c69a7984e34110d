"""What staff do with the conversations of others."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from chat.models import Conversation
from settings_store import audit


@transaction.atomic
def open_conversation(*, actor: User, conversation: Conversation) -> None:
    """Note that `actor` looked into a conversation; nobody needs a note of reading their own.

    Its title stays out: it quotes what was said, and more people read the trail than may read conversations.
    """
    if conversation.owner_id == actor.pk:
        return
    audit.record(
        "conversation.opened",
        actor=actor,
        target_type="chat.conversation",
        target_id=str(conversation.public_id),
        after={"owner": str(conversation.owner), "owner_id": str(conversation.owner.public_id)},
    )
