"""The chain of hashes through the trail: its keys, the hash of one event, and the reader that trusts nobody.

Each event carries an HMAC over itself and the hash before it, keyed from the keyring: someone who may write to the
database but holds no key cannot change, remove, insert or reorder events without `verify` naming the place.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Max

from settings_store.crypto import KEY_BYTES, CannotOpen, Key, keyring, open_sealed, seal, variable
from settings_store.models import AuditEvent, AuditHead, ChainKey

FIRST_HASH = "0" * 64
CHAIN = "audit chain"
BATCH = 2000

type Anchor = tuple[int, str]
type Progress = Callable[[int, int], None]

# One encoder for all events: making one costs more than what it does for an event.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode
# Every column but the hash itself is in the hash.
_HASHED = sorted(field.attname for field in AuditEvent._meta.concrete_fields if field.attname != "hash")
_AT, _SEQUENCE, _PREVIOUS, _KEY = (_HASHED.index(name) for name in ("at", "sequence", "previous_hash", "chain_key_id"))


@dataclass(frozen=True, slots=True)
class Broken:
    """The place where the trail is not what was written, and what is wrong there."""

    sequence: int
    sentence: str


class ForeignTrail(ImproperlyConfigured):
    """The trail goes on from an event whose key is not here: whatever was added could never be verified with it."""


# Keys that were found to fit the trail; those of a process never change.
_fitting: set[bytes] = set()


def check_key(key: Key) -> None:
    """Raises ForeignTrail where the last event was written with a key that is neither in the keyring nor kept."""
    if key.id not in _fitting:
        if unknown := unknown_key():
            raise ForeignTrail(foreign_words(unknown))
        _fitting.add(key.id)


def unknown_key() -> str:
    """The id of the key of the last event where it is neither in the keyring nor kept, else nothing."""
    last = AuditEvent.objects.order_by("-sequence").values_list("chain_key_id", flat=True).first()
    return last if last and last not in chain_keys() else ""


def foreign_words(key_id: str) -> str:
    return (
        f"The audit trail was last written with the key {key_id}, which is not in {variable(settings.ENVIRONMENT)}: "
        "put that key back, behind the newest."
    )


def go_on_with(key: Key) -> None:
    """Let the trail go on under this key though the one before is lost; `verify` will name the place for good."""
    _fitting.add(key.id)


@cache
def chain_key(key: Key) -> bytes:
    """The key of the chain's hashes that comes from a master key."""
    return key.derive(CHAIN)


@dataclass(frozen=True, slots=True)
class Kept:
    """The chain key of an older master key, and the last event when that one was let go; None until then."""

    key: bytes = field(repr=False)
    end: Anchor | None = None


def chain_keys() -> dict[str, bytes]:
    """Every chain key there is to verify with, by the id of its master key, those of keys gone from here included."""
    return {name: kept.key for name, kept in kept_keys().items()} | _ring()


def kept_keys() -> dict[str, Kept]:
    """The chain keys that are kept and open here, by the id of their master key."""
    found = {}
    for row in ChainKey.objects.all():
        with suppress(CannotOpen):
            plain = open_sealed(bytes(row.sealed), context=kept_chain_key(row.key_id))
            key, end = plain[:KEY_BYTES], plain[KEY_BYTES:]
            found[row.key_id] = Kept(key, (int.from_bytes(end[:8]), end[8:].hex()) if end else None)
    return found


def keep_chain_key(key: Key, end: Anchor | None = None) -> None:
    """Seal the chain key of an older master key under the newest, so that its events verify when it is gone.

    With `end` nothing that comes after it in the trail may have been written with that key: who gets hold of a key
    that was let go cannot write the trail anew.
    """
    name = key.id.hex()
    plain = chain_key(key) + (b"" if end is None else end[0].to_bytes(8) + bytes.fromhex(end[1]))
    sealed = seal(plain, context=kept_chain_key(name))
    ChainKey.objects.update_or_create(key_id=name, defaults={"sealed": sealed})


def _ring() -> dict[str, bytes]:
    return {key.id.hex(): chain_key(key) for key in keyring().keys}


def kept_chain_key(name: str) -> str:
    """The context in which the chain key of the master key `name` is sealed."""
    return f"chain key:{name}"


def event_hash(event: AuditEvent, key: bytes) -> str:
    return _digest([getattr(event, name) for name in _HASHED], key)


def _digest(values: list[Any] | tuple[Any, ...], key: bytes) -> str:
    content = dict(zip(_HASHED, values, strict=True))
    content["at"] = values[_AT].astimezone(UTC).isoformat(timespec="microseconds")
    return hmac.digest(key, _encode(content).encode(), "sha256").hex()


def head() -> Anchor:
    """Number and hash of the last event: kept elsewhere, they show later whether the end was cut off."""
    end = AuditHead.objects.get(pk=1)
    return end.sequence, end.hash


def verify(
    *, anchor: Anchor | None = None, since: Anchor | None = None, progress: Progress | None = None
) -> Iterator[Broken]:
    """Walk the trail and yield each place that is not as it was written; nothing where all is well.

    With an `anchor` kept from `head`, a tail that was cut off or an older copy put in its place is found as well.
    `since` is an anchor too: the walk begins at its event, which must be the one it was taken from. `progress` hears
    after each batch how many events are done, of how many.
    """
    # The last event is read before the end of the chain: events added in between can then only be within it.
    last = AuditEvent.objects.aggregate(last=Max("sequence"))["last"] or 0
    end = AuditHead.objects.filter(pk=1).first()
    if end is None:
        yield Broken(0, "The end of the trail is missing.")
        return
    keys, ring = chain_keys(), _ring()
    # Of keys that are gone from here: the event that was the last when they went.
    gone = {name: kept.end for name, kept in kept_keys().items() if name not in ring}
    ends = [kept for kept in gone.values() if kept]
    first = since[0] if since else 1
    expected, previous = first, None if since else FIRST_HASH
    anchors = [kept for kept in (since, anchor) if kept]
    done = 0
    for batch in _batches(since and since[0], max(last, end.sequence)):
        for *values, stored in batch:
            sequence = values[_SEQUENCE]
            if (fault := _fault(values, stored, expected, previous, keys)) or (fault := _late(values, gone)):
                yield Broken(sequence, fault)
            if any(sequence == number and stored != kept for number, kept in ends):
                yield Broken(sequence, "This event is not the one that was the last when a key was let go.")
            if any(sequence == number and stored != kept for number, kept in anchors):
                yield Broken(sequence, "This event is not the one the anchor was taken from.")
            if sequence > end.sequence:
                yield Broken(sequence, "This event stands beyond the end of the trail.")
            expected, previous = sequence + 1, stored
        done += len(batch)
        if progress:
            progress(done, max(end.sequence - first + 1, done))
    if expected <= end.sequence:
        yield Broken(expected, f"Events {expected} to {end.sequence} are missing at the end.")
    elif expected == end.sequence + 1 and previous not in (None, end.hash):
        yield Broken(end.sequence, "The end of the trail holds another hash than its last event.")
    for number, _hash in ends:
        if number >= expected:
            yield Broken(expected, f"The trail ends before event {number}, which was the last when a key was let go.")
    for number, _hash in anchors:
        if number >= expected:
            yield Broken(expected, f"The trail ends before event {number}, which the anchor was taken from.")


def _batches(first: int | None, last: int) -> Iterator[list[tuple[Any, ...]]]:
    """The columns of all events in the order of `_HASHED`, then the hash; constant memory, however long the trail."""
    events = AuditEvent.objects.filter(sequence__lte=last).order_by("sequence").values_list(*_HASHED, "hash")
    batch = list((events if first is None else events.filter(sequence__gte=first))[:BATCH])
    while batch:
        yield batch
        batch = list(events.filter(sequence__gt=batch[-1][_SEQUENCE])[:BATCH])


def _late(values: list[Any], gone: Mapping[str, Anchor | None]) -> str:
    """What is wrong where an event says that a key wrote it which was let go before."""
    name = values[_KEY]
    if name not in gone:
        return ""
    end = gone[name]
    if end is None:
        return "The key of this event's hash was taken away before rotate_keys said that it may go."
    if values[_SEQUENCE] > end[0]:
        return f"The key of this event's hash was let go after event {end[0]}."
    return ""


def _fault(values: list[Any], stored: str, expected: int, previous: str | None, keys: Mapping[str, bytes]) -> str:
    if values[_SEQUENCE] != expected:
        return f"Events {expected} to {values[_SEQUENCE] - 1} are missing before this one."
    if previous is not None and values[_PREVIOUS] != previous:
        return "This event does not follow from the one before it."
    key = keys.get(values[_KEY])
    if key is None:
        return "The key of this event's hash is neither in DATABASE_ENCRYPTION_KEY nor kept."
    if not hmac.compare_digest(_digest(values, key), stored):
        return "This event was changed after it was written."
    return ""
