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
# Of the names that only came from outside, which push out none that a program of the house asks for.
KEPT_OUTSIDE = 50
# As many as one question may name on every database.
BATCH = 500
# No flag can have such a name, so that its row is told from that of a flag on databases that tell “a” from “A” badly.
_UNKNOWN, _OUTSIDE = "?", "!"
_KEPT = {_UNKNOWN: KEPT_UNKNOWN, _OUTSIDE: KEPT_OUTSIDE}


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
    counts, last = Counter[str](), dict[str, datetime]()
    for key, count, last_at in _unknown_rows().values_list("key", "unknown_count", "last_at"):
        name = key[1:]
        counts[name] += count
        last[name] = max(last_at, last.get(name, last_at))
    present = set(FlagRow.objects.filter(archived_at=None, key__in=list(counts)).values_list("key", flat=True))
    found = [UnknownUse(name, count, last[name]) for name, count in counts.items() if name not in present]
    return sorted(found, key=lambda use: (-use.count, use.key))


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
    waiting = [flag]
    while waiting:
        each = waiting.pop()
        if each.key and each.key not in found:
            found.add(each.key)
            waiting += each.needs or ()


def _take_missed() -> Counter[str]:
    found: Counter[str] = Counter()
    if not (flags.unknown or flags.unknown_outside):
        return found
    missed, flags.unknown = flags.unknown, Counter()
    outside, flags.unknown_outside = flags.unknown_outside, Counter()
    for mark, counts in ((_UNKNOWN, missed), (_OUTSIDE, outside)):
        for name, count in counts.most_common(_KEPT[mark]):
            found[mark + readable(name, flags.NAME_LENGTH - len(mark))] += count
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
    grown = set()
    # In one order everywhere, each for itself.
    for name in sorted(missed):
        if _add(name, missed[name]):
            grown.add(name[0])
        del missed[name]
    for mark in sorted(grown):
        rows = _unknown_rows().filter(key__startswith=mark).order_by("-unknown_count", "-last_at", "key")
        FlagUse.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[_KEPT[mark] :])).delete()


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
        counts = flags.unknown if name[0] == _UNKNOWN else flags.unknown_outside
        counts[name[1:]] += count


def _batches(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))


def _forked() -> None:
    """A child has nothing of its parent's to write down."""
    flags.unknown.clear()
    flags.unknown_outside.clear()


os.register_at_fork(after_in_child=_forked)
