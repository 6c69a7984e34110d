"""Whether hundreds of open streams leave room for everybody else, and readers who leave or stop reading leave nothing.

    uv run python proofs/many_streams.py [--quick]

On a PostgreSQL whose role may hold 60 connections (TEST_DATABASE_URL, else that of this machine), with two web
processes: 200 answers are read at once while connections are counted and pages fetched. Then of 500 readers most leave
in the middle, and some stop reading without leaving: each answer must be complete and stored all the same, and
afterwards no socket may be left, a reader's or one to the model server. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psycopg

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import fresh_database
from benchmarks.house import EMAIL, House, house, signed_in
from benchmarks.steady import MODEL, SENDERS, TOKENS_PER_SECOND, model_field, send, steady_model

WORKERS = 2
# Streams read at once, readers of the second part, and those of them who stop reading without leaving.
WHOLE = (200, 500, 50)
QUICK = (60, 120, 12)
CONNECTION_LIMIT = 60
PAGES_ALONE = 20

MOST_CONNECTIONS = 5
PAGE_RATIO = 3.0
GONE_WITHIN_SECONDS = 10.0


@dataclass
class Findings:
    used: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    pages_alone: list[float] = field(default_factory=list)
    pages_beside: list[float] = field(default_factory=list)
    short: int = 0
    unfinished: int = 0
    sockets: int = 0
    megabytes: int = 0


@contextmanager
def small_database() -> Iterator[tuple[str, str]]:
    """A database for a role that may hold few connections: its address, and that of its administrator."""
    role, password = f"gatehouse_{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database("PostgreSQL", folder=folder) as url:
        if not url:
            sys.exit("This proof needs a PostgreSQL (TEST_DATABASE_URL).")
        name = urlsplit(url).path.strip("/")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                f"CREATE ROLE {role} LOGIN PASSWORD '{password}' CONNECTION LIMIT {CONNECTION_LIMIT}".encode()
            )
            connection.execute(f"ALTER DATABASE {name} OWNER TO {role}".encode())
            connection.execute(f"ALTER SCHEMA public OWNER TO {role}".encode())
        try:
            parts = urlsplit(url)
            place = f"{role}:{password}@{parts.hostname}:{parts.port or 5432}"
            yield parts._replace(scheme="postgresql", netloc=place).geturl(), url
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER".encode())
                connection.execute(f"DROP OWNED BY {role}".encode())
                connection.execute(f"DROP ROLE {role}".encode())


# Made at once: a message a minute for each would be more than a person may send.
CONVERSATIONS = """
from accounts.models import User
from chat.models import Conversation
owner = User.objects.get(email=%r)
made = Conversation.objects.bulk_create(Conversation(owner=owner, title="Prepared") for _ in range(%d))
print("\\n".join(f"/chat/{each.public_id}/" for each in made))
"""


def prepared(place: House, count: int) -> list[str]:
    """The addresses of so many empty conversations of the client's."""
    return place.manage("shell", "-v", "0", "-c", CONVERSATIONS % (EMAIL, count)).split()


async def send_many(client: aiohttp.ClientSession, model: str, places: list[str], length: int) -> list[str]:
    turn = asyncio.Semaphore(SENDERS)

    async def one(conversation: str) -> str:
        async with turn:
            return await send(client, model, length, conversation)

    return await asyncio.gather(*(one(place) for place in places))


async def read_whole(client: aiohttp.ClientSession, stream: str) -> int:
    """Follow a stream to its end; how many tokens the answer that was stored has."""
    rest = b""
    async with client.get(stream) as response:
        async for chunk in response.content.iter_any():
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                if b"event: done" in event:
                    return len(re.findall(rb"tok\d{4}", event))
    return 0


async def read_and_leave(client: aiohttp.ClientSession, stream: str) -> None:
    async with client.get(stream) as response:
        await response.content.readany()


async def fetch(client: aiohttp.ClientSession) -> float:
    begun = time.perf_counter()
    async with client.get("/users/") as response:
        await response.read()
        response.raise_for_status()
    return time.perf_counter() - begun


async def stall(place: House, client: aiohttp.ClientSession, stream: str) -> asyncio.StreamWriter:
    """A reader that asks for a stream and never reads a byte of it."""
    _reader, writer = await asyncio.open_connection("127.0.0.1", place.port, limit=1)
    cookies = client.cookie_jar.filter_cookies(client._base_url)  # type: ignore[arg-type]
    header = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
    writer.write(f"GET {stream} HTTP/1.1\r\nHost: 127.0.0.1:{place.port}\r\nCookie: {header}\r\n\r\n".encode())
    await writer.drain()
    return writer


def connections_of(administrator: psycopg.Connection) -> tuple[int, int]:
    """How many connections to this database are in use at this moment, and how many are there with those in a pool."""
    row = administrator.execute(
        "SELECT count(*) FILTER (WHERE state <> 'idle'), count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


async def many_streams(
    place: House, administrator: psycopg.Connection, found: Findings, *, places: list[str], seconds: int
) -> None:
    """All streams open at once; meanwhile connections are counted and pages fetched."""
    async with signed_in(place) as client:
        model = await model_field(client)
        await asyncio.gather(*(fetch(client) for _ in range(4)))
        found.pages_alone = [await fetch(client) for _ in range(PAGES_ALONE)]
        length = (seconds + 15) * TOKENS_PER_SECOND
        streams = await send_many(client, model, places, length)
        readers = [asyncio.create_task(read_whole(client, stream)) for stream in streams]
        await asyncio.sleep(2)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found.pages_beside.append(await fetch(client))
            used, held = await asyncio.to_thread(connections_of, administrator)
            found.used.append(used)
            found.held.append(held)
            await asyncio.sleep(0.2)
        found.short += sum(length != stored for stored in await asyncio.gather(*readers))


async def leaving_and_stalled(
    place: House, administrator: psycopg.Connection, found: Findings, *, places: list[str], stalled_readers: int
) -> None:
    """Readers who leave after the first text, and readers who never read: what is there when all is over."""
    async with signed_in(place) as client:
        model = await model_field(client)
        before = sockets_of(place)
        length = 6 * TOKENS_PER_SECOND
        streams = await send_many(client, model, places, length)
        stalled = [await stall(place, client, stream) for stream in streams[:stalled_readers]]
        await asyncio.gather(*(read_and_leave(client, stream) for stream in streams[stalled_readers:]))
        found.unfinished = await asyncio.to_thread(unfinished, administrator, len(places), length)
        # A reader that does not read holds its socket for as long as it likes, and nothing more once it goes.
        for writer in stalled:
            writer.transport.abort()
    deadline = time.monotonic() + GONE_WITHIN_SECONDS
    while sockets_of(place) > before and time.monotonic() < deadline:  # noqa: ASYNC110 - other processes close them
        await asyncio.sleep(0.2)
    found.sockets = max(sockets_of(place) - before, 0)


def unfinished(administrator: psycopg.Connection, answers: int, length: int) -> int:
    """How many of the newest answers are not complete and whole once they have had the time for it."""
    deadline = time.monotonic() + length / TOKENS_PER_SECOND + 20
    while True:
        row = administrator.execute(
            "SELECT count(*) FROM (SELECT status, content FROM chat_message WHERE role = 'assistant' ORDER BY id DESC "
            "LIMIT %s) AS newest WHERE status <> 'complete' OR length(content) <> %s",
            (answers, 8 * length),
        ).fetchone()
        assert row is not None
        if not row[0] or time.monotonic() > deadline:
            return int(row[0])
        time.sleep(0.25)


def sockets_of(place: House) -> int:
    """Open sockets of all web processes: to readers, to the model server, to the database."""
    count = 0
    for process in place.processes():
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                count += str(descriptor.readlink()).startswith("socket:")
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer streams for a few seconds, under a minute")
    quick = parser.parse_args().quick
    open_at_once, leaving, stalled = QUICK if quick else WHOLE
    found = Findings()
    free = {"GATEHOUSE_SETTING_CHAT_MESSAGES_PER_MINUTE": "1000", "ALLOWED_HOSTS": "127.0.0.1"}
    with small_database() as (database, administrators), steady_model() as model_url:
        free["DATABASE_URL"] = database
        with (
            house(workers=WORKERS, model_url=f"{model_url}/v1", model=MODEL, settings=free) as place,
            closing(psycopg.connect(administrators, autocommit=True)) as administrator,
        ):
            places = prepared(place, open_at_once + leaving)
            read, left = places[:open_at_once], places[open_at_once:]
            asyncio.run(many_streams(place, administrator, found, places=read, seconds=5 if quick else 30))
            asyncio.run(leaving_and_stalled(place, administrator, found, places=left, stalled_readers=stalled))
            found.megabytes = max(place.megabytes())
    ratio = statistics.median(found.pages_beside) / statistics.median(found.pages_alone)
    figures = (
        ("connections in use at once, most", max(found.used), MOST_CONNECTIONS),
        (f"a page beside {open_at_once} streams, ratio", ratio, PAGE_RATIO),
        ("answers not whole at their readers", found.short, 0),
        (f"of {leaving} left alone, not complete", found.unfinished, 0),
        ("sockets left behind", found.sockets, 0),
    )
    print(
        f"{len(found.held)} counts: {max(found.held)} connections of {CONNECTION_LIMIT} there, most of them in a pool"
    )
    print(f"a page: {1000 * statistics.median(found.pages_alone):.0f} ms alone, ", end="")
    print(f"{1000 * statistics.median(found.pages_beside):.0f} ms beside; web processes of {found.megabytes} MB\n")
    for label, figure, floor in figures:
        print(f"{label:<40} {figure:>8.2f}   floor {floor:g}{'' if figure <= floor else '   MISSED'}")
    return 0 if all(figure <= floor for _label, figure, floor in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
