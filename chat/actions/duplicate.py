"""A conversation begun anew from a part of another: the branch up to a message, copied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import batched, pairwise
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from chat.acting import note
from chat.branches import path_to
from chat.models import Attachment, Conversation, Message
from settings_store import limits

# Messages read and stored at once: their texts may be long.
AT_ONCE = 500
# Copies of a person in a minute.
MOST_A_MINUTE = 10
TITLE_LENGTH = 200


def duplicate_conversation(*, actor: User, conversation: Conversation, message: Message) -> Conversation:
    """A new conversation of `actor` with the branch up to and with `message`, its attachments too.

    It begins with the same prompt, model and parameters. What the answers cost stays with the ones that were paid for.
    Raises ValidationError where somebody makes many in a short time.
    """
    reservation = limits.reserve("chat.duplicates", str(actor.pk), limit=MOST_A_MINUTE, seconds=60)
    if not reservation.allowed:
        raise ValidationError(_("You have made many copies in a short time. Wait a minute."), code="limited")
    with transaction.atomic():
        copy = _copy(actor, conversation)
        leaf = _copy_messages(copy, _branch_to(message))
        copy.active_leaf_id = leaf
        copy.save(update_fields=["active_leaf", "message_count"])
        note("conversation.duplicated", actor=actor, conversation=conversation)
    return copy


def _copy(actor: User, conversation: Conversation) -> Conversation:
    title = _("%s (copy)") % str(conversation)
    copy = Conversation.objects.create(
        owner=actor,
        title=title if len(title) <= TITLE_LENGTH else str(conversation)[:TITLE_LENGTH],
        title_is_own=True,
        model=conversation.model,
        system_prompt=conversation.system_prompt,
        system_text=conversation.system_text,
        prompt_version=conversation.prompt_version,
        parameters=conversation.parameters,
        description=conversation.description,
        folder=conversation.folder,
    )
    copy.tags.set(conversation.tags.all())
    return copy


def _branch_to(message: Message) -> list[int]:
    rows = Message.objects.filter(conversation_id=message.conversation_id, pk__lte=message.pk)
    return path_to(message.pk, dict(rows.values_list("pk", "parent_id")))


def _copy_messages(copy: Conversation, branch: Sequence[int]) -> int:
    """Store the messages of `branch` again and answer the key of the last one."""
    now = timezone.now()
    copies = {key: uuid4() for key in branch}
    for batch in batched(branch, AT_ONCE):
        originals = Message.objects.in_bulk(batch)
        Message.objects.bulk_create([_copied(originals[key], copy, copies[key], now) for key in batch])
    copy.message_count = len(branch)
    # Not every database tells the keys of many rows it has stored.
    keys = dict(Message.objects.filter(conversation=copy).values_list("public_id", "pk"))
    line = [keys[copies[key]] for key in branch]
    _tie(line)
    _copy_attachments(branch, line)
    return line[-1]


def _copied(original: Message, copy: Conversation, public_id: UUID, now: datetime) -> Message:
    unfinished = original.is_unfinished
    return Message(
        public_id=public_id,
        conversation=copy,
        role=original.role,
        status=Message.Status.INTERRUPTED if unfinished else original.status,
        content=original.content,
        error=_("It was copied while it was being written.") if unfinished else original.error,
        model_id=original.model_id,
        model_name=original.model_name,
        cut_short=original.cut_short,
        created_at=original.created_at,
        finished_at=now if unfinished else original.finished_at,
    )


def _tie(line: Sequence[int]) -> None:
    """Let each message follow the one before it."""
    for pairs in batched(pairwise(line), AT_ONCE):
        Message.objects.bulk_update([Message(pk=key, parent_id=before) for before, key in pairs], ["parent"])


def _copy_attachments(branch: Sequence[int], line: Sequence[int]) -> None:
    copies = dict(zip(branch, line, strict=True))
    for batch in batched(branch, AT_ONCE):
        files = Attachment.objects.filter(message__in=batch).order_by("pk").iterator(chunk_size=20)
        for some in batched(files, 20):
            Attachment.objects.bulk_create(
                [
                    Attachment(message_id=copies[file.message_id], name=file.name, content=file.content, size=file.size)
                    for file in some
                ]
            )
