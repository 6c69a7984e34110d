"""The life of one answer: call the model server, keep what comes, store it, finish.

A generation is a task of the web process that took the message. It belongs to no request, so tabs come and go, and
streams only read it (``chat.tail``): from memory in this process, from the database in any other.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from django.db import Error
from django.utils.translation import gettext as _

from chat import fanout, slots
from chat.actions.message import keep_answers
from chat.endings import AnswerEnd, store_end
from chat.llm import stream_chat
from chat.llm_errors import Kind, ProviderError, too_long_sentence
from chat.models import Message
from chat.requests import AnswerRequest
from chat.tasks import entitle_later
from settings_store.database import in_database

# Leases are renewed, grown text is stored and stops are looked for this often, for all answers of a process at once.
# Readers in another process see what is stored, so few answers are stored more often than many.
KEEP_SECONDS = 0.75
KEEP_SECONDS_FOR_ONE = 0.2
KEEP_SECONDS_FOR_EACH_MORE = 0.015
FINISH_ATTEMPTS = 9

logger = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Generation:
    """An answer as it grows in this process; it wakes those who wait for more of it."""

    request: AnswerRequest
    parts: list[str] = field(init=False)
    length: int = field(init=False)
    stored: int = field(init=False)
    tokens_in: int | None = None
    tokens_out: int | None = None
    first_token_ms: int | None = None
    cut_short: bool = False
    began: float = field(default_factory=time.monotonic)
    stop_asked: bool = False
    is_over: bool = False
    receiving: asyncio.Task[None] | None = None
    waiting: set[asyncio.Event] = field(default_factory=set)

    def __post_init__(self) -> None:
        # One that goes on has its text already, for readers and in the database.
        earlier = self.request.earlier.text
        self.parts = [earlier] if earlier else []
        self.length = self.stored = len(earlier)

    @property
    def has_new(self) -> bool:
        """Whether anything has come since it began."""
        return self.length > len(self.request.earlier.text)

    @property
    def is_first(self) -> bool:
        """Whether what has come is its first text, of which nothing is stored yet."""
        return self.has_new and self.stored == len(self.request.earlier.text)

    def append(self, text: str) -> None:
        if self.first_token_ms is None:
            self.first_token_ms = self.milliseconds()
        self.parts.append(text)
        self.length += len(text)
        self.wake()

    def since(self, position: int) -> str:
        """What came after the first `position` characters."""
        missing = self.length - position
        if missing <= 0:
            return ""
        found: list[str] = []
        for part in reversed(self.parts):
            found.append(part)
            missing -= len(part)
            if missing <= 0:
                break
        return "".join(reversed(found))[-missing if missing else 0 :]

    def text(self) -> str:
        return "".join(self.parts)

    def milliseconds(self) -> int:
        return int((time.monotonic() - self.began) * 1000)

    def wake(self) -> None:
        for event in self.waiting:
            event.set()


_running: dict[UUID, Generation] = {}
# The loop holds its tasks by weak references only.
_tasks: set[asyncio.Task[None]] = set()
_keeper: _Keeper | None = None


def running(public_id: UUID) -> Generation | None:
    """The generation of this answer, if it is in this process."""
    return _running.get(public_id)


def start(request: AnswerRequest) -> Generation:
    """Begin an answer in this process; only the view that took the message does."""
    generation = _running[request.public_id] = Generation(request)
    _spawn(_live(generation))
    _keep()
    fanout.tell(request.public_id, generation, stop=stop)
    return generation


def stop(public_id: UUID) -> None:
    """End an answer of this process now; elsewhere its keeper reads of it in the database."""
    generation = _running.get(public_id)
    if generation is not None and not generation.stop_asked:
        generation.stop_asked = True
        if generation.receiving is not None:
            generation.receiving.cancel()


async def finish_all(seconds: float) -> None:
    """Let the answers of this process come to their end for so long, and interrupt the rest: the process is ending."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while _running:
                await asyncio.wait(set(_tasks), return_when=asyncio.FIRST_COMPLETED)
    for generation in list(_running.values()):
        if generation.receiving is not None:
            generation.receiving.cancel()
    if _tasks:
        await asyncio.wait(set(_tasks), timeout=5)


def _spawn(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    # An empty context: in that of a request, every question to the database would hold on to the request's thread.
    task = asyncio.get_running_loop().create_task(coroutine, context=contextvars.Context())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def _live(generation: Generation) -> None:
    request = generation.request
    status, error = Message.Status.INTERRUPTED, ""
    # What the end says about the server; nothing, where it was somebody here who ended it.
    is_well: bool | None = None
    try:
        # A task inside the task: stopping cancels the first, and the second still stores what there is.
        generation.receiving = asyncio.create_task(_receive(generation))
        if generation.stop_asked:
            generation.receiving.cancel()
        await generation.receiving
        status, is_well = Message.Status.COMPLETE, True
        if not generation.length:
            status, error = Message.Status.FAILED, _("The model answered with nothing.")
    except ProviderError as failure:
        status = Message.Status.INTERRUPTED if failure.kind is Kind.CUT else Message.Status.FAILED
        is_well = None if failure.kind is Kind.TOO_LONG else False
        error = failure.sentence
        if failure.kind is Kind.TOO_LONG:
            error = too_long_sentence(knows_context=request.knows_context)
        logger.warning("answer_failed", answer=str(request.public_id), kind=failure.kind.value, detail=failure.detail)
    except asyncio.CancelledError:
        if generation.stop_asked:
            status, is_well = Message.Status.STOPPED, generation.has_new or None
        else:
            error = _("The server stopped while this was being written.")
    except Exception:
        logger.exception("answer_failed", answer=str(request.public_id))
        status, error = Message.Status.FAILED, _("Something went wrong while this was being written.")
    finally:
        try:
            await _finish(generation, status, error, is_well=is_well)
        finally:
            # Somebody may have let it go on the moment it was stored.
            if _running.get(request.public_id) is generation:
                del _running[request.public_id]
            slots.freed(request.provider_id)
            generation.is_over = True
            generation.wake()
    if status is Message.Status.COMPLETE and request.needs_title:
        await entitle_later(request.answer_id)


async def _receive(generation: Generation) -> None:
    request = generation.request
    if request.waits:
        await slots.place(request.answer_id, request.provider_id)
        generation.began = time.monotonic()
    stream = stream_chat(
        request.endpoint,
        model=request.model,
        messages=request.messages,
        parameters=request.parameters,
        patience=request.patience,
    )
    async with aclosing(stream):
        async for delta in stream:
            if delta.text:
                generation.append(delta.text)
                if generation.is_first:
                    _keep().wanted.set()
            if delta.finish == "length":
                generation.cut_short = True
            if delta.tokens_in is not None:
                generation.tokens_in = delta.tokens_in
            if delta.tokens_out is not None:
                generation.tokens_out = delta.tokens_out


async def _finish(generation: Generation, status: Message.Status, error: str, *, is_well: bool | None) -> None:
    end = AnswerEnd(
        request=generation.request,
        status=status,
        error=error,
        content=generation.text(),
        tokens_in=generation.tokens_in,
        tokens_out=generation.tokens_out,
        first_token_ms=generation.first_token_ms,
        duration_ms=generation.milliseconds(),
        cut_short=generation.cut_short,
        is_well=is_well,
    )
    for attempt in range(FINISH_ATTEMPTS):
        try:
            await in_database(store_end, end)
        except Error as trouble:
            # The database may be away for a moment; the answer is whole here and must not be lost for that.
            logger.warning("answer_not_stored", answer=str(generation.request.public_id), error=repr(trouble))
            await asyncio.sleep(0.1 * 2**attempt)
        else:
            return


class _Keeper:
    """Stores what has grown and renews the leases, as long as anything is being written in this process."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        # Set at the first text of an answer, which is stored at once.
        self.wanted = asyncio.Event()
        self.task = _spawn(self.run())

    async def run(self) -> None:
        due = self.loop.time() + KEEP_SECONDS_FOR_ONE
        while _running:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.wanted.wait(), max(due - self.loop.time(), 0))
            self.wanted.clear()
            everything = self.loop.time() >= due
            if everything:
                due = self.loop.time() + min(
                    KEEP_SECONDS, KEEP_SECONDS_FOR_ONE + KEEP_SECONDS_FOR_EACH_MORE * (len(_running) - 1)
                )
            await self.keep([each for each in _running.values() if everything or each.is_first])

    async def keep(self, generations: list[Generation]) -> None:
        grown = {
            generation.request.answer_id: generation.text() if generation.length > generation.stored else None
            for generation in generations
        }
        lengths = [generation.length for generation in generations]
        try:
            to_stop = await in_database(keep_answers, grown)
        except Error as trouble:
            logger.warning("answers_not_kept", error=repr(trouble))
            return
        for generation, length in zip(generations, lengths, strict=True):
            generation.stored = length
            if generation.request.answer_id in to_stop:
                stop(generation.request.public_id)


def _keep() -> _Keeper:
    global _keeper
    # One for each loop: a process has one, a run of tests has many.
    if _keeper is None or _keeper.task.done() or _keeper.loop is not asyncio.get_running_loop():
        _keeper = _Keeper()
    return _keeper
