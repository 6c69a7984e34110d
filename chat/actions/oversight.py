"""What staff do with the conversations of others."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from chat.models import Conversation
from settings_store import audit


@transaction.atomic
def open_conversation(*, actor: User, conversation: Conversation) -> None:
    """Note that `actor` looked into a conversation; nobody needs a note of reading their own."""
    if conversation.owner_id == actor.pk:
        return
    audit.record(
        "conversation.opened",
        actor=actor,
        target=conversation,
        after={"owner": str(conversation.owner), "owner_id": str(conversation.owner.public_id)},
    )
