"""The database from code that lives longer than a request: streams, and answers being written.

Two threads ask for everybody, and each gives its connection back to the pool after every question, so that hundreds
of open streams hold none. A connection to SQLite is a file of the thread's own that nobody waits for: it stays open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from django.db import connection, connections, models

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="house-database")
_leisurely = ThreadPoolExecutor(max_workers=2, thread_name_prefix="house-files")


async def in_database[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` answers, asked in a thread of its own whose connection is closed afterwards."""
    return await _asked(_threads, partial(work, *args, **kwargs))


async def at_leisure[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for what may take long, as files of a whole trail: nobody who waits for an answer waits behind it."""
    return await _asked(_leisurely, partial(work, *args, **kwargs))


async def _asked[T](threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    def ask() -> T:
        try:
            return work()
        finally:
            if connection.vendor != "sqlite" or connection.errors_occurred:
                close_connections()

    return await asyncio.get_running_loop().run_in_executor(threads, ask)


class ReferredQuerySet[M: models.Model](models.QuerySet[M]):
    """Of rows that many others refer to: to lock them is not to forbid that."""

    def select_for_update(self, *args: Any, **kwargs: Any) -> Self:
        # PostgreSQL looks at what a new row refers to when it commits, and so with the end of the trail in its hand:
        # waiting there for somebody who holds the row and waits for the end of the trail, it would wait for ever.
        kwargs.setdefault("no_key", connection.features.has_select_for_no_key_update)
        return super().select_for_update(*args, **kwargs)


def close_connections() -> None:
    """Give back the connections of this thread, but for one that somebody holds a transaction on."""
    for each in connections.all(initialized_only=True):
        if not each.in_atomic_block:
            each.close()
