"""How much each master key has sealed, and which keys the processes of this installation seal with.

Counts are gathered in memory. Every process that reads settings writes them down each `EVERY_SECONDS` and at its end,
so one that is killed takes with it what it sealed since. With each writing it says which key of each keyring is its
newest: `rotate_keys` says of no key that it may go while some process still seals with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from django.db import Error, IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from settings_store.crypto import give_back, keyrings, take_counts
from settings_store.models import KeyUse

logger = logging.getLogger(__name__)

EVERY_SECONDS = 10
# A key counts as in use for as long as several rounds take, so that one that is late means nothing.
SEEN_SECONDS = 60
# Random nonces of 96 bits: a newer key is urged long before 2**32 values, the most that one key should seal.
URGED_AT = 2**31


def write_down(*, announce: bool = False) -> None:
    """Add what this process counted to what is written; with `announce` also say which keys it seals with.

    Raises django.db.Error; what could not be written then is kept for the next time.
    """
    left = take_counts()
    if announce:
        left = _newest() | left
    try:
        # In one order everywhere, each for itself: no two processes ever wait for each other.
        for (environment, key), count in sorted(left.items(), key=lambda item: item[0][1]):
            _add(environment, key, count)
            del left[environment, key]
    finally:
        give_back(left)


def in_use() -> set[str]:
    """The names of the keys that a process lately announced as the one it seals with."""
    since = timezone.now() - timedelta(seconds=SEEN_SECONDS)
    return set(KeyUse.objects.filter(seen_at__gte=since).values_list("key_id", flat=True))


def go_round() -> None:
    """Called by the thread that watches settings: every `EVERY_SECONDS` it has everything written down.

    By a thread of its own, so that a database busy with writing never keeps settings from being read.
    """
    global _round, _next_round
    if time.monotonic() < _next_round or (_round is not None and _round.is_alive()):
        return
    _next_round = time.monotonic() + EVERY_SECONDS
    announcing = threading.Thread(target=_announce, name="keys in use", daemon=True)
    # A process that is ending starts no thread any more.
    with suppress(RuntimeError):
        announcing.start()
        _round = announcing


def with_each_round(act: Callable[[], object], trouble: str) -> None:
    """Have `act` called in the same thread each round; where the database fails it, `trouble` is logged."""
    _acts.append((trouble, act))


def leave() -> None:
    """Write down what is left at the end of the process."""
    if _round is not None:
        _round.join(EVERY_SECONDS)
    # Whatever the database says now, there is nobody left to hear it.
    with suppress(Exception):
        write_down()


_acts: list[tuple[str, Callable[[], object]]] = []
_round: threading.Thread | None = None
_next_round = 0.0
_failed: set[str] = set()


def _announce() -> None:
    try:
        _try("The use of keys could not be written down", partial(write_down, announce=True))
        for trouble, act in _acts:
            _try(trouble, act)
    finally:
        connection.close()


def _try(trouble: str, act: Callable[[], object]) -> None:
    try:
        act()
        _failed.discard(trouble)
    # The next round tries again, and is silent about what fails in a row.
    except Error as error:
        if trouble not in _failed:
            logger.warning("%s: %s", trouble, type(error).__name__)
        _failed.add(trouble)


def _newest() -> dict[tuple[str, str], int]:
    return {(ring.environment, ring.newest.id.hex()): 0 for ring in keyrings()}


def _add(environment: str, key: str, count: int) -> None:
    use, now = KeyUse.objects.filter(pk=key), timezone.now()
    if use.update(sealed_count=F("sealed_count") + count, seen_at=now):
        return
    try:
        with transaction.atomic():
            KeyUse.objects.create(key_id=key, environment=environment, sealed_count=count, seen_at=now)
    except IntegrityError:
        # Another process was first.
        use.update(sealed_count=F("sealed_count") + count, seen_at=now)
