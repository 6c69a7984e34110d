"""The same acts upon many of a person's own conversations, in batches, each a transaction of its own.

`keys` are primary keys; those that are not the actor's own, or not where the act looks for them, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from chat.acting import note_each, record_each
from chat.actions.folder import lock_belongings
from chat.actions.tag import MOST_ON_ONE, forget_unused, tags_named
from chat.models import Attachment, Conversation, Folder, Message, Tag

# As many as one act may concern.
MOST = 10_000
# Rows of one statement.
AT_ONCE = 500
# Conversations deleted for good by one transaction; each may hold thousands of messages.
ERASED_AT_ONCE = 50

Carrying = Conversation.tags.through


def archive_many(*, actor: User, keys: Sequence[int]) -> datetime:
    """Put them away; the moment that is answered is the one at which all of them were put away."""
    now = timezone.now()
    for batch in batched(keys, AT_ONCE):
        _change(actor, Conversation.objects.kept_by(actor).filter(pk__in=batch), "conversation.archived", now)
    return now


def unarchive_many(*, actor: User, keys: Sequence[int]) -> None:
    """Take them out of the archive."""
    for batch in batched(keys, AT_ONCE):
        _change(actor, Conversation.objects.archived_by(actor).filter(pk__in=batch), "conversation.unarchived", None)


def delete_many(*, actor: User, keys: Sequence[int]) -> datetime:
    """Put them into the bin; the moment that is answered is the one at which all of them were thrown away."""
    now = timezone.now()
    for batch in batched(keys, AT_ONCE):
        _change(actor, Conversation.objects.owned_by(actor).filter(pk__in=batch), "conversation.deleted", now)
    return now


def restore_many(*, actor: User, keys: Sequence[int]) -> None:
    """Take them out of the bin."""
    for batch in batched(keys, AT_ONCE):
        _change(actor, Conversation.objects.in_bin_of(actor).filter(pk__in=batch), "conversation.restored", None)


def move_many(*, actor: User, keys: Sequence[int], folder: Folder | None) -> None:
    """Put them into a folder, or into none."""
    for batch in batched(keys, AT_ONCE):
        with transaction.atomic():
            there = Conversation.objects.owned_by(actor).filter(pk__in=batch)
            ids = _lock(there.exclude(folder=folder) if folder else there.filter(folder__isnull=False))
            Conversation.objects.filter(pk__in=ids).update(folder=folder)
            note_each("conversation.moved", actor=actor, conversations=ids.values())


def tag_many(*, actor: User, keys: Sequence[int], name: str) -> tuple[Tag, int, int, int]:
    """Put a word on those that do not carry it; how many carry too many already and were left out is told last.

    What was put is named by the tag and the span of keys that are answered, for `untag_of`.
    """
    full = 0
    with transaction.atomic():
        lock_belongings(actor)
        [tag] = tags_named(actor, [name])
        since = Carrying.objects.filter(tag=tag).order_by("-pk").values_list("pk", flat=True).first() or 0
    for batch in batched(keys, AT_ONCE):
        with transaction.atomic():
            lock_belongings(actor)
            [tag] = tags_named(actor, [name])
            bare = Conversation.objects.owned_by(actor).filter(pk__in=batch).exclude(tags=tag)
            ids = _lock(bare)
            crowded = _crowded(list(ids))
            full += len(crowded)
            for key in crowded:
                del ids[key]
            Carrying.objects.bulk_create([Carrying(conversation_id=key, tag_id=tag.pk) for key in ids])
            note_each("conversation.tagged", actor=actor, conversations=ids.values())
    with transaction.atomic():
        lock_belongings(actor)
        until = Carrying.objects.filter(tag=tag).order_by("-pk").values_list("pk", flat=True).first() or 0
        # One that nothing could be put on is none.
        forget_unused(actor, [tag])
    return tag, since, until, full


def untag_many(*, actor: User, keys: Sequence[int], tag: Tag) -> None:
    """Take a word off them."""
    for batch in batched(keys, AT_ONCE):
        owned = Conversation.objects.owned_by(actor).filter(pk__in=batch)
        _untag(actor, Carrying.objects.filter(tag=tag, conversation__in=owned))
    _forget(actor, tag)


def untag_of(*, actor: User, tag: Tag, since: int, until: int) -> None:
    """Take off again what `tag_many` has put on."""
    while _untag(actor, put_on(tag=tag, since=since, until=until).filter(tag__owner=actor)):
        pass
    _forget(actor, tag)


def put_on(*, tag: Tag, since: int, until: int) -> QuerySet[Any]:
    """What `tag_many` has put on and is still there."""
    return Carrying.objects.filter(tag=tag, pk__gt=since, pk__lte=until)


def erase_many(*, actor: User, keys: Sequence[int]) -> int:
    """Delete conversations in the bin for good, with all that was said in them; answers how many there were."""
    erased = 0
    for batch in batched(keys, ERASED_AT_ONCE):
        with transaction.atomic():
            ids = _lock(Conversation.objects.in_bin_of(actor).filter(pk__in=batch))
            tags = list(Tag.objects.filter(conversations__in=list(ids)).distinct())
            _erase(list(ids))
            forget_unused(actor, tags)
            record_each("conversation.erased", actor=actor, conversations=ids.values())
        erased += len(ids)
    return erased


def note_export(*, actor: User, keys: Sequence[int]) -> None:
    """Note that these left as files, where somebody else takes them than their owner."""
    for batch in batched(keys, AT_ONCE):
        with transaction.atomic():
            ids = Conversation.objects.owned_by(actor).filter(pk__in=batch).values_list("public_id", flat=True)
            note_each("conversation.exported", actor=actor, conversations=ids)


def _change(actor: User, there: QuerySet[Conversation], action: str, moment: datetime | None) -> None:
    """Set the moment that the act is about, and record it; what is thrown away or taken back is in every trail."""
    with transaction.atomic():
        ids = _lock(there)
        rows = Conversation.objects.filter(pk__in=ids)
        if action in {"conversation.archived", "conversation.unarchived"}:
            rows.update(archived_at=moment)
            note_each(action, actor=actor, conversations=ids.values())
        else:
            rows.update(deleted_at=moment)
            if moment is not None:
                Message.objects.filter(conversation__in=ids).ask_to_stop()
            record_each(action, actor=actor, conversations=ids.values())


def _lock(there: QuerySet[Conversation]) -> dict[int, Any]:
    """The public ids of these, by their keys, nobody else changing them until the transaction ends."""
    return dict(there.order_by("pk").select_for_update().values_list("pk", "public_id"))


def _crowded(keys: Sequence[int]) -> list[int]:
    """Those of them that carry as many words as one may."""
    carried: dict[int, int] = {}
    for key in Carrying.objects.filter(conversation__in=keys).values_list("conversation_id", flat=True):
        carried[key] = carried.get(key, 0) + 1
    return [key for key, number in carried.items() if number >= MOST_ON_ONE]


def _untag(actor: User, carrying: QuerySet[Any]) -> bool:
    with transaction.atomic():
        lock_belongings(actor)
        rows = list(carrying.order_by("pk").values_list("pk", "conversation__public_id")[:AT_ONCE])
        Carrying.objects.filter(pk__in=[key for key, _public_id in rows]).delete()
        note_each("conversation.untagged", actor=actor, conversations=[public_id for _key, public_id in rows])
    return bool(rows)


def _forget(actor: User, tag: Tag) -> None:
    with transaction.atomic():
        lock_belongings(actor)
        forget_unused(actor, [tag])


def _erase(keys: list[int]) -> None:
    messages = Message.objects.filter(conversation__in=keys)
    Conversation.objects.filter(pk__in=keys).update(active_leaf=None)
    # What refers to one another goes in no order.
    messages.update(parent=None, read_from=None)
    Attachment.objects.filter(message__conversation__in=keys).delete()
    for some in _slices(messages):
        Message.objects.filter(pk__in=some).delete()
    Conversation.objects.filter(pk__in=keys).delete()


def _slices(messages: QuerySet[Message]) -> Iterator[list[int]]:
    while some := list(messages.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        yield some
