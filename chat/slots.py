"""Places at a model server that takes only so many answers at one moment, exact across all web processes.

An answer that waits is pending without `asked_at`, and its process keeps its lease alive. A place is taken by setting
that, under a lock on the server's row, in the order in which the answers were asked for; it is free again when the
answer ends, or when the lease of a process that died runs out.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Collection
from contextlib import suppress

import structlog
from django.db import Error, transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import Message, Provider
from settings_store.database import in_database

# An end in this process is heard of at once, one in another by looking so often.
LOOK_SECONDS = 0.4

logger = structlog.get_logger(__name__)


async def place(answer_id: int, provider_id: int) -> None:
    """Come back when this answer may be asked of its server; cancelling it gives up the wait."""
    line = _lines.get(provider_id)
    if line is None or line.task.done() or line.task.get_loop() is not asyncio.get_running_loop():
        line = _lines[provider_id] = _Line(provider_id)
    await line.wait(answer_id)


def freed(provider_id: int) -> None:
    """An answer of this process has ended: whoever waits here looks at once."""
    if line := _lines.get(provider_id):
        line.look.set()


class _Line:
    """The answers of this process that wait for one server; one question to the database asks for all of them."""

    def __init__(self, provider_id: int) -> None:
        self.provider_id = provider_id
        self.waiting: dict[int, asyncio.Future[None]] = {}
        self.look = asyncio.Event()
        # An empty context: that of a request would hold on to its thread (see chat.generation).
        self.task = asyncio.get_running_loop().create_task(self.run(), context=contextvars.Context())

    async def wait(self, answer_id: int) -> None:
        self.waiting[answer_id] = asyncio.get_running_loop().create_future()
        self.look.set()
        try:
            await self.waiting[answer_id]
        finally:
            self.waiting.pop(answer_id, None)
            self.look.set()

    async def run(self) -> None:
        while True:
            if not self.waiting:
                # Nothing is awaited from here to the end, so nobody joins a line that is about to close.
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self.look.wait(), LOOK_SECONDS)
            self.look.clear()
            try:
                taken = await in_database(take_places, self.provider_id, list(self.waiting))
            except Error as trouble:
                logger.warning("places_not_asked_for", error=repr(trouble))
                continue
            for answer_id in taken:
                if (future := self.waiting.get(answer_id)) and not future.done():
                    future.set_result(None)


def take_places(provider_id: int, answer_ids: Collection[int]) -> list[int]:
    """Those of these waiting answers that may be asked now, which has been noted of them."""
    # A look without any lock first: most looks find all places taken.
    if not _next(provider_id, answer_ids):
        return []
    with transaction.atomic():
        # The row is only locked; that it may be gone by now is found by whoever reads it.
        list(Provider.objects.select_for_update().filter(pk=provider_id).values_list("pk"))
        taken = _next(provider_id, answer_ids)
        Message.objects.filter(pk__in=taken, asked_at__isnull=True).update(asked_at=timezone.now())
    return taken


def _next(provider_id: int, answer_ids: Collection[int]) -> list[int]:
    limit = Provider.objects.filter(pk=provider_id).values_list("parallel_limit", flat=True).first()
    if limit is None:
        return list(answer_ids)
    # Of one that nobody writes any more the place is free, whether or not somebody has said "interrupted" yet.
    alive = Message.objects.filter(
        Q(lease_until__gte=timezone.now()), status__in=Message.UNFINISHED, model__provider=provider_id
    )
    free = limit - alive.filter(asked_at__isnull=False).count()
    if free <= 0:
        return []
    line = alive.filter(asked_at__isnull=True, stop_requested=False).order_by("pk")
    first = set(line.values_list("pk", flat=True)[:free])
    return [each for each in answer_ids if each in first]


_lines: dict[int, _Line] = {}
