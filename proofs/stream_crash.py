"""Whether anything is lost when the server dies while answers stream: kill -9, again and again.

    uv run python proofs/stream_crash.py [--quick | --crashes N]

Each time several answers are being read when every web process is killed at once, at a random moment. Afterwards each
message that was acknowledged must be there, each cut answer must say "interrupted" within ten seconds of the restart,
and hold all but the last second of what its reader had seen. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.house import House, house, ready, signed_in
from benchmarks.steady import MODEL, TOKENS_PER_SECOND, model_field, send, steady_model

ANSWERS = 6
# Longer than any round: no answer is finished when the server dies.
TOKENS = 2000
INTERRUPTED_WITHIN_SECONDS = 10.0
STORED_BEHIND_SECONDS = 1.0


@dataclass
class Reading:
    """One answer and how many of its tokens the reader has seen so far."""

    stream: str
    seen: int = 0

    @property
    def page(self) -> str:
        return self.stream.partition("messages/")[0]


@dataclass
class Findings:
    crashes: int = 0
    answers: int = 0
    lost: int = 0
    not_interrupted: int = 0
    slowest: float = 0.0
    behind: list[float] = field(default_factory=list)


async def read(client: aiohttp.ClientSession, reading: Reading) -> None:
    try:
        async with client.get(reading.stream) as response:
            async for line in response.content:
                # The first event brings all there was before, the next ones what came since.
                reading.seen += len(re.findall(rb"tok\d{4}", line))
    except aiohttp.ClientError:
        pass  # the server died, which is what this is about


async def crash_once(place: House, found: Findings) -> None:
    async with signed_in(place) as client:
        model = await model_field(client)
        readings = [Reading(await send(client, model, TOKENS)) for _ in range(ANSWERS)]
        readers = [asyncio.create_task(read(client, reading)) for reading in readings]
        # The moment is the point of this script.
        await asyncio.sleep(random.uniform(0.2, 3.0))  # noqa: S311
        place.kill()
        await asyncio.gather(*readers)
        place.start()
        await ready(client)
        began = time.monotonic()
        pages = await ended(client, readings, since=began)
        found.slowest = max(found.slowest, time.monotonic() - began)
    found.crashes += 1
    for reading, page in zip(readings, pages, strict=True):
        found.answers += 1
        found.lost += f">{TOKENS}<" not in page
        found.not_interrupted += 'data-status="interrupted"' not in page
        stored = len(re.findall(r"tok\d{4}", page))
        found.behind.append((reading.seen - stored) / TOKENS_PER_SECOND)


async def ended(client: aiohttp.ClientSession, readings: list[Reading], *, since: float) -> list[str]:
    """The pages of the answers once none of them is shown as being written, or when the time for that is over."""
    while True:
        pages = []
        for reading in readings:
            async with client.get(reading.page) as response:
                pages.append(await response.text())
        unfinished = any(re.search(r'data-status="(pending|streaming)"', page) for page in pages)
        if not unfinished or time.monotonic() - since > 2 * INTERRUPTED_WITHIN_SECONDS:
            return pages
        await asyncio.sleep(0.25)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three crashes, under a minute, instead of two hundred")
    parser.add_argument("--crashes", type=int, default=200, help="how many (200)")
    options = parser.parse_args()
    crashes = 3 if options.quick else options.crashes
    found = Findings()
    free = {"GATEHOUSE_SETTING_CHAT_MESSAGES_PER_MINUTE": "1000"}
    with steady_model() as url, house(workers=2, model_url=f"{url}/v1", model=MODEL, settings=free) as place:
        for _ in range(crashes):
            asyncio.run(crash_once(place, found))
    figures = (
        ("acknowledged messages lost", found.lost, 0),
        ("answers not interrupted", found.not_interrupted, 0),
        ("slowest to be interrupted, s", found.slowest, INTERRUPTED_WITHIN_SECONDS),
        ("stored text behind the reader's, s", max(found.behind), STORED_BEHIND_SECONDS),
    )
    print(f"{found.crashes} crashes, {found.answers} answers cut\n")
    for label, figure, floor in figures:
        print(f"{label:<36} {figure:>8.2f}   floor {floor:g}{'' if figure <= floor else '   MISSED'}")
    return 0 if all(figure <= floor for _label, figure, floor in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
