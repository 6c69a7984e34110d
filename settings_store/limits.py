"""One exact counter for everything that is limited: sign-ins, keys, quotas.

`reserve` counts before the thing is tried. The count is one conditional UPDATE, so that however many processes ask at
once, on any database, no more than the limit get a yes.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from settings_store.crypto import derived_key
from settings_store.models import LimitCounter

# Each turn of the loop needs somebody else to have got in between; this many in a row do not happen by chance.
TURNS = 50
# What is added to the count of a window that `hold` shut: far beyond any limit, and the mark that it was.
HELD = 1_000_000
# What MariaDB answers the one of two that it lets go, where each waits for the other over the two indexes of the table.
DEADLOCK = 1213
# Windows that ended are cleared a few at a time, whenever a new one opens.
SWEEP = 20


@dataclass(frozen=True, slots=True)
class Reservation:
    allowed: bool
    # Seconds until the next attempt can succeed; 0 where this one was allowed.
    retry_after: int = 0


def reserve(scope: str, subject: str, *, limit: int, seconds: int) -> Reservation:
    """Take one of `limit` attempts that `subject` has in `scope` within a window of `seconds`.

    Raises RuntimeError inside a transaction, because its rollback would give the attempt back unseen.
    """
    if limit <= 0:
        return Reservation(allowed=False, retry_after=seconds)
    key = _key(scope, subject)
    return _in_turns(lambda: _reserved(key, limit, seconds)) or Reservation(allowed=False, retry_after=1)


def _reserved(key: str, limit: int, seconds: int) -> Reservation | None:
    """One attempt at an answer; None where somebody got in between."""
    mine, now = LimitCounter.objects.filter(key=key), timezone.now()
    with transaction.atomic(durable=True):
        taken = mine.filter(window_ends__gt=now, count__lt=limit).update(count=F("count") + 1)
    if taken:
        return Reservation(allowed=True)
    if mine.filter(window_ends__lte=now).update(count=1, window_ends=now + timedelta(seconds=seconds)):
        return Reservation(allowed=True)
    row = mine.values_list("count", "window_ends").first()
    if row is None:
        return Reservation(allowed=True) if _opened(key, seconds) else None
    if row[0] >= limit and row[1] > now:
        return Reservation(allowed=False, retry_after=max(1, math.ceil((row[1] - now).total_seconds())))
    return None


def release(scope: str, subject: str) -> None:
    """Give one attempt back, for instance because it turned out to be no attempt at all."""
    mine = LimitCounter.objects.filter(key=_key(scope, subject), window_ends__gt=timezone.now(), count__gt=0)
    _in_turns(lambda: mine.update(count=F("count") - 1))


def hold(scope: str, subject: str, *, limit: int, seconds: int) -> bool:
    """Where all `limit` attempts are used up, refuse further ones for `seconds` from now, whenever the first was.

    Answers whether this call began that: of any number that fail at once, exactly one hears yes.
    """
    used_up = LimitCounter.objects.filter(key=_key(scope, subject), count__gte=limit, count__lt=HELD)
    until = timezone.now() + timedelta(seconds=seconds)
    return bool(_in_turns(lambda: used_up.update(count=F("count") + HELD, window_ends=until)))


def prolong(scope: str, subject: str, *, seconds: int) -> None:
    """Let the window that is open now end in `seconds`, whenever it would have ended."""
    now = timezone.now()
    mine = LimitCounter.objects.filter(key=_key(scope, subject), window_ends__gt=now)
    _in_turns(lambda: mine.update(window_ends=now + timedelta(seconds=seconds)))


def tally(scope: str, subject: str, *, seconds: int) -> int:
    """Count one more without any limit; how many that makes, none of them more than `seconds` after the one before."""
    key = _key(scope, subject)
    return _in_turns(lambda: _tallied(key, seconds)) or 1


def reset(scope: str, subject: str, *, also: Iterable[str] = ()) -> None:
    """Forget every attempt, for instance after a success; those of the scopes `also` in the same statement."""
    keys = [_key(each, subject) for each in (scope, *also)]
    _in_turns(lambda: LimitCounter.objects.filter(key__in=keys).delete())


def _in_turns[T](turn: Callable[[], T | None]) -> T | None:
    """The answer of the first turn in which nobody got in between; None after far more turns than that takes."""
    for _turn in range(TURNS):
        try:
            answer = turn()
        except OperationalError as error:
            # Nothing of this turn was counted; the next one is.
            if error.args[:1] != (DEADLOCK,) or connection.in_atomic_block:
                raise
            continue
        if answer is not None:
            return answer
    return None


def _tallied(key: str, seconds: int) -> int | None:
    mine, now = LimitCounter.objects.filter(key=key), timezone.now()
    until = now + timedelta(seconds=seconds)
    # The row is ours from the first statement to the end, so what is read is what this call made of it.
    with transaction.atomic():
        if mine.filter(window_ends__gt=now).update(count=F("count") + 1, window_ends=until):
            return int(mine.values_list("count", flat=True).get())
    if mine.filter(window_ends__lte=now).update(count=1, window_ends=until) or _opened(key, seconds):
        return 1
    return None


def _opened(key: str, seconds: int) -> bool:
    now = timezone.now()
    over = list(LimitCounter.objects.filter(window_ends__lt=now).order_by("pk").values_list("pk", flat=True)[:SWEEP])
    # To delete nothing would still wait for its turn at writing.
    if over:
        LimitCounter.objects.filter(pk__in=over, window_ends__lt=now).delete()
    try:
        with transaction.atomic():
            LimitCounter.objects.create(key=key, count=1, window_ends=now + timedelta(seconds=seconds))
    except IntegrityError:
        return False
    return True


def _key(scope: str, subject: str) -> str:
    # Keyed, so that the table tells nobody which addresses and names were tried.
    return hmac.digest(
        derived_key("limits"), f"{len(scope)}:{scope}:{subject}".encode("utf-8", "replace"), "sha256"
    ).hex()
