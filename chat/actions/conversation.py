"""What people do with their own conversations: rename, pin, put into the bin and take out again."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from chat.acting import note
from chat.models import Conversation
from settings_store import audit


@transaction.atomic
def rename_conversation(*, actor: User, conversation: Conversation, title: str) -> None:
    """Give a title that nothing made by a model replaces."""
    if title == conversation.title and conversation.title_is_own:
        return
    conversation.title, conversation.title_is_own = title, True
    conversation.save(update_fields=["title", "title_is_own"])
    note("conversation.renamed", actor=actor, conversation=conversation)


def title_conversation(*, conversation: Conversation, title: str) -> None:
    """Give a title made from the first exchange, unless somebody has named the conversation meanwhile."""
    Conversation.objects.filter(pk=conversation.pk, title_is_own=False).update(title=title)


@transaction.atomic
def pin_conversation(*, actor: User, conversation: Conversation, pinned: bool) -> None:
    """Keep a conversation at the top of the list, or no longer."""
    if conversation.is_pinned == pinned:
        return
    conversation.is_pinned = pinned
    conversation.save(update_fields=["is_pinned"])
    note("conversation.pinned" if pinned else "conversation.unpinned", actor=actor, conversation=conversation)


@transaction.atomic
def delete_conversation(*, actor: User, conversation: Conversation) -> None:
    """Put a conversation into the bin; `restore_conversation` takes it out."""
    there = Conversation.objects.filter(pk=conversation.pk, deleted_at__isnull=True)
    if there.update(deleted_at=timezone.now()):
        _record("conversation.deleted", actor=actor, conversation=conversation)


@transaction.atomic
def restore_conversation(*, actor: User, conversation: Conversation) -> None:
    """Take a conversation out of the bin."""
    if Conversation.objects.filter(pk=conversation.pk, deleted_at__isnull=False).update(deleted_at=None):
        _record("conversation.restored", actor=actor, conversation=conversation)


def _record(action: str, *, actor: User, conversation: Conversation) -> None:
    # Without its title: the trail outlives the conversation, and what was said there does not belong into it.
    audit.record(action, actor=actor, target_type="chat.conversation", target_id=str(conversation.public_id))
