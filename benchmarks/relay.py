"""What Gatehouse adds between a model server and the person reading: first token, tokens per second, processor time.

    uv run python benchmarks/relay.py [--quick]

Starts a model server that speaks the OpenAI wire at a fixed pace, and Gatehouse with two web processes on a database of
its own (DATABASE_URL where set, else SQLite), both on loopback. Each figure is measured beside the model server itself,
in the same run. Processor time is that of both web processes, storing included, between answers of two lengths, so that
what a conversation costs once does not count as what a token costs.
Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.house import House, house, signed_in
from benchmarks.steady import MODEL, TOKENS_PER_SECOND, conversations, model_field, send, steady_model

WORKERS = 2
STREAMS = 50
MANY = (200, 500)

# The floors of docs/benchmarks.md.
FIRST_TOKEN_ADDED_MS = 8.0
PROCESSOR_PER_EVENT_US = 60.0
WALL_RATIO = 1.1


@dataclass(frozen=True)
class Reading:
    """One answer as its reader saw it: seconds from sending the message to the first text and to the end."""

    first: float
    whole: float
    tokens: int


@dataclass(frozen=True)
class Round:
    """All answers of one round, and the processor seconds the web processes spent meanwhile."""

    readings: list[Reading]
    wall: float
    processor: float = 0.0

    def first_ms(self, share: float) -> float:
        firsts = sorted(reading.first for reading in self.readings)
        return 1000 * firsts[min(len(firsts) - 1, int(share * len(firsts)))]

    @property
    def tokens_per_second(self) -> float:
        return statistics.median(reading.tokens / reading.whole for reading in self.readings)

    @property
    def tokens(self) -> int:
        return sum(reading.tokens for reading in self.readings)


async def read_directly(client: aiohttp.ClientSession, length: int) -> Reading:
    begun = time.perf_counter()
    first = 0.0
    tokens = 0
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": str(length)}]}
    async with client.post("/v1/chat/completions", json=body) as response:
        async for chunk in response.content.iter_any():
            if not first and b"tok" in chunk:
                first = time.perf_counter() - begun
            tokens += chunk.count(b"tok")
    # The words completion_tokens, prompt_tokens and total_tokens in the last event are none.
    return Reading(first, time.perf_counter() - begun, tokens - 3)


async def read_through(client: aiohttp.ClientSession, model: str, length: int, conversation: str) -> Reading:
    """Send a message in a conversation, then follow the answer's stream to its end."""
    begun = time.perf_counter()
    stream = await send(client, model, length, conversation)
    first = 0.0
    rest = b""
    async with client.get(stream) as response:
        async for chunk in response.content.iter_any():
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                if b"tok" in event:
                    first = first or time.perf_counter() - begun
                if b"event: done" in event:
                    # The last event is the whole answer as it was stored.
                    return Reading(first, time.perf_counter() - begun, len(re.findall(rb"tok\d{4}", event)))
    raise RuntimeError("the stream ended without done")


async def measure(place: House, model_url: str, *, streams: int, length: int, rounds: int = 1) -> tuple[Round, Round]:
    """The same number of answers of `length` tokens, from the model server itself and through Gatehouse, in turns."""
    direct: list[Reading] = []
    through: list[Reading] = []
    direct_wall = through_wall = processor = 0.0
    async with (
        aiohttp.ClientSession(model_url, connector=aiohttp.TCPConnector(limit=0)) as plain,
        signed_in(place) as client,
    ):
        model = await model_field(client)
        places = await conversations(client, model, max(streams, WORKERS * 4))
        await asyncio.gather(*(read_through(client, model, 1, place) for place in places))  # warm every process
        for _ in range(rounds):
            begun = time.perf_counter()
            direct += await asyncio.gather(*(read_directly(plain, length) for _ in range(streams)))
            direct_wall += time.perf_counter() - begun
            spent, begun = place.processor_seconds(), time.perf_counter()
            through += await asyncio.gather(*(read_through(client, model, length, at) for at in places[:streams]))
            through_wall += time.perf_counter() - begun
            processor += place.processor_seconds() - spent
    return Round(direct, direct_wall), Round(through, through_wall, processor)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short answers and few rounds, under a minute")
    quick = parser.parse_args().quick
    short, long = (20, 100) if quick else (40, 400)
    # The limit on messages is not what is measured.
    free = {"GATEHOUSE_SETTING_CHAT_MESSAGES_PER_MINUTE": "1000"}
    with (
        steady_model() as model_url,
        house(workers=WORKERS, model_url=f"{model_url}/v1", model=MODEL, settings=free) as place,
    ):
        print(f"{WORKERS} web processes, {TOKENS_PER_SECOND} tokens/s an answer\n")
        print(f"{'streams':>8} {'tokens':>7} {'':17} {'first token ms':>15} {'95th':>8} {'tokens/s':>9} {'wall s':>8}")
        alone = asyncio.run(measure(place, model_url, streams=1, length=short, rounds=5 if quick else 20))
        show(1, short, *alone)
        few = asyncio.run(measure(place, model_url, streams=STREAMS, length=short))
        show(STREAMS, short, *few)
        many = asyncio.run(measure(place, model_url, streams=STREAMS, length=long))
        show(STREAMS, long, *many)
        for streams in () if quick else MANY:
            show(streams, short, *asyncio.run(measure(place, model_url, streams=streams, length=short)))
        print(f"\nmemory of the web processes: {', '.join(f'{each} MB' for each in place.megabytes())}\n")
    return 0 if judged(alone, few, many) else 1


def show(streams: int, length: int, direct: Round, through: Round) -> None:
    for name, one in (("model server", direct), ("through Gatehouse", through)):
        print(
            f"{streams:>8} {length:>7} {name:<17} {one.first_ms(0.5):>15.1f} {one.first_ms(0.95):>8.1f} "
            f"{one.tokens_per_second:>9.1f} {one.wall:>8.2f}"
        )


def judged(alone: tuple[Round, Round], few: tuple[Round, Round], many: tuple[Round, Round]) -> bool:
    """Print each figure beside its floor; False where one falls short."""
    # What a conversation costs once is in both rounds; what a token costs is the difference between them.
    per_event = (many[1].processor - few[1].processor) / (many[1].tokens - few[1].tokens)
    lost = sum(direct.tokens - through.tokens for direct, through in (alone, few, many))
    figures = (
        ("tokens lost", lost, 0),
        ("first token added, one stream, ms", alone[1].first_ms(0.5) - alone[0].first_ms(0.5), FIRST_TOKEN_ADDED_MS),
        (f"wall of {STREAMS} streams, ratio", many[1].wall / many[0].wall, WALL_RATIO),
        ("processor time per further token, µs", 1e6 * per_event, PROCESSOR_PER_EVENT_US),
    )
    for label, figure, floor in figures:
        print(f"{label:<40} {figure:>8.2f}   floor {floor:g}{'' if figure <= floor else '   MISSED'}")
    return all(figure <= floor for _label, figure, floor in figures)


if __name__ == "__main__":
    sys.exit(main())
