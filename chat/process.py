"""What a web process owes to answers when it begins and when it ends."""

from __future__ import annotations

import asyncio

import structlog
from django.db import Error

from chat import fanout, generation, watch
from chat.actions.message import interrupt_orphans
from settings_store.database import in_database

# Leases left by a process that died have run out by the last of these (see actions.message.LEASE).
SWEEPS_AT_SECONDS = (0.0, 2.0, 4.0, 6.2)
# Within the time a server gives its workers to end.
LAST_SECONDS = 20

logger = structlog.get_logger(__name__)


async def begin() -> asyncio.Task[None]:
    """Say "interrupted" on the answers of processes that are gone, then look after model servers.

    Keep the task until the process ends.
    """
    return asyncio.create_task(_begin())


async def end() -> None:
    """Let the answers of this process come to their end, and interrupt those that take too long."""
    await generation.finish_all(LAST_SECONDS)
    await fanout.close()


async def _begin() -> None:
    await _sweep()
    await watch.watch()


async def _sweep() -> None:
    waited = 0.0
    for at in SWEEPS_AT_SECONDS:
        await asyncio.sleep(at - waited)
        waited = at
        try:
            await in_database(interrupt_orphans)
        except Error as trouble:
            # Not migrated yet, or not there yet: whoever reads such an answer finds it interrupted all the same.
            logger.warning("orphans_not_swept", error=repr(trouble))
