"""When flags were last evaluated, and which were asked for that are not there.

Marks and counts are gathered in memory, so that evaluation never waits for the database. Every process writes them
down each round (settings_store.key_use) and at its end; one that is killed takes with it what it saw since.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import F, Max
from django.utils import timezone

from settings_store import flags
from settings_store.flag import snapshot
from settings_store.flag.evaluation import Flag
from settings_store.holding import PLACES
from settings_store.middleware import readable
from settings_store.models import Flag as FlagRow
from settings_store.models import FlagUse

# A moment that was written down is true to this much, so that busy flags are not written again and again.
PRECISION = timedelta(minutes=1)
# In each environment: whoever asks for names at random fills no table with them.
KEPT_UNKNOWN = 200
# As many as one question may name on every database.
BATCH = 500
# No flag can have such a name, so that its row is told from that of a flag on databases that tell “a” from “A” badly.
_UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class UnknownUse:
    """A flag that programs ask for and nobody made, or that was archived."""

    key: str
    count: int
    last_at: datetime


def last_evaluated(keys: Collection[str], environment: str = "") -> dict[str, datetime]:
    """When each of these was last evaluated in an environment, to the minute; those that never were are left out.

    Without `environment` in that of this process; in the common one, which runs nowhere, the last time anywhere.
    """
    place = environment or settings.ENVIRONMENT
    wanted = list(keys)
    found: dict[str, datetime] = {}
    for start in range(0, len(wanted), BATCH):
        rows = FlagUse.objects.filter(key__in=wanted[start : start + BATCH])
        if place != PLACES[0]:
            rows = rows.filter(environment=place)
        found |= dict(rows.values_list("key").annotate(last=Max("last_at")))
    return found


def unknown_flags() -> list[UnknownUse]:
    """What programs here ask for that is not there, the most often asked first."""
    rows = _unknown_rows().order_by("-unknown_count", "key").values_list("key", "unknown_count", "last_at")
    found = [UnknownUse(key.removeprefix(_UNKNOWN), count, last_at) for key, count, last_at in rows]
    present = set(
        FlagRow.objects.filter(archived_at=None, key__in=[use.key for use in found]).values_list("key", flat=True)
    )
    return [use for use in found if use.key not in present]


def write_down() -> None:
    """Write what this process saw since the last time; asks the database nothing where that is nothing.

    Raises django.db.Error; what could not be written then is kept for the next time.
    """
    asked, missed = _take_asked(), _take_missed()
    try:
        _write_asked(asked)
        _write_missed(missed)
    finally:
        _give_back(asked, missed)


def leave() -> None:
    """Write down what is left at the end of the process."""
    # Whatever the database says now, there is nobody left to hear it.
    with suppress(Exception):
        write_down()


def _take_asked() -> set[str]:
    asked: set[str] = set()
    for flag in list(snapshot.current.flags.values()):
        if flag.asked:
            flag.asked = False
            _with_needs(flag, asked)
    return asked


def _with_needs(flag: Flag, found: set[str]) -> None:
    """A flag that another depends on is evaluated with it."""
    if flag.key and flag.key not in found:
        found.add(flag.key)
        for need in flag.needs or ():
            _with_needs(need, found)


def _take_missed() -> Counter[str]:
    if not flags.unknown:
        return Counter()
    missed, flags.unknown = flags.unknown, Counter()
    found: Counter[str] = Counter()
    for name, count in missed.most_common(KEPT_UNKNOWN):
        found[_UNKNOWN + readable(name, flags.NAME_LENGTH - len(_UNKNOWN))] += count
    return found


def _write_asked(asked: set[str]) -> None:
    """Each batch that is written goes from `asked`."""
    for batch in _batches(sorted(asked)):
        rows = FlagUse.objects.filter(environment=settings.ENVIRONMENT, key__in=batch)
        written = dict(rows.values_list("key", "last_at"))
        now = timezone.now()
        if any(last_at < now - PRECISION for last_at in written.values()):
            with transaction.atomic():
                # Locked in one order everywhere, so that no two processes wait for each other.
                due = rows.filter(last_at__lt=now - PRECISION).select_for_update().order_by("key")
                FlagUse.objects.filter(pk__in=list(due.values_list("pk", flat=True))).update(last_at=now)
        new = [FlagUse(key=key, environment=settings.ENVIRONMENT, last_at=now) for key in batch if key not in written]
        # Another process may be first.
        FlagUse.objects.bulk_create(new, ignore_conflicts=True)
        asked.difference_update(batch)


def _write_missed(missed: Counter[str]) -> None:
    """Each name that is written goes from `missed`."""
    grew = False
    # In one order everywhere, each for itself.
    for name in sorted(missed):
        grew |= _add(name, missed[name])
        del missed[name]
    if grew:
        rows = _unknown_rows().order_by("-unknown_count", "-last_at", "key")
        FlagUse.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[KEPT_UNKNOWN:])).delete()


def _add(name: str, count: int) -> bool:
    """Whether there was no row of this name before."""
    use, now = FlagUse.objects.filter(key=name, environment=settings.ENVIRONMENT), timezone.now()
    if use.update(unknown_count=F("unknown_count") + count, last_at=now):
        return False
    try:
        with transaction.atomic():
            FlagUse.objects.create(key=name, environment=settings.ENVIRONMENT, unknown_count=count, last_at=now)
    except IntegrityError:
        # Another process was first.
        use.update(unknown_count=F("unknown_count") + count, last_at=now)
    return True


def _unknown_rows() -> models.QuerySet[FlagUse]:
    return FlagUse.objects.filter(environment=settings.ENVIRONMENT, unknown_count__gt=0)


def _give_back(asked: Iterable[str], missed: Counter[str]) -> None:
    for key in asked:
        if key in snapshot.current.flags:
            snapshot.current.flags[key].asked = True
    for name, count in missed.items():
        flags.unknown[name.removeprefix(_UNKNOWN)] += count


def _batches(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))


# A child has nothing of its parent's to write down.
os.register_at_fork(after_in_child=lambda: flags.unknown.clear())
