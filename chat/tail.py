"""What streams send: the text of one answer as it grows, in this process or any other, and always an end.

A stream never begins an answer. It opens with what there is already, so a reader who comes back needs to remember
nothing: `body` (finished blocks as HTML, the rest as text), then `text` and `block`, and `done` with the whole article.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from django.db import Error
from django.utils import timezone
from django.utils.html import escape

from accounts.impersonation import acts_as
from accounts.models import Session
from accounts.sessions import absolute_life, idle_life
from chat import fanout
from chat.actions.message import interrupt_orphans
from chat.generation import Generation, running
from chat.markdown import finished_length, opens_code, to_html, unfinished_html
from chat.models import Message
from rbac.backend import RoleBackend
from settings_store.database import in_database

# At most 25 events a second for each reader: faster than anybody reads, and cheaper for both sides.
PACE_SECONDS = 0.04
# Of an answer in another process the database is asked this often, for all its readers here in one query; before the
# first word more often, and the less so the longer it takes.
POLL_SECONDS = 0.25
POLL_FIRST_SECONDS = 0.005
POLL_FIRST_SHARE = 0.25
# Timers that run out together are heard within this time.
GATHER_SECONDS = 0.002
# Of an answer in another process nothing came by Redis for so long: a look at the database tells whether it is alive.
QUIET_SECONDS = 1.0
WATCH_SECONDS = 1.5
LONG_BLOCK = 4_000
# A line of nothing now and then, so that nobody between here and the reader takes the stream for dead.
BEAT_EVERY = 10

logger = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Reader:
    """An open stream, and through which session of whom it was opened."""

    session_id: UUID
    user_id: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False
    beat: bool = False


async def follow(
    answer: Message, reader: Reader, *, done: Callable[[], str], signed_out: Callable[[], str]
) -> AsyncGenerator[bytes, None]:
    """Events until the answer is finished; `done` and `signed_out` render what then stands in its place."""
    frames = _Frames(answer.public_id)
    generation = running(answer.public_id)
    texts = _from_memory(generation, reader) if generation else _from_elsewhere(answer, reader)
    _watch(reader)
    try:
        async with aclosing(texts):
            async for text in texts:
                yield await frames.event(text)
        yield _event("done", await in_database(signed_out if reader.cut else done), frames.position)
    finally:
        _open.discard(reader)


async def _from_memory(generation: Generation, reader: Reader) -> AsyncGenerator[str, None]:
    loop = asyncio.get_running_loop()
    position = 0
    last = 0.0
    generation.waiting.add(reader.wake)
    try:
        while not reader.cut:
            reader.wake.clear()
            text = generation.since(position)
            if text or reader.beat:
                reader.beat = False
                position += len(text)
                last = loop.time()
                yield text
            elif generation.is_over:
                return
            else:
                await reader.wake.wait()
                early = last + PACE_SECONDS - loop.time()
                if early > 0:
                    await asyncio.sleep(early)
    finally:
        generation.waiting.discard(reader.wake)


async def _from_elsewhere(answer: Message, reader: Reader) -> AsyncGenerator[str, None]:
    """From the database, and in between sooner by Redis where the house has one."""
    loop = asyncio.get_running_loop()
    begun, position = loop.time(), 0
    while not reader.cut:
        content, goes_on = await _look(answer.pk)
        text = content[position:]
        if text or reader.beat:
            reader.beat = False
            position += len(text)
            yield text
        if not goes_on:
            return
        before = position
        with fanout.echo_of(answer.public_id, position, reader.wake) as echo:
            if echo is not None:
                async for text in _from_echo(echo, reader, position):
                    position += len(text)
                    yield text
        if echo is None or (echo.is_over and position == before):
            # At moments that all readers share, so that they ask together.
            pause = POLL_SECONDS - loop.time() % POLL_SECONDS
            if not position:
                pause = min(pause, max(POLL_FIRST_SECONDS, POLL_FIRST_SHARE * (loop.time() - begun)))
            await _woken(reader, pause)


async def _from_echo(echo: fanout.Echo, reader: Reader, position: int) -> AsyncGenerator[str, None]:
    """What Redis brings, until that is all, is lost or falls silent: then the database says how things stand."""
    while not (reader.cut or reader.beat):
        text = echo.since(position)
        if text:
            position += len(text)
            yield text
        elif echo.is_over or not await _woken(reader, QUIET_SECONDS):
            return


async def _woken(reader: Reader, seconds: float) -> bool:
    """Whether the reader was woken within so many seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(reader.wake.wait(), seconds)
    woken = reader.wake.is_set()
    reader.wake.clear()
    return woken


_looked_for: dict[int, asyncio.Future[tuple[str, bool]]] = {}


async def _look(pk: int) -> tuple[str, bool]:
    """What an answer has in the database, and whether more may come; whoever looks at the same moment looks along."""
    loop = asyncio.get_running_loop()
    found = _looked_for.get(pk)
    if found is None or found.get_loop() is not loop:
        if not any(each.get_loop() is loop for each in _looked_for.values()):
            _looked_for.clear()
            loop.call_later(GATHER_SECONDS, lambda: _spawn(_look_for_all()))
        found = _looked_for[pk] = loop.create_future()
    return await asyncio.shield(found)


async def _look_for_all() -> None:
    asked = dict(_looked_for)
    _looked_for.clear()
    try:
        found = await in_database(_grown, list(asked))
    except Exception as trouble:  # theirs to tell
        for future in asked.values():
            future.set_exception(trouble)
            # Whoever asked may have left.
            future.exception()
    else:
        for pk, future in asked.items():
            future.set_result(found.get(pk, ("", False)))


def _grown(pks: list[int]) -> dict[int, tuple[str, bool]]:
    """What each of these answers has in the database, and whether more may come."""
    rows = Message.objects.filter(pk__in=pks).values_list("pk", "status", "content", "lease_until")
    now, found, orphans = timezone.now(), {}, False
    for pk, status, content, lease_until in rows:
        goes_on = status in Message.UNFINISHED
        is_orphan = goes_on and lease_until is not None and lease_until < now
        orphans = orphans or is_orphan
        found[pk] = content, goes_on and not is_orphan
    if orphans:
        interrupt_orphans()
    return found


_tasks: set[asyncio.Task[None]] = set()


def _spawn(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    # An empty context: that of a reader's request would hold on to its thread (see chat.generation).
    task = asyncio.get_running_loop().create_task(coroutine, context=contextvars.Context())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


class _Frames:
    """Text as events: plain while a block is being written, as HTML once nothing can change it any more."""

    def __init__(self, public_id: UUID) -> None:
        self.public_id = public_id
        self.position = 0
        self.tail = ""
        self.is_code = False
        self.look_at = 0

    async def event(self, text: str) -> bytes:
        if not text:
            return b":\n\n"
        # A look at blocks can take its time, which all other streams of this process would lose.
        return await asyncio.to_thread(self._grown, text) if "\n" in text else self._grown(text)

    def _grown(self, text: str) -> bytes:
        first = not self.position
        self.position += len(text)
        self.tail += text
        finished = self._finished() if "\n" in text else 0
        blocks, self.tail = self.tail[:finished], self.tail[finished:]
        was_code, self.is_code = self.is_code, opens_code(self.tail)
        if not finished and not first and self.is_code == was_code:
            return _event("text", escape(text), self.position)
        # Out of band: the text that stood below the blocks is now one of them, or turns out to be code.
        rest = f'<div hx-swap-oob="innerHTML:#tail-{self.public_id}">{unfinished_html(self.tail)}</div>'
        # Code takes its colours with the whole article: they cost the most, and would be paid for twice.
        html = to_html(blocks, in_colour=False)
        return _event("body" if first else "block", f"{html}{rest}", self.position)

    def _finished(self) -> int:
        # Blocks end at a line end, so most pieces need no look at all. A long block is looked at again only when it has
        # grown by a part of itself: else the cost of an answer would grow with the square of its length.
        if len(self.tail) < self.look_at or "\n\n" not in self.tail:
            return 0
        finished = finished_length(self.tail)
        rest = len(self.tail) - finished
        self.look_at = rest + rest // 8 if rest > LONG_BLOCK else 0
        return finished


def _event(name: str, data: str, position: int) -> bytes:
    # A carriage return would end the line for the reader; none gets as far as here but from templates.
    lines = data.replace("\r", "").replace("\n", "\ndata: ")
    return f"id: {position}\nevent: {name}\ndata: {lines}\n\n".encode()


_open: set[Reader] = set()
_watcher: asyncio.Task[None] | None = None


def _watch(reader: Reader) -> None:
    global _watcher
    _open.add(reader)
    if _watcher is None or _watcher.done() or _watcher.get_loop() is not asyncio.get_running_loop():
        _watcher = _spawn(_watch_all())


async def _watch_all() -> None:
    """Cut the streams of people who were signed out, deactivated or may no longer chat, within two seconds."""
    ticks = 0
    while _open:
        await asyncio.sleep(WATCH_SECONDS)
        ticks += 1
        readers = list(_open)
        try:
            allowed = await in_database(_still_allowed, {(reader.session_id, reader.user_id) for reader in readers})
        except Error as trouble:
            logger.warning("streams_not_checked", error=repr(trouble))
            continue
        for reader in readers:
            reader.cut = (reader.session_id, reader.user_id) not in allowed
            reader.beat = ticks % BEAT_EVERY == 0
            if reader.cut or reader.beat:
                reader.wake.set()


def _still_allowed(pairs: set[tuple[UUID, int]]) -> set[tuple[UUID, int]]:
    now, idle, absolute = timezone.now(), idle_life(), absolute_life()
    sessions = list(Session.objects.filter(public_id__in={session_id for session_id, _user_id in pairs}))
    alive = {
        (session.public_id, session.user_id)
        for session in sessions
        if not session.is_over(now=now, idle=idle, absolute=absolute)
    }
    # Whoever acts as somebody else reads as that person, for as long as they may.
    for session in sessions:
        if session.acting_as_id is not None and (session.public_id, session.user_id) in alive:
            alive.discard((session.public_id, session.user_id))
            alive.add((session.public_id, acts_as(session)))
    people = RoleBackend().get_users({user_id for _session_id, user_id in pairs & alive})
    chatting = {person.pk for person in people if person.has_perm("chat.use")}
    return {pair for pair in pairs & alive if pair[1] in chatting}
