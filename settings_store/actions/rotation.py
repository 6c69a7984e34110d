"""Rotation of keys: every sealed value gets the newest key of its environment, while the house is in use.

Rows are held while their values are sealed anew, a batch is one transaction, and what is done is seen from the values
themselves: stopped anywhere, rotation is simply run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from settings_store import audit, key_use, sealed
from settings_store.actions.setting import bump
from settings_store.circumstances import Actor
from settings_store.crypto import CannotOpen, Damaged, Key, key_name, keyring, keyrings, seal
from settings_store.models import AuditEvent, ChainKey
from settings_store.sealed import SealedColumn, Unopened
from settings_store.trail.chain import chain_key, head, keep_chain_key, kept_keys

BATCH = 200
# How often rows that somebody else held are tried again before they are left to the next run.
PASSES = 3

type Tell = Callable[[SealedColumn, int], None]


@dataclass(slots=True)
class Rotation:
    """What a run did: how many values of each kind it sealed anew, and those it had to leave."""

    resealed: Counter[str] = field(default_factory=Counter)
    left: dict[tuple[str, Any], Unopened] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an older key may be dropped from the keyring of its environment; `holds` says what stands against it."""

    environment: str
    key: str
    holds: list[str]

    @property
    def may_go(self) -> bool:
        return not self.holds


def rotate_keys(
    *,
    actor: Actor | None,
    batch: int = BATCH,
    tell: Tell = lambda column, count: None,
    despite_damaged: bool = False,
) -> Rotation:
    """Seal everything anew that does not have the newest key of its environment; `tell` hears of each batch.

    Values that do not open here are left as they are. Of a key that may go it is noted where the trail ends.
    """
    done = Rotation()
    _keep_chain_keys()
    for column in sealed.columns():
        for ring in keyrings():
            for _turn in range(PASSES):
                if not _pass(column, ring.environment, batch, done, tell):
                    break
    _record(actor, done)
    key_use.write_down()
    _note_ends(despite_damaged=despite_damaged)
    return done


def verdicts(*, despite_damaged: bool = False) -> list[Verdict]:
    """Of every older key here, whether it may go."""
    found = _judged(despite_damaged=despite_damaged)
    for verdict in found:
        if verdict.may_go and verdict.environment == settings.ENVIRONMENT and not _end_is_noted(verdict.key):
            verdict.holds.append(_("Where the trail ends for it is not noted yet: run rotate_keys once more."))
    return found


def _judged(*, despite_damaged: bool) -> list[Verdict]:
    # In this order: who sealed with a key before this moment has done so before the values are counted.
    in_use = key_use.in_use()
    carried = {column: column.census() for column in sealed.columns()}
    found = []
    for ring in keyrings():
        environment = ring.environment
        damaged = _damaged(environment) if despite_damaged else Counter()
        for key in ring.keys[1:]:
            name = key.id.hex()
            holds = []
            for column, counts in carried.items():
                count = counts.get((environment, name), 0) - damaged[column.name, name]
                if count > 0:
                    holds.append(
                        ngettext(
                            "%(count)d value carries it (%(kind)s).", "%(count)d values carry it (%(kind)s).", count
                        )
                        % {"count": count, "kind": column.name}
                    )
            if environment == settings.ENVIRONMENT and not _chain_key_is_kept(key):
                holds.append(_("Its chain key is not kept under the newest key yet; the trail needs it."))
            if name in in_use:
                holds.append(
                    _("A process sealed with it, or was about to, within the last %(seconds)d seconds.")
                    % {"seconds": key_use.SEEN_SECONDS}
                )
            found.append(Verdict(environment, name, holds))
    return found


def _pass(column: SealedColumn, environment: str, batch: int, done: Rotation, tell: Tell) -> int:
    """Go through the rows of an environment once; answers how many others had locked meanwhile."""
    after, skipped = None, 0
    while True:
        outdated = column.outdated(environment)
        found = outdated if after is None else outdated.filter(pk__gt=after)
        wanted = list(found.values_list("pk", flat=True)[:batch])
        if not wanted:
            return skipped
        seen = _seal_anew(column, environment, wanted, done)
        key_use.write_down()
        tell(column, seen)
        skipped += len(wanted) - seen
        after = wanted[-1]


@transaction.atomic
def _seal_anew(column: SealedColumn, environment: str, wanted: list[Any], done: Rotation) -> int:
    # What somebody else is just changing is left to the next pass: whoever holds many rows must not wait for one.
    skip = connection.features.has_select_for_update_skip_locked
    rows = column.model._base_manager.filter(pk__in=wanted).order_by("pk")
    held = list(rows.select_for_update(skip_locked=skip).values_list("pk", flat=True))
    changed = []
    for row in column.outdated(environment).filter(pk__in=held):
        try:
            plain = column.opened(row)
        except CannotOpen as error:
            done.left[column.name, row.pk] = Unopened(column, row, error)
            continue
        setattr(row, column.column, seal(plain, context=column.context(row), environment=environment))
        changed.append(row)
    column.model._base_manager.bulk_update(changed, [column.column])
    done.resealed[column.name] += len(changed)
    return len(held)


def _damaged(environment: str) -> Counter[tuple[str, str]]:
    """How many values of older keys are damaged, by kind and key: keeping the key would not open them either."""
    found: Counter[tuple[str, str]] = Counter()
    for column in sealed.columns():
        for row in column.outdated(environment).iterator(sealed.BATCH):
            try:
                column.opened(row)
            except Damaged:
                found[column.name, key_name(column.sealed(row))] += 1
            except CannotOpen:
                continue
    return found


def _keep_chain_keys() -> None:
    kept = kept_keys()
    for key in keyring().keys[1:]:
        name = key.id.hex()
        if name not in kept or kept[name].key != chain_key(key):
            keep_chain_key(key)


def _chain_key_is_kept(key: Key) -> bool:
    name, row = key.id.hex(), ChainKey.objects.filter(pk=key.id.hex()).first()
    if row is None or key_name(bytes(row.sealed)) != keyring().newest.id.hex():
        return False
    kept = kept_keys().get(name)
    return kept is not None and kept.key == chain_key(key)


def _note_ends(*, despite_damaged: bool) -> None:
    """Bound what each key that may go can have written: nothing after the event that is the last now."""
    may_go = {verdict.key for verdict in _judged(despite_damaged=despite_damaged) if verdict.may_go}
    for key in keyring().keys[1:]:
        if key.id.hex() in may_go:
            keep_chain_key(key, head())


def _end_is_noted(name: str) -> bool:
    kept = kept_keys().get(name)
    if kept is None or kept.end is None:
        return False
    return not AuditEvent.objects.filter(sequence__gt=kept.end[0], chain_key_id=name).exists()


def _record(actor: Actor | None, done: Rotation) -> None:
    with transaction.atomic():
        # Who could not open a value before may be able to now.
        bump()
        audit.record(
            "keys.rotated",
            actor=actor,
            target_type="keyring",
            target_id=keyring().newest.id.hex(),
            target_name=settings.ENVIRONMENT,
            after={"resealed": dict(done.resealed), "left": len(done.left)},
        )
