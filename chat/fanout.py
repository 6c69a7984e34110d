"""The text of answers from process to process by Redis, so that a reader elsewhere need not wait for the database.

The database stays the truth: where Redis is away, late or has lost something, readers go on with what is stored
(``chat.tail``) and writers write on.

Each answer has a Redis stream of its own while it is written and two minutes longer. The id of an entry is the length
of the answer with it (`120-0`), so that a reader asks for what lies beyond the length it knows and nothing counts
twice. One more stream holds wishes to stop, and every process that writes an answer reads it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.utils.translation import gettext as _
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

STOPS = "gatehouse:stops"
MAX_STOPS = 1_000
# No answer has more characters than twenty of each; what is cut away in front is read from the database.
MAX_ENTRIES = 10_000
# A stream of a process that died goes by itself; others are kept while they grow, and a little for those who come late.
LIFE_SECONDS = 600
RENEW_SECONDS = 60
LIFE_AFTER_END_SECONDS = 120
# How often a process sends and fetches at most, for all its answers at once; the more it writes, the less often.
PACE_SECONDS = 0.04
PACE_SECONDS_FOR_EACH = 0.001
PACE_SECONDS_AT_MOST = 0.25
BLOCK_MILLISECONDS = 250
# After trouble nobody asks Redis for so long.
REST_SECONDS = 1.0
PATIENCE_SECONDS = 2.0

logger = structlog.get_logger(__name__)


class Growing(Protocol):
    """An answer of this process while it is written (``chat.generation``)."""

    length: int
    is_over: bool
    waiting: set[asyncio.Event]

    def since(self, position: int) -> str: ...


class Echo:
    """An answer that another process writes, as it grows here from `start` on; over at its end, or where it is lost."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.text = ""
        self.is_over = False
        self.waiting: set[asyncio.Event] = set()

    @property
    def length(self) -> int:
        return self.start + len(self.text)

    def since(self, position: int) -> str:
        return self.text[position - self.start :]

    def hear(self, entry: str, fields: Mapping[bytes, bytes]) -> None:
        end = int(entry.partition("-")[0])
        text = fields.get(b"text", b"").decode()
        if end - len(text) > self.length or b"over" in fields:
            # Something in between is missing, or nothing more comes: the database knows the rest.
            self.is_over = True
        elif end > self.length:
            self.text += text[self.length - end :]
        self.wake()

    def lose(self) -> None:
        self.is_over = True
        self.wake()

    def wake(self) -> None:
        for event in self.waiting:
            event.set()


def tell(public_id: UUID, text: Growing, *, stop: Callable[[UUID], None]) -> None:
    """Let other processes read along from now to the end, and hear from them when it is to stop."""
    if (fanout := _of_this_loop()) is not None:
        fanout.tell(public_id, text, stop)


def ask_stop(public_id: UUID) -> None:
    """Ask the process that writes this answer to stop; it finds the wish in the database too, only later."""
    if (fanout := _of_this_loop()) is not None:
        fanout.spawn(fanout.ask_stop(public_id))


@contextmanager
def echo_of(public_id: UUID, position: int, wake: asyncio.Event) -> Iterator[Echo | None]:
    """The answer as it grows elsewhere from `position` on, waking `wake`; None where Redis cannot tell."""
    fanout = _of_this_loop()
    echo = fanout.echo_of(public_id, position) if fanout is not None else None
    if fanout is None or echo is None:
        yield None
        return
    echo.waiting.add(wake)
    try:
        yield echo
    finally:
        echo.waiting.discard(wake)
        if not echo.waiting and fanout.echoes.get(public_id) is echo:
            del fanout.echoes[public_id]


async def close() -> None:
    """Leave Redis: the process is ending."""
    global _fanout
    if _fanout is not None and _fanout.loop is asyncio.get_running_loop():
        await _fanout.close()
        _fanout = None


def redis_trouble() -> str:
    """A line of /readyz; Redis only makes things quicker, so its absence is nothing fatal."""
    client = redis.Redis.from_url(**settings.REDIS, socket_timeout=1, socket_connect_timeout=1, protocol=2)
    try:
        client.ping()
    except RedisError:
        return _("Redis (REDIS_URL) does not answer; answers reach readers in other processes through the database.")
    finally:
        client.close()
    return ""


@dataclass(eq=False, slots=True)
class _Told:
    """An answer of this process, and how many characters of it Redis has."""

    text: Growing
    stop: Callable[[UUID], None]
    sent: int = 0
    renew_at: float = 0.0


@dataclass(eq=False)
class _Fanout:
    """What one event loop sends to Redis and hears from it: one connection for each, whatever number of answers."""

    loop: asyncio.AbstractEventLoop
    told: dict[UUID, _Told] = field(default_factory=dict)
    echoes: dict[UUID, Echo] = field(default_factory=dict)
    # Set by every answer of this process that has grown.
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    rests_until: float = 0.0
    is_away: bool = False
    hearing_as: int | None = None
    telling: asyncio.Task[None] | None = None
    listening: asyncio.Task[None] | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.mouth = _client()
        self.ear = _client(single_connection_client=True)

    def tell(self, public_id: UUID, text: Growing, stop: Callable[[UUID], None]) -> None:
        self.told[public_id] = _Told(text, stop)
        text.waiting.add(self.grown)
        self.work()

    def echo_of(self, public_id: UUID, position: int) -> Echo | None:
        if self.loop.time() < self.rests_until:
            return None
        echo = self.echoes.get(public_id)
        if echo is None or echo.is_over:
            echo = self.echoes[public_id] = Echo(position)
            self.work()
            if self.hearing_as is not None:
                # It waits for other answers just now, and would wait on.
                self.spawn(self.turn_round(self.hearing_as))
        return echo if echo.start <= position else None

    def work(self) -> None:
        if self.told and (self.telling is None or self.telling.done()):
            self.telling = self.spawn(self.keep_telling())
        if self.listening is None or self.listening.done():
            self.listening = self.spawn(self.keep_listening())

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # An empty context, as in chat.generation: that of a request would hold on to its thread.
        task = self.loop.create_task(coroutine, context=contextvars.Context())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def keep_telling(self) -> None:
        while self.told:
            await self.grown.wait()
            self.grown.clear()
            try:
                await self.send()
            except (RedisError, OSError) as trouble:
                await self.rest(trouble)
                self.grown.set()
            else:
                self.back()
                await asyncio.sleep(min(PACE_SECONDS + PACE_SECONDS_FOR_EACH * len(self.told), PACE_SECONDS_AT_MOST))

    async def send(self) -> None:
        """Send what has grown, in one go; an answer that is over is forgotten, whether that is heard or not."""
        now = self.loop.time()
        lengths: dict[UUID, int] = {}
        batch = self.mouth.pipeline(transaction=False)
        for public_id, told in list(self.told.items()):
            key, length = _key(public_id), told.text.length
            if length > told.sent:
                lengths[public_id] = length
                batch.xadd(key, {"text": told.text.since(told.sent)}, id=f"{length}-0", maxlen=MAX_ENTRIES)
            if told.text.is_over:
                batch.xadd(key, {"over": 1}, id=f"{length}-1")
                batch.expire(key, LIFE_AFTER_END_SECONDS)
                del self.told[public_id]
            elif public_id in lengths and now >= told.renew_at:
                batch.expire(key, LIFE_SECONDS)
                told.renew_at = now + RENEW_SECONDS
        for reply in await batch.execute(raise_on_error=False):
            # Sent anew after trouble in which it had arrived all the same.
            if isinstance(reply, Exception) and "equal or smaller" not in str(reply):
                raise reply
        for public_id, length in lengths.items():
            if public_id in self.told:
                self.told[public_id].sent = length

    async def keep_listening(self) -> None:
        while self.told or self.echoes:
            try:
                await self.listen()
            except (RedisError, OSError) as trouble:
                self.hearing_as = None
                for echo in list(self.echoes.values()):
                    echo.lose()
                self.echoes.clear()
                await self.rest(trouble)

    async def listen(self) -> None:
        newest = cast("list[tuple[bytes, object]]", await self.ear.xrevrange(STOPS, count=1))
        stops = newest[0][0].decode() if newest else "0-0"
        self.hearing_as = await self.ear.client_id()
        while self.told or self.echoes:
            keys = {_key(public_id): echo for public_id, echo in self.echoes.items()}
            places = {STOPS: stops} | {key: f"{echo.length}-0" for key, echo in keys.items()}
            found = await self.ear.xread(cast("dict[Any, Any]", places), block=BLOCK_MILLISECONDS)
            self.back()
            for key, entries in cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", found or []):
                for entry, fields in entries:
                    if key.decode() == STOPS:
                        stops = entry.decode()
                        self.stop(fields)
                    else:
                        keys[key.decode()].hear(entry.decode(), fields)
            for public_id in [public_id for public_id, echo in self.echoes.items() if echo.is_over]:
                del self.echoes[public_id]
            if found:
                await asyncio.sleep(PACE_SECONDS)

    def stop(self, fields: Mapping[bytes, bytes]) -> None:
        with suppress(KeyError, ValueError):
            public_id = UUID(fields[b"answer"].decode())
            self.told[public_id].stop(public_id)

    async def ask_stop(self, public_id: UUID) -> None:
        with suppress(RedisError, OSError):
            await self.mouth.xadd(STOPS, {"answer": str(public_id)}, maxlen=MAX_STOPS)

    async def turn_round(self, client_id: int) -> None:
        with suppress(RedisError, OSError):
            await self.mouth.client_unblock(client_id)

    async def rest(self, trouble: Exception) -> None:
        self.rests_until = self.loop.time() + REST_SECONDS
        if not self.is_away:
            # Not its words, among which could be the address with its password.
            logger.warning("redis_away", error=type(trouble).__name__)
        self.is_away = True
        await asyncio.sleep(REST_SECONDS)

    def back(self) -> None:
        if self.is_away:
            logger.info("redis_back")
        self.is_away = False

    async def close(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        with suppress(RedisError, OSError):
            await self.mouth.aclose()
            await self.ear.aclose()


_fanout: _Fanout | None = None


def _of_this_loop() -> _Fanout | None:
    global _fanout
    if not settings.REDIS:
        return None
    # One for each loop: a process has one, a run of tests has many.
    loop = asyncio.get_running_loop()
    if _fanout is None or _fanout.loop is not loop:
        _fanout = _Fanout(loop)
    return _fanout


def _client(**options: Any) -> Redis:
    return Redis.from_url(
        **settings.REDIS,
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        **options,
    )


def _key(public_id: UUID) -> str:
    return f"gatehouse:answer:{public_id}"
