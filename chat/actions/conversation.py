"""What people do with their own conversations: name, describe, pin, put away, throw away and take out again."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from chat.acting import note, record_each
from chat.models import Conversation, Folder, Message


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
def describe_conversation(*, actor: User, conversation: Conversation, description: str) -> None:
    """Say in a few words what a conversation is about; no model is told."""
    if conversation.description == description:
        return
    conversation.description = description
    conversation.save(update_fields=["description"])
    note("conversation.described", actor=actor, conversation=conversation)


@transaction.atomic
def pin_conversation(*, actor: User, conversation: Conversation, pinned: bool) -> None:
    """Keep a conversation at the top of the list, or no longer."""
    if conversation.is_pinned == pinned:
        return
    conversation.is_pinned = pinned
    conversation.save(update_fields=["is_pinned"])
    note("conversation.pinned" if pinned else "conversation.unpinned", actor=actor, conversation=conversation)


@transaction.atomic
def move_conversation(*, actor: User, conversation: Conversation, folder: Folder | None) -> None:
    """Put a conversation into a folder, or into none; its prompt stays what it is."""
    if conversation.folder_id == (folder.pk if folder else None):
        return
    conversation.folder = folder
    conversation.save(update_fields=["folder"])
    note("conversation.moved", actor=actor, conversation=conversation)


@transaction.atomic
def archive_conversation(*, actor: User, conversation: Conversation) -> None:
    """Put a conversation away: the list leaves it out, searching finds it."""
    kept = Conversation.objects.kept_by(actor).filter(pk=conversation.pk)
    if kept.update(archived_at=timezone.now()):
        note("conversation.archived", actor=actor, conversation=conversation)


@transaction.atomic
def unarchive_conversation(*, actor: User, conversation: Conversation) -> None:
    """Take a conversation out of the archive."""
    if Conversation.objects.archived_by(actor).filter(pk=conversation.pk).update(archived_at=None):
        note("conversation.unarchived", actor=actor, conversation=conversation)


@transaction.atomic
def delete_conversation(*, actor: User, conversation: Conversation) -> None:
    """Put a conversation into the bin, and stop what is being written there; `restore_conversation` takes it out."""
    there = Conversation.objects.filter(pk=conversation.pk, deleted_at__isnull=True)
    if there.update(deleted_at=timezone.now()):
        Message.objects.filter(conversation=conversation).ask_to_stop()
        record_each("conversation.deleted", actor=actor, conversations=[conversation.public_id])


@transaction.atomic
def restore_conversation(*, actor: User, conversation: Conversation) -> None:
    """Take a conversation out of the bin."""
    if Conversation.objects.filter(pk=conversation.pk, deleted_at__isnull=False).update(deleted_at=None):
        record_each("conversation.restored", actor=actor, conversations=[conversation.public_id])
