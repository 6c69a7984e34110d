"""Whether whatever a model server does wrong ends in the right state and in a sentence, and leaves nothing behind.

    uv run python proofs/upstream_faults.py [--quick | --rounds N]

A model server misbehaves in a way of its own for each model it lists (tests/fake_model_server.py), and two more servers
are not there and do not know the key. In each round somebody asks all of them at once, in a house with two web
processes, and reads every answer to its end. Then all servers are mended, and "Try again" must work in each of these
conversations. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.request import urlopen

import aiohttp

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.house import ROOT, House, free_port, house, signed_in
from tests.fake_model_server import KEY

SILENCE_SECONDS = 2
SOCKETS_GONE_WITHIN_SECONDS = 5.0
AGAIN_WITHIN_SECONDS = 20.0
WORKERS = 2
MENDED = "Hello, you."
# What a log says of trouble that nobody dealt with.
UNHANDLED = re.compile(rb'^Traceback|never retrieved|was destroyed|"level": ?"(error|critical)"|\[(error|critical) *\]')
ESTABLISHED, CLOSE_WAIT = "01", "08"


@dataclass(frozen=True)
class Fault:
    """What is wrong, which model does it, and how its answer must end: its state, its text, words of its sentence."""

    title: str
    model: str
    status: str
    words: str = ""
    text: str = ""


FAULTS = (
    Fault("refuses the connection", "not-there", "failed", "cannot be reached"),
    Fault("does not know the key", "locked", "failed", "does not accept our key"),
    Fault("429", "busy", "failed", "busy: too many requests"),
    Fault("500", "broken", "failed", "fault of its own"),
    Fault("400", "strict", "failed", "does not accept the request"),
    Fault("no such model", "missing", "failed", "does not have this model"),
    Fault("too long for it", "too-long", "failed", "longer than this model can read"),
    Fault("slow", "count-20-100ms", "complete", text="18 19"),
    Fault("stalls", "stall", "failed", "gone silent", "Hello"),
    Fault("says nothing at all", "silent", "failed", "gone silent"),
    Fault("half of the headers", "half-headers", "failed", "gone silent"),
    Fault("hangs up", "nothing", "interrupted", "ended early"),
    Fault("cut in the middle", "cut", "interrupted", "ended early", "Hello"),
    Fault("cut inside a UTF-8 character", "cut-character", "interrupted", "ended early", "Hello"),
    Fault("bytes that are no UTF-8", "bad-bytes", "complete", text="caf\ufffd!"),
    Fault("one byte at a time", "drip", "complete", text="naïve 😀 text"),
    Fault("no [DONE]", "no-done", "complete", text="Hello you"),
    Fault("broken JSON", "broken-json", "failed", "cannot be read", "Hello"),
    Fault("JSON of another shape", "odd-json", "failed", "cannot be read", "Hello"),
    Fault("an error in the stream", "error-event", "failed", "fault of its own", "Hello"),
    Fault("endless", "endless", "complete", text="word word"),
    Fault("a huge line", "huge-line", "failed", "too long", "Hello"),
    Fault("redirect", "redirect", "failed", "redirect, which is not followed"),
    Fault("wrong type", "wrong-type", "failed", "format of a chat model"),
    Fault("no HTTP", "not-http", "failed", "cannot be understood"),
    Fault("NUL and carriage returns", "nul", "complete", text="ab"),
)

SET_UP = """
import json
from chat.actions.provider import create_provider
from chat.models import Model
ids = {}
for name, url, key, models in json.loads(%r):
    provider = create_provider(actor=None, name=name, base_url=url, key=key, allow_private=True)
    for model in models:
        ids[model] = Model.objects.get_or_create(provider=provider, name=model)[0].pk
print(json.dumps(ids))
"""


@dataclass
class Findings:
    answers: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    not_again: Counter[str] = field(default_factory=Counter)
    said: dict[str, tuple[str, str]] = field(default_factory=dict)
    most_sockets: int = 0
    slowest_sockets: float = 0.0


class Servers:
    """The misbehaving server, and a port on which nobody answers until all is mended."""

    def __init__(self) -> None:
        self.process, self.port = started(0)
        self.empty_port = free_port()
        self.late: subprocess.Popen[str] | None = None

    def mend(self) -> None:
        self.late, _port = started(self.empty_port)
        for port in (self.port, self.empty_port):
            say(port, "mend")

    def harm(self) -> None:
        say(self.port, "harm")
        if self.late is not None:
            ended(self.late)
            self.late = None

    def end(self) -> None:
        for process in (self.process, self.late):
            if process is not None:
                ended(process)

    def sockets(self) -> int:
        """How many sockets lead from this machine to the servers, alive or left half closed."""
        ports = {f"{port:04X}" for port in (self.port, self.empty_port)}
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[2].rpartition(":")[2] in ports and row[3] in (ESTABLISHED, CLOSE_WAIT) for row in rows)


def say(port: int, word: str) -> None:
    with urlopen(f"http://127.0.0.1:{port}/{word}"):
        pass


def started(port: int) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "tests.fake_model_server", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def ended(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@contextmanager
def running_servers() -> Iterator[Servers]:
    servers = Servers()
    try:
        yield servers
    finally:
        servers.end()


def set_up(place: House, servers: Servers) -> dict[str, int]:
    """Add the servers to the house; the number of each model by its name."""
    own = [fault.model for fault in FAULTS if fault.model not in ("not-there", "locked")]
    url = f"http://127.0.0.1:{servers.port}/v1"
    wanted = [
        ("Misbehaving", url, KEY, own),
        ("Locked", url, "revoked", ["locked"]),
        ("Away", f"http://127.0.0.1:{servers.empty_port}/v1", "", ["not-there"]),
    ]
    said = place.manage("shell", "--no-imports", "-c", SET_UP % json.dumps(wanted))
    ids: dict[str, int] = json.loads(said.splitlines()[-1])
    return ids


async def one_round(place: House, servers: Servers, ids: dict[str, int], found: Findings) -> None:
    async with signed_in(place) as client:
        # A connection kept for the next request may be closed by the server just when that is sent.
        client.headers["Connection"] = "close"
        before = servers.sockets()
        counting = asyncio.create_task(count_sockets(servers, found))
        streams = await asyncio.gather(*(ask(client, fault, ids, found) for fault in FAULTS))
        counting.cancel()
        found.slowest_sockets = max(found.slowest_sockets, await until_gone(servers, before))
        await asyncio.to_thread(servers.mend)
        await asyncio.gather(
            *(again(client, fault, stream, found) for fault, stream in zip(FAULTS, streams, strict=True))
        )
        found.slowest_sockets = max(found.slowest_sockets, await until_gone(servers, before))
        await asyncio.to_thread(servers.harm)


async def ask(client: aiohttp.ClientSession, fault: Fault, ids: dict[str, int], found: Findings) -> str:
    """Ask and read to the end; the address of the stream."""
    message = {"message": "Hello?", "model": str(ids[fault.model])}
    async with client.post("/chat/messages", data=message) as response:
        page, place = await response.text(), response.url.path
        found_ids = re.findall(r'id="message-([\w-]+)"[^>]*data-role="assistant"', page)
        if response.status != 200 or not found_ids:
            raise RuntimeError(f"sending to {fault.model} answered {response.status}: {readable(page)[:300]}")
    stream = f"{place}messages/{found_ids[-1]}/stream"
    async with client.get(stream) as response:
        said = (await response.read()).decode()
    # The last event stands in the page where the answer was being written.
    article = said.rpartition("event: done")[2]
    status = "".join(re.findall(r'data-role="assistant" data-status="(\w+)"', article)[:1])
    text = readable(article)
    found.answers += 1
    right = status == fault.status and fault.words in text and fault.text in text
    found.wrong[fault.title] += not right
    if fault.title not in found.said or not right:
        found.said[fault.title] = (status, sentence_of(article))
    return stream


async def again(client: aiohttp.ClientSession, fault: Fault, stream: str, found: Findings) -> None:
    """Press "Try again" and look at the page until the new answer is whole."""
    async with client.post(re.sub(r"/stream$", "/again", stream)) as response:
        page = await response.text()
    begun = time.monotonic()
    while re.search(r'data-status="(pending|streaming)"', page) and time.monotonic() - begun < AGAIN_WITHIN_SECONDS:
        await asyncio.sleep(0.2)
        async with client.get(stream.partition("messages/")[0]) as response:
            page = await response.text()
    whole = 'data-role="assistant" data-status="complete"' in page and MENDED in readable(page)
    found.not_again[fault.title] += not whole


async def count_sockets(servers: Servers, found: Findings) -> None:
    while True:
        found.most_sockets = max(found.most_sockets, servers.sockets())
        await asyncio.sleep(0.05)


async def until_gone(servers: Servers, before: int) -> float:
    """Seconds until no more sockets lead to the servers than before."""
    begun = time.monotonic()
    while True:
        seconds = time.monotonic() - begun
        if servers.sockets() <= before or seconds > 2 * SOCKETS_GONE_WITHIN_SECONDS:
            return seconds
        await asyncio.sleep(0.05)


def readable(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup.replace("\ndata: ", "\n"))).split())


def sentence_of(article: str) -> str:
    """What the person is told."""
    found = re.search(r'<p class="row mt2 sm[^"]*">(.*?)</p>', article.replace("\ndata: ", "\n"), re.DOTALL)
    return readable(found.group(1)) if found else ""


def unhandled(log: IO[bytes]) -> list[bytes]:
    log.seek(0)
    return [line for line in log if UNHANDLED.search(line)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, under a minute, instead of twenty")
    parser.add_argument("--rounds", type=int, default=20, help="how many (20)")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    found = Findings()
    settings = {
        "GATEHOUSE_SETTING_CHAT_MESSAGES_PER_MINUTE": "1000",
        "GATEHOUSE_SETTING_CHAT_SILENCE_SECONDS": str(SILENCE_SECONDS),
    }
    with tempfile.TemporaryFile() as log:
        with (
            running_servers() as servers,
            house(
                workers=WORKERS,
                model_url=f"http://127.0.0.1:{servers.port}/v1",
                model="good",
                settings=settings,
                log=log,
            ) as place,
        ):
            ids = set_up(place, servers)
            for _round in range(rounds):
                asyncio.run(one_round(place, servers, ids, found))
        trouble = unhandled(log)
    return reported(found, rounds, trouble)


def reported(found: Findings, rounds: int, trouble: list[bytes]) -> int:
    print(f"{rounds} rounds, {found.answers} answers, {found.most_sockets} sockets at one moment\n")
    for fault in FAULTS:
        status, sentence = found.said[fault.title]
        wrong = found.wrong[fault.title] + found.not_again[fault.title]
        print(f"{fault.title:<30} {status:<12} {sentence[:100]}{'   WRONG' if wrong else ''}")
    figures = (
        ("answers with a wrong end or no sentence", sum(found.wrong.values()), 0),
        ("where trying again did not work", sum(found.not_again.values()), 0),
        ("troubles in the log nobody dealt with", len(trouble), 0),
        ("slowest until the sockets are gone, s", found.slowest_sockets, SOCKETS_GONE_WITHIN_SECONDS),
    )
    print()
    for line in trouble[:5]:
        print(line.decode(errors="replace").rstrip())
    for label, figure, floor in figures:
        print(f"{label:<44} {figure:>8.2f}   floor {floor:g}{'' if figure <= floor else '   MISSED'}")
    # Where no socket was ever seen, that none was left says nothing.
    return 0 if found.most_sockets and all(figure <= floor for _label, figure, floor in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
