"""Answers on their way from one process to another by a real Redis, and what happens where it fails."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import redis
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from benchmarks.redis_server import PASSWORD, RedisServer, program, redis_server
from chat import fanout
from chat.models import Message, Model
from tests.chat.talk import Talk, seen
from tests.chat.test_message_stream import stored_answer

pytestmark = pytest.mark.skipif(not program(), reason="neither valkey-server nor redis-server is installed.")

Status = Message.Status


class Written:
    """An answer as the process that writes it has it."""

    def __init__(self) -> None:
        self.text = ""
        self.length = 0
        self.is_over = False
        self.waiting: set[asyncio.Event] = set()

    def since(self, position: int) -> str:
        return self.text[position:]

    def append(self, text: str, *, over: bool = False) -> None:
        self.text += text
        self.length = len(self.text)
        self.is_over = over
        for event in self.waiting:
            event.set()


@pytest.fixture
def server(settings: Settings) -> Iterator[RedisServer]:
    with redis_server() as server:
        settings.REDIS = {"url": f"redis://127.0.0.1:{server.port}/0", "username": None, "password": PASSWORD}
        yield server


@pytest.fixture(autouse=True)
async def left() -> AsyncIterator[None]:
    yield
    await fanout.close()


def told(public_id: uuid.UUID) -> tuple[Written, list[uuid.UUID]]:
    """An answer that this process tells others of, and those it was asked to stop."""
    text, stopped = Written(), list[uuid.UUID]()
    fanout.tell(public_id, text, stop=stopped.append)
    return text, stopped


async def heard(echo: fanout.Echo | None, wake: asyncio.Event, length: int) -> str:
    assert echo is not None
    async with asyncio.timeout(3):
        while echo.length < length:
            await wake.wait()
            wake.clear()
    return echo.since(echo.start)


async def pending(owner: User, model: Model) -> Message:
    """An answer that another process has just begun."""
    lease = timezone.now() + timedelta(seconds=60)
    return await asyncio.to_thread(stored_answer, owner, model, status=Status.PENDING, lease_until=lease)


async def test_text_arrives_in_order_and_once_from_any_place(server: RedisServer) -> None:
    public_id, wake, late = uuid.uuid4(), asyncio.Event(), asyncio.Event()
    text, _stopped = told(public_id)
    with fanout.echo_of(public_id, 0, wake) as echo:
        text.append("naïve 😀 ")
        assert await heard(echo, wake, 8) == "naïve 😀 "
        text.append("and more")
        assert await heard(echo, wake, 16) == "naïve 😀 and more"
        with fanout.echo_of(public_id, 3, late) as other:
            assert other is not None
            assert other is echo
            assert other.since(3) == "ve 😀 and more"
    with fanout.echo_of(public_id, 3, late) as other:
        assert await heard(other, late, 16) == "ve 😀 and more"


async def test_what_ended_is_forgotten_soon(server: RedisServer) -> None:
    public_id, wake = uuid.uuid4(), asyncio.Event()
    text, _stopped = told(public_id)
    with fanout.echo_of(public_id, 0, wake) as echo:
        text.append("All of it.", over=True)
        assert await heard(echo, wake, 10) == "All of it."
        assert echo is not None
        async with asyncio.timeout(3):
            while not echo.is_over:
                await wake.wait()
                wake.clear()
    with redis.Redis.from_url(server.url) as client:
        assert 0 < client.ttl(f"gatehouse:answer:{public_id}") <= fanout.LIFE_AFTER_END_SECONDS


async def test_what_grows_does_not_stay_for_ever_where_its_process_dies(server: RedisServer) -> None:
    public_id, wake = uuid.uuid4(), asyncio.Event()
    text, _stopped = told(public_id)
    with fanout.echo_of(public_id, 0, wake) as echo:
        text.append("Half")
        await heard(echo, wake, 4)
    with redis.Redis.from_url(server.url) as client:
        assert 0 < client.ttl(f"gatehouse:answer:{public_id}") <= fanout.LIFE_SECONDS


async def test_a_gap_is_never_jumped_over(server: RedisServer) -> None:
    public_id, wake = uuid.uuid4(), asyncio.Event()
    with redis.Redis.from_url(server.url) as client:
        client.xadd(f"gatehouse:answer:{public_id}", {"text": "the end"}, id="20-0")
    with fanout.echo_of(public_id, 4, wake) as echo:
        assert echo is not None
        async with asyncio.timeout(3):
            await wake.wait()
        assert (echo.is_over, echo.since(4)) == (True, "")


async def test_a_wish_to_stop_is_heard_by_whoever_writes(server: RedisServer) -> None:
    public_id = uuid.uuid4()
    _text, stopped = told(public_id)
    other = told(uuid.uuid4())[1]
    async with asyncio.timeout(3):
        while not stopped:
            # Asked before it listens, a wish is found in the database alone.
            fanout.ask_stop(public_id)
            await asyncio.sleep(0.05)
    assert set(stopped) == {public_id}
    assert not other


async def test_a_reader_elsewhere_need_not_wait_for_the_database(
    server: RedisServer, talk: Talk, ana: User, good: Model
) -> None:
    answer = await pending(ana, good)
    text, _stopped = told(answer.public_id)
    stream = await talk.open(answer)
    text.append("It is <b>so</b>")
    async with asyncio.timeout(3):
        events = [await anext(stream)]
        text.append(", I think")
        events.append(await anext(stream))
    assert seen(events) == "It is <b>so</b>, I think"
    await Message.objects.filter(pk=answer.pk).aupdate(status=Status.COMPLETE, content=text.text, lease_until=None)
    text.append("", over=True)
    async with asyncio.timeout(3):
        events += [event async for event in stream]
    assert [event.name for event in events] == ["body", "text", "done"]


async def test_without_an_answer_from_redis_text_comes_from_the_database(
    server: RedisServer, talk: Talk, ana: User, good: Model
) -> None:
    answer = await pending(ana, good)
    text, _stopped = told(answer.public_id)
    stream = await talk.open(answer)
    text.append("Before, ")
    async with asyncio.timeout(3):
        events = [await anext(stream)]
        await asyncio.to_thread(server.stop)
        text.append("meanwhile, ")
        rows = Message.objects.filter(pk=answer.pk)
        await rows.aupdate(status=Status.STREAMING, content=text.text)
        events.append(await anext(stream))
    assert seen(events) == "Before, meanwhile, "
    await asyncio.to_thread(server.start)
    text.append("after.")
    await rows.aupdate(status=Status.COMPLETE, content=text.text, lease_until=None)
    text.append("", over=True)
    async with asyncio.timeout(5):
        events += [event async for event in stream]
    assert seen(events[:-1]) == "Before, meanwhile, after."
    assert events[-1].name == "done"


async def test_an_answer_whose_process_died_ends_for_readers_elsewhere(
    server: RedisServer, talk: Talk, ana: User, good: Model
) -> None:
    answer = await pending(ana, good)
    text, _stopped = told(answer.public_id)
    stream = await talk.open(answer)
    text.append("Half a")
    async with asyncio.timeout(3):
        assert (await anext(stream)).name == "body"
        # Nothing more comes, and nobody renews its lease.
        late = timezone.now() - timedelta(seconds=1)
        await Message.objects.filter(pk=answer.pk).aupdate(content=text.text, lease_until=late)
        events = [event async for event in stream]
    assert 'data-status="interrupted"' in events[-1].data


async def test_its_password_is_in_no_line_of_the_log(
    server: RedisServer, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    settings.REDIS = settings.REDIS | {"password": "another-canary"}
    text, _stopped = told(uuid.uuid4())
    text.append("Hello", over=True)
    async with asyncio.timeout(5):
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
    assert "redis_away" in caplog.text
    assert "canary" not in caplog.text


async def test_readiness_tells_of_it(server: RedisServer) -> None:
    assert await asyncio.to_thread(fanout.redis_trouble) == ""
    await asyncio.to_thread(server.stop)
    assert "does not answer" in await asyncio.to_thread(fanout.redis_trouble)
