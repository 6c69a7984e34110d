"""The audit trail: `record` is its sole writer, `verify` its reader that trusts nobody.

Each event carries an HMAC over itself and the hash before it, keyed from the keyring: someone who may write to the
database but holds no key cannot change, remove, insert or reorder events without `verify` naming the place.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, TypedDict

from django.conf import settings
from django.db import models, transaction
from django.db.models import Max
from django.utils import timezone

from settings_store.circumstances import Actor, Circumstances, circumstances, current
from settings_store.crypto import Key, keyring
from settings_store.models import AuditEvent, AuditHead
from settings_store.values import MASK

__all__ = [
    "MASK",
    "Actor",
    "Broken",
    "Changes",
    "Circumstances",
    "changes",
    "circumstances",
    "current",
    "head",
    "record",
    "verify",
]

SYSTEM = "system"
FIRST_HASH = "0" * 64
CHAIN = "audit chain"
# Whole numbers beyond this lose digits in the JSON of some databases.
_MAX_WHOLE = 2**53


@dataclass(frozen=True, slots=True)
class Broken:
    """The place where the trail is not what was written, and what is wrong there."""

    sequence: int
    sentence: str


class Changes(TypedDict):
    """Both sides of a change, as `record` takes them."""

    before: dict[str, Any]
    after: dict[str, Any]


def changes(before: Mapping[str, Any], after: Mapping[str, Any], *, also: Container[str] = ()) -> Changes:
    """The fields of two snapshots that differ, for `record(..., **changes(before, after))`.

    `also` names fields that count as changed though both sides look alike, as a secret behind its mask does.
    """
    names = [name for name, value in after.items() if value != before[name] or name in also]
    return {"before": {name: before[name] for name in names}, "after": {name: after[name] for name in names}}


def record(
    action: str,
    *,
    actor: Actor | None,
    target: models.Model | None = None,
    target_type: str = "",
    target_id: str = "",
    target_name: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Write one event as the last statement of the transaction of the act it records.

    It locks the end of the chain until that transaction ends, so nothing slow may follow. `actor` None is the system.
    Raises TransactionManagementError outside a transaction: without one, the act could stay and its event be lost.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(f"{action} must be recorded inside the transaction it belongs to.")
    if target is not None:
        target_type = target_type or target._meta.label_lower
        target_id = target_id or str(getattr(target, "public_id", target.pk))
        target_name = target_name or str(target)
    around = current()
    end = AuditHead.objects.select_for_update().get(pk=1)
    key = keyring().newest
    event = AuditEvent(
        sequence=end.sequence + 1,
        at=timezone.now(),
        environment=settings.ENVIRONMENT,
        action=_text(action, 80),
        actor_id=None if actor is None else actor.pk,
        actor_name=SYSTEM if actor is None else _text(actor, 150),
        impersonator_id=None if around.impersonator is None else around.impersonator.pk,
        impersonator_name="" if around.impersonator is None else _text(around.impersonator, 150),
        target_type=_text(target_type, 60),
        target_id=_text(target_id, 64),
        target_name=_text(target_name, 200),
        before=None if before is None else _plain(before),
        after=None if after is None else _plain(after),
        reason=_text(reason, 500),
        address=around.address,
        user_agent=_text(around.user_agent, 300),
        request_id=_text(around.request_id, 64),
        session_id=_text(around.session_id, 36),
        key_id=_text(around.key_id, 36),
        chain_key_id=key.id.hex(),
        previous_hash=end.hash,
    )
    event.hash = _hash(event, key)
    event.save(force_insert=True)
    AuditHead.objects.filter(pk=1).update(sequence=event.sequence, hash=event.hash)
    return event


def head() -> tuple[int, str]:
    """Number and hash of the last event: kept elsewhere, they show later whether the end was cut off."""
    end = AuditHead.objects.get(pk=1)
    return end.sequence, end.hash


def verify(*, anchor: tuple[int, str] | None = None) -> Iterator[Broken]:
    """Walk the whole trail and yield each place that is not as it was written; nothing where all is well.

    With an `anchor` kept from `head`, a tail that was cut off or an older copy put in its place is found as well.
    """
    # The last event is read before the end of the chain: events added in between can then only be within it.
    last = AuditEvent.objects.aggregate(last=Max("sequence"))["last"] or 0
    end = AuditHead.objects.filter(pk=1).first()
    if end is None:
        yield Broken(0, "The end of the trail is missing.")
        return
    ring = keyring()
    expected, previous = 1, FIRST_HASH
    for event in AuditEvent.objects.filter(sequence__lte=max(last, end.sequence)).order_by("sequence").iterator(2000):
        fault = _fault(event, expected, previous, ring.find(_key_id(event)))
        if fault:
            yield Broken(event.sequence, fault)
        if anchor and event.sequence == anchor[0] and event.hash != anchor[1]:
            yield Broken(event.sequence, "This event is not the one the anchor was taken from.")
        if event.sequence > end.sequence:
            yield Broken(event.sequence, "This event stands beyond the end of the trail.")
        expected, previous = event.sequence + 1, event.hash
    if expected <= end.sequence:
        yield Broken(expected, f"Events {expected} to {end.sequence} are missing at the end.")
    elif expected == end.sequence + 1 and previous != end.hash:
        yield Broken(end.sequence, "The end of the trail holds another hash than its last event.")
    if anchor and anchor[0] >= expected:
        yield Broken(expected, f"The trail ends before event {anchor[0]}, which the anchor was taken from.")


def _fault(event: AuditEvent, expected: int, previous: str, key: Key | None) -> str:
    if event.sequence != expected:
        return f"Events {expected} to {event.sequence - 1} are missing before this one."
    if event.previous_hash != previous:
        return "This event does not follow from the one before it."
    if key is None:
        return "The key of this event's hash is not in DATABASE_ENCRYPTION_KEY."
    if not hmac.compare_digest(_hash(event, key), event.hash):
        return "This event was changed after it was written."
    return ""


def _key_id(event: AuditEvent) -> bytes:
    try:
        return bytes.fromhex(event.chain_key_id)
    except ValueError:
        return b""


def _hash(event: AuditEvent, key: Key) -> str:
    content = {field.attname: getattr(event, field.attname) for field in event._meta.concrete_fields}
    del content["hash"]
    content["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.digest(key.derive(CHAIN), text.encode(), "sha256").hex()


def _text(value: object, length: int) -> str:
    return str(value).replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:length]


def _plain(value: Any) -> Any:
    """The value as every database gives its JSON back: text, whole numbers, truth values, lists and dictionaries."""
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < _MAX_WHOLE else str(value)
        case Mapping():
            return {_text(key, 200): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case _:
            # Fractions too are written as text: databases give 1e22 and 0.10 back in forms of their own.
            return _text(value, 20_000)
