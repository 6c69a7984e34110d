"""Whether a refusal at the door tells by its words, its length or its time what it was refused for.

    uv run python proofs/enumeration.py [--quick | --answers N]

Against a running server of one web process, in random order and a few at a time: sign-ins refused because nobody has
the name, the password is wrong, or the person is inactive, locked out, without a password, or still has a bcrypt hash;
and the page of a forgotten password for somebody known and for nobody. The answers must be the same but for what
differs between any two pages, and the middle of the times of each must lie within five percent of the first one's
(or two milliseconds, where the answer is that quick). Exits 1 where one does not.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import secrets
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

import aiohttp

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.house import House, csrf_token, house, ready

CASES = ("missing", "wrong", "inactive", "locked", "no password", "bcrypt hash")
FORGOTTEN = ("nobody", "somebody")
# As many accounts of each kind, so that none but the locked one ever reaches the limit.
ACCOUNTS, LIMIT = 20, 100
AT_ONCE = 2
WITHIN = 0.05
# What the clock of a busy machine is off by.
NOISE_SECONDS = 0.002

PEOPLE = """
from django.contrib.auth.hashers import make_password
from accounts.actions.lockout import ACCOUNT
from accounts.models import User
from settings_store import limits
kinds = {
    "wrong": make_password("seven herons on a wire"),
    "inactive": make_password("seven herons on a wire"),
    "locked": make_password("seven herons on a wire"),
    "nopassword": make_password(None),
    "bcrypthash": make_password("seven herons on a wire", hasher="bcrypt_sha256"),
}
for kind, encoded in kinds.items():
    for number in range(20):
        name = f"{kind}{number}"
        user = User(username=name, email=f"{name}@house.example", password=encoded, is_active=kind != "inactive")
        user.save()
        if kind == "locked":
            for _ in range(100):
                limits.reserve(ACCOUNT, f"user:{user.pk}", limit=100, seconds=86400)
            limits.hold(ACCOUNT, f"user:{user.pk}", limit=100, seconds=86400)
"""


def name_for(case: str) -> str:
    if case == "missing":
        return f"{secrets.token_hex(4)}"
    return f"{case.replace(' ', '')}{random.randrange(ACCOUNTS)}"  # noqa: S311 - no secret


def bare(page: str) -> str:
    """The page without what differs between any two: tokens, nonces, and what was typed."""
    page = re.sub(r'csrfmiddlewaretoken" value="[^"]+"|"X-CSRFToken": "[^"]+"|nonce="[^"]+"', "", page)
    return re.sub(r'name="(username|identifier|email|name)" value="[^"]*"', "", page)


class Answers:
    """What came back for each case: times, and each different page once."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.pages: dict[str, set[tuple[int, str]]] = defaultdict(set)

    async def ask(self, place: House, path: str, case: str, form: dict[str, str]) -> None:
        number = random.randrange(2**24)  # noqa: S311 - no secret
        headers = {"X-Forwarded-For": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(place.url, cookie_jar=jar, headers=headers) as client:
            client.headers["X-CSRFToken"] = await csrf_token(client, path)
            began = time.perf_counter()
            async with client.post(path, data=form, allow_redirects=False) as response:
                page = await response.text()
                self.times[case].append(time.perf_counter() - began)
            self.pages[case].add((response.status, bare(page) + response.headers.get("Location", "")))

    def shown(self, title: str, cases: tuple[str, ...]) -> bool:
        """The table of these cases; whether all hold."""
        first = statistics.median(self.times[cases[0]])
        holds = True
        print(f"\n{title}\n{'':<14}{'answers':>8}{'median, s':>11}{'apart':>8}   at most {WITHIN:.0%}")
        for case in cases:
            middle = statistics.median(self.times[case])
            apart = abs(middle - first) / first
            near = apart <= WITHIN or abs(middle - first) <= NOISE_SECONDS
            same = self.pages[case] == self.pages[cases[0]] and len(self.pages[case]) == 1
            right = near and same
            holds &= right
            words = "" if same else "   ANOTHER PAGE"
            missed = "" if near else "   MISSED"
            print(f"{case:<14}{len(self.times[case]):>8}{middle:>11.4f}{apart:>8.2%}{words}{missed}")
        return holds


async def gather(place: House, number: int) -> bool:
    async with aiohttp.ClientSession(place.url) as client:
        await ready(client)
        async with client.get("/password/forgotten/") as response:
            asks_forgotten = response.status == 200
    signing_in, forgotten = Answers(), Answers()
    calls = [("/login/", case) for case in CASES] * number
    if asks_forgotten:
        calls += [("/password/forgotten/", case) for case in FORGOTTEN] * 40
    random.shuffle(calls)
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(path: str, case: str) -> None:
        async with turns:
            if path == "/login/":
                form = {"username": name_for(case), "password": "six herons on a wire"}
                await signing_in.ask(place, path, case, form)
            else:
                name = name_for("wrong" if case == "somebody" else "missing")
                await forgotten.ask(place, path, case, dict.fromkeys(("name", "identifier", "email", "username"), name))

    # What is done for the first time takes longer, whatever it is.
    await asyncio.gather(
        *(Answers().ask(place, "/login/", case, {"username": name_for(case), "password": "x"}) for case in CASES)
    )
    await asyncio.gather(*(one(*call) for call in calls))
    holds = signing_in.shown("signing in", CASES)
    if asks_forgotten:
        holds &= forgotten.shown("a forgotten password", FORGOTTEN)
    return holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="twelve answers of each kind: under a minute")
    parser.add_argument("--answers", type=int, default=500, help="of each kind (500)")
    options = parser.parse_args()
    environment = {
        "TRUSTED_PROXIES": "127.0.0.1",
        "LOG_LEVEL": "ERROR",
        "GATEHOUSE_SETTING_ACCOUNTS_LOCKOUT_ATTEMPTS": str(LIMIT),
    }
    with house(workers=1, model_url="http://127.0.0.1:9/v1", model="none", settings=environment) as place:
        place.manage("shell", "-v", "0", "-c", PEOPLE)
        holds = asyncio.run(gather(place, 12 if options.quick else options.answers))
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
