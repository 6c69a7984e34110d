"""The audit trail: `record` is its sole writer, `verify` (settings_store.trail.chain) its reader who trusts nobody."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from settings_store.circumstances import Actor, Circumstances, circumstances, current
from settings_store.crypto import Key, keyring
from settings_store.models import AuditEvent, AuditHead
from settings_store.trail.chain import (
    Broken,
    chain_key,
    chain_keys,
    check_key,
    event_hash,
    head,
    keep_chain_key,
    verify,
)
from settings_store.values import MASK

__all__ = [
    "MASK",
    "Actor",
    "Broken",
    "Changes",
    "Circumstances",
    "Entry",
    "chain_keys",
    "changes",
    "circumstances",
    "current",
    "head",
    "keep_chain_key",
    "name_of",
    "record",
    "record_many",
    "verify",
]

SYSTEM = "system"
# Whole numbers beyond this lose digits in the JSON of some databases.
_MAX_WHOLE = 2**53


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


@dataclass(frozen=True, slots=True)
class Entry:
    """What one event says; who was where comes from the circumstances. `actor` None is the system."""

    action: str
    actor: Actor | None = field(kw_only=True)
    target_type: str = field(default="", kw_only=True)
    target_id: str = field(default="", kw_only=True)
    target_name: str = field(default="", kw_only=True)
    before: Mapping[str, Any] | None = field(default=None, kw_only=True)
    after: Mapping[str, Any] | None = field(default=None, kw_only=True)
    reason: str = field(default="", kw_only=True)
    # The one it was done to, where that is not this installation's.
    environment: str = field(default="", kw_only=True)
    # Where the act happened in others than those of whoever records it.
    around: Circumstances | None = field(default=None, kw_only=True)

    def about(self, target: models.Model) -> Entry:
        """The same about this row, but for what was said of it already."""
        return replace(
            self,
            target_type=self.target_type or target._meta.label_lower,
            target_id=self.target_id or str(getattr(target, "public_id", target.pk)),
            target_name=self.target_name or str(target),
            environment=self.environment or getattr(target, "environment", ""),
        )


def name_of(actor: Actor | None) -> str:
    """The name that rows keep of whoever acted."""
    return (SYSTEM if actor is None else str(actor))[:150]


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
    Raises TransactionManagementError outside a transaction: without one, the act could stay and its event be lost;
    ForeignTrail where the trail was written with a key that is not here.
    """
    entry = Entry(
        action,
        actor=actor,
        target_type=target_type,
        target_id=target_id,
        target_name=target_name,
        before=before,
        after=after,
        reason=reason,
    )
    return record_many([entry.about(target) if target is not None else entry])[0]


def record_many(entries: Sequence[Entry]) -> list[AuditEvent]:
    """The same for acts that belong to one transaction, in their order, locking the end of the chain once."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("An act must be recorded inside the transaction it belongs to.")
    end = AuditHead.objects.select_for_update().get(pk=1)
    key = keyring().newest
    check_key(key)
    events = []
    for entry in entries:
        event = _event(entry, end, key)
        events.append(event)
        end.sequence, end.hash = event.sequence, event.hash
    # One alone is saved as such, which asks less of the database.
    if len(events) == 1:
        events[0].save(force_insert=True)
    else:
        AuditEvent.objects.bulk_create(events, batch_size=500)
    AuditHead.objects.filter(pk=1).update(sequence=end.sequence, hash=end.hash)
    return events


def _event(entry: Entry, end: AuditHead, key: Key) -> AuditEvent:
    around, actor = entry.around or current(), entry.actor
    event = AuditEvent(
        sequence=end.sequence + 1,
        at=timezone.now(),
        environment=_text(entry.environment or settings.ENVIRONMENT, 20),
        action=_text(entry.action, 80),
        actor_id=None if actor is None else actor.pk,
        actor_name=SYSTEM if actor is None else _text(actor, 150),
        impersonator_id=None if around.impersonator is None else around.impersonator.pk,
        impersonator_name="" if around.impersonator is None else _text(around.impersonator, 150),
        target_type=_text(entry.target_type, 60),
        target_id=_text(entry.target_id, 64),
        target_name=_text(entry.target_name, 200),
        before=None if entry.before is None else _plain(entry.before),
        after=None if entry.after is None else _plain(entry.after),
        reason=_text(entry.reason, 500),
        address=around.address,
        user_agent=_text(around.user_agent, 300),
        request_id=_text(around.request_id, 64),
        session_id=_text(around.session_id, 36),
        key_id=_text(around.key_id, 36),
        chain_key_id=key.id.hex(),
        previous_hash=end.hash,
    )
    event.hash = event_hash(event, chain_key(key))
    return event


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
