"""How model servers did lately: each check and each answer is counted in its stretch of five minutes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import Error, IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from chat.models import HealthSample, Provider

STRETCH = timedelta(minutes=5)
STRETCHES = 12
KEPT = timedelta(days=1)
# The first of a stretch to be counted makes the row, and whoever comes second in that counts in the next turn.
TURNS = 20
# What MariaDB answers the one of two that it lets go.
DEADLOCK = 1213
MOST_MS = 2**31 - 1

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Five minutes of one server."""

    began_at: datetime
    succeeded: int = 0
    failed: int = 0
    slowest_ms: int = 0

    @property
    def calls(self) -> int:
        return self.succeeded + self.failed

    @property
    def slowest_seconds(self) -> float:
        return self.slowest_ms / 1000


@dataclass(frozen=True, slots=True)
class Hour:
    """The last twelve stretches of one server, the oldest first; the last one is still going on."""

    stretches: tuple[Stretch, ...]

    @property
    def calls(self) -> int:
        return sum(stretch.calls for stretch in self.stretches)

    @property
    def failed(self) -> int:
        return sum(stretch.failed for stretch in self.stretches)

    @property
    def slowest_seconds(self) -> float:
        return max(stretch.slowest_ms for stretch in self.stretches) / 1000


def note_call(provider_id: int, *, ok: bool, first_token_ms: int | None) -> None:
    """Count one call of a server; `first_token_ms` is how long its first sign of life took, where there was one.

    To be called outside a transaction, whose rows would wait for those of everybody else who counts. A count that
    cannot be kept fails nobody's answer.
    """
    began_at = stretch_at(timezone.now())
    slowest = min(max(first_token_ms or 0, 0), MOST_MS) if ok else 0
    for _turn in range(TURNS):
        try:
            _count(provider_id, began_at, ok=ok, slowest=slowest)
        except IntegrityError:
            # Somebody else made the row of this stretch in between, or the server is gone.
            continue
        except Error as trouble:
            if connection.in_atomic_block:
                raise
            if isinstance(trouble, OperationalError) and trouble.args[:1] == (DEADLOCK,):
                continue
            logger.warning("call_not_counted", error=repr(trouble))
        return


def hours_of(provider_ids: Collection[int]) -> dict[int, Hour]:
    """The last hour of each of these servers, by one query."""
    first = stretch_at(timezone.now()) - STRETCH * (STRETCHES - 1)
    moments = [first + STRETCH * number for number in range(STRETCHES)]
    rows = HealthSample.objects.filter(provider__in=provider_ids, began_at__gte=first)
    found = {
        (row.provider_id, row.began_at): Stretch(row.began_at, row.succeeded, row.failed, row.slowest_ms)
        for row in rows
    }
    return {
        provider_id: Hour(tuple(found.get((provider_id, moment), Stretch(moment)) for moment in moments))
        for provider_id in provider_ids
    }


def forget_old() -> None:
    """Delete what is older than anybody looks at."""
    old = HealthSample.objects.filter(began_at__lt=timezone.now() - KEPT)
    # By their keys, so that on MariaDB whoever counts at this moment does not wait for a range of rows.
    if names := list(old.values_list("pk", flat=True)):
        HealthSample.objects.filter(pk__in=names).delete()


def stretch_at(moment: datetime) -> datetime:
    """When the stretch of this moment began."""
    seconds = int(STRETCH.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, tz=moment.tzinfo)


def _count(provider_id: int, began_at: datetime, *, ok: bool, slowest: int) -> None:
    """One attempt; raises IntegrityError where somebody else made the row first."""
    row = HealthSample.objects.filter(provider=provider_id, began_at=began_at)
    changes = (
        {"succeeded": F("succeeded") + 1, "slowest_ms": Greatest(F("slowest_ms"), Value(slowest))}
        if ok
        else {"failed": F("failed") + 1}
    )
    if row.update(**changes) or not Provider.objects.filter(pk=provider_id).exists():
        return
    with transaction.atomic():
        HealthSample.objects.create(
            provider_id=provider_id, began_at=began_at, succeeded=int(ok), failed=int(not ok), slowest_ms=slowest
        )
