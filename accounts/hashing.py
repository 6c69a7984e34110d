"""Turns at hashing passwords, so that a crowd at the door leaves room for those who are inside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from settings_store.database import close_connections

# A hash takes a tenth of a second of processor time or two, and 100 MB: a crowd at the door waits here, not in swap,
# and half of the cores stay with those who are inside.
turns = BoundedSemaphore(max(1, (os.cpu_count() or 2) // 2))
# Browsers and proxies wait a little longer than this, and people hardly.
WAIT_SECONDS = 25


class Crowded(Exception):
    """So many passwords are being checked that the turn of this one did not come."""


@contextmanager
def hashing() -> Iterator[None]:
    """A turn at hashing; whoever must wait for it leaves their connection to those who can use it."""
    if not turns.acquire(blocking=False):
        close_connections()
        if not turns.acquire(timeout=WAIT_SECONDS):
            raise Crowded
    try:
        yield
    finally:
        turns.release()
