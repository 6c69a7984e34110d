"""Whether an answer is read whole on a server that does not write it, how much later, and can be stopped there.

    uv run python proofs/two_servers.py [--quick | --rounds N]

Two servers of one installation, each a process of its own, share a database: SQLite, PostgreSQL and MariaDB, each
without Redis and with one. Answers are asked for at the first server and read at both at once; what is stated is how
much later each token arrives at the second. Others are stopped at the second while the first writes them. Where Redis
dies in the middle, the text must arrive all the same. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import EVERY, fresh_database
from benchmarks.house import House, house, ready, signed_in
from benchmarks.redis_server import RedisServer, program, redis_server
from benchmarks.steady import MODEL, TOKENS_PER_SECOND, model_field, send, steady_model

TOKENS = 60
ANSWERS = 4
LATER_SECONDS = {False: 1.0, True: 0.25}
STOPPED_SECONDS = {False: 1.5, True: 0.5}


@dataclass
class Reading:
    """When each token came, and the text in the end."""

    came: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    stored: int = 0


@dataclass
class Findings:
    wrong: int = 0
    later: list[float] = field(default_factory=list)
    stopped: list[float] = field(default_factory=list)


async def read(client: aiohttp.ClientSession, stream: str) -> Reading:
    reading = Reading()
    rest = b""
    async with client.get(stream) as response:
        async for chunk in response.content.iter_any():
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                numbers = [int(number) for number in re.findall(rb"tok(\d{4})", event)]
                if b"event: done" in event:
                    reading.stored = len(numbers)
                    return reading
                reading.numbers += numbers
                reading.came += [time.perf_counter()] * len(numbers)
    raise RuntimeError("the stream ended without done")


async def read_at_both(here: aiohttp.ClientSession, there: aiohttp.ClientSession, model: str, found: Findings) -> None:
    stream = await send(here, model, TOKENS)
    near, far = await asyncio.gather(read(here, stream), read(there, stream))
    whole = list(range(TOKENS))
    found.wrong += near.numbers != whole or far.numbers != whole or near.stored != TOKENS or far.stored != TOKENS
    found.later += [late - soon for soon, late in zip(near.came, far.came, strict=False)]


async def stop_there(here: aiohttp.ClientSession, there: aiohttp.ClientSession, model: str, found: Findings) -> None:
    stream = await send(here, model, 100 * TOKENS_PER_SECOND)
    reader = asyncio.create_task(read(here, stream))
    await asyncio.sleep(1)
    asked = time.perf_counter()
    async with there.post(stream.removesuffix("stream") + "stop", headers={"HX-Request": "true"}) as response:
        found.wrong += response.status != 204
    await reader
    found.stopped.append(time.perf_counter() - asked)


async def measure(place: House, twin: House, *, rounds: int, dies: RedisServer | None = None) -> Findings:
    found = Findings()
    async with signed_in(place) as here, aiohttp.ClientSession(twin.url, cookie_jar=here.cookie_jar) as there:
        there.headers["X-CSRFToken"] = here.headers["X-CSRFToken"]
        await ready(there)
        model = await model_field(here)
        for _ in range(rounds):
            answers = asyncio.gather(*(read_at_both(here, there, model, found) for _ in range(ANSWERS)))
            if dies is not None:
                await asyncio.sleep(1)
                await asyncio.to_thread(dies.stop)
            await answers
            if dies is not None:
                await asyncio.to_thread(dies.start)
            else:
                await stop_there(here, there, model, found)
    return found


@contextmanager
def two_servers(model_url: str, database: str, redis_url: str) -> Iterator[tuple[House, House]]:
    settings = {
        "GATEHOUSE_SETTING_CHAT_MESSAGES_PER_MINUTE": "1000",
        "DATABASE_URL": database,
        "REDIS_URL": redis_url,
    }
    with house(workers=1, model_url=f"{model_url}/v1", model=MODEL, settings=settings) as place:
        twin = place.twin()
        twin.start()
        try:
            yield place, twin
        finally:
            twin.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="SQLite alone and one round, under a minute")
    parser.add_argument("--rounds", type=int, default=5, help="rounds on each database (5)")
    options = parser.parse_args()
    rounds, databases = (1, EVERY[:1]) if options.quick else (options.rounds, EVERY)
    if not program():
        print("Neither valkey-server nor redis-server is installed: Redis is left out.\n")
    good = True
    print(
        f"{'':28} {'wrong':>6} {'later, median':>14} {'95th':>7} {'most':>7} {'floor':>6} {'stopped':>8} {'floor':>6}"
    )
    for name in databases:
        for with_redis in (False, True)[: 2 if program() else 1]:
            good &= proved(name, with_redis=with_redis, rounds=rounds)
    return 0 if good else 1


def proved(name: str, *, with_redis: bool, rounds: int) -> bool:
    """Print the figures of one database; False where one misses its floor."""
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-") as folder,
        fresh_database(name, folder=folder) as database,
        redis_server() if with_redis else nullcontext() as server,
        steady_model() as model_url,
    ):
        if not database:
            return True
        with two_servers(model_url, database, server.url if server else "") as (place, twin):
            found = asyncio.run(measure(place, twin, rounds=rounds))
            good = shown(f"{name}{', Redis' if server else ''}", found, with_redis=with_redis)
            if server:
                found = asyncio.run(measure(place, twin, rounds=1, dies=server))
                good &= shown(f"{name}, Redis dies", found, with_redis=False)
    return good


def shown(label: str, found: Findings, *, with_redis: bool) -> bool:
    later = sorted(found.later)
    high = later[int(0.95 * len(later))]
    stopped = max(found.stopped, default=0.0)
    good = not found.wrong and high <= LATER_SECONDS[with_redis] and stopped <= STOPPED_SECONDS[with_redis]
    print(
        f"{label:28} {found.wrong:>6} {statistics.median(later):>12.3f} s {high:>5.2f} s {later[-1]:>5.2f} s "
        f"{LATER_SECONDS[with_redis]:>4.2f} s {stopped:>6.2f} s {STOPPED_SECONDS[with_redis]:>4.1f} s"
        f"{'' if good else '   MISSED'}",
        flush=True,
    )
    return good


if __name__ == "__main__":
    sys.exit(main())
