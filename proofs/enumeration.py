"""Whether a refusal at the door tells by its words, its length or its time what it was refused for.

    uv run python proofs/enumeration.py [--quick | --answers N]

Against a running server of one web process, in random order and one at a time, so that none waits for another's hash:
sign-ins refused because nobody has the name, the password is wrong, or the person is inactive, locked out, without a
password, or still has the dearest hash of each kind that an import takes; and the page of a forgotten password for
somebody known and for nobody. The answers must be the same but for what differs between any two pages, and the middle
of the times of each must lie within five percent of the first one's, or, for a forgotten password, which is answered
in a few milliseconds, within two of them. Exits 1 where one does not.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
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

CASES = ("missing", "wrong", "inactive", "locked", "no password", "bcrypt", "PBKDF2", "Argon2id")
FORGOTTEN = ("nobody", "somebody")
# As many accounts of each kind, so that none but the locked one ever reaches the limit.
ACCOUNTS, LIMIT = 20, 100
FORGOTTEN_ANSWERS = 40
WITHIN = 0.05
# What the clock of a busy machine is off by: five percent of a few milliseconds would be less.
NOISE_SECONDS = 0.002

PEOPLE = """
import base64, hashlib
import argon2, bcrypt
from django.contrib.auth.hashers import make_password
from accounts.actions.lockout import ACCOUNT
from accounts.imports import hashes
from accounts.models import User
from settings_store import limits
password = b"seven herons on a wire"
pbkdf2 = base64.b64encode(hashlib.pbkdf2_hmac("sha256", password, b"seasalt", hashes.MOST_PBKDF2)).decode()
dear_argon2 = argon2.PasswordHasher(
    time_cost=hashes.MOST_ARGON2_WORK // hashes.MOST_ARGON2_KIB, memory_cost=hashes.MOST_ARGON2_KIB, parallelism=1
)
kinds = {
    "wrong": make_password("seven herons on a wire"),
    "inactive": make_password("seven herons on a wire"),
    "locked": make_password("seven herons on a wire"),
    "nopassword": make_password(None),
    "bcrypt": hashes.encoded(bcrypt.hashpw(password, bcrypt.gensalt(hashes.MOST_BCRYPT)).decode()),
    "pbkdf2": hashes.encoded(f"pbkdf2_sha256${hashes.MOST_PBKDF2}$seasalt${pbkdf2}"),
    "argon2id": hashes.encoded(dear_argon2.hash(password)),
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
    return f"{case.replace(' ', '').lower()}{random.randrange(ACCOUNTS)}"  # noqa: S311 - no secret


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

    def shown(self, title: str, cases: tuple[str, ...], *, noise: float = 0.0) -> bool:
        """The table of these cases; whether all hold."""
        most = f"{WITHIN:.0%} or {noise * 1000:.0f} ms" if noise else f"{WITHIN:.0%}"
        first = statistics.median(self.times[cases[0]])
        holds = True
        print(f"\n{title}\n{'':<14}{'answers':>8}{'median, s':>11}{'apart':>8}   at most {most}")
        for case in cases:
            middle = statistics.median(self.times[case])
            apart = abs(middle - first) / first
            near = apart <= WITHIN or abs(middle - first) <= noise
            same = self.pages[case] == self.pages[cases[0]] and len(self.pages[case]) == 1
            right = near and same
            holds &= right
            words = "" if same else "   ANOTHER PAGE"
            missed = "" if near else "   MISSED"
            print(f"{case:<14}{len(self.times[case]):>8}{middle:>11.4f}{apart:>8.2%}{words}{missed}")
            if not same:
                self.tell_apart(case, cases[0])
        return holds

    def tell_apart(self, case: str, first: str) -> None:
        """Print where the pages of a case leave those of the first one, so that a rare one is not lost."""
        usual = min(self.pages[first])
        for status, page in sorted(self.pages[case] | self.pages[first]):
            print(f"  {case} or {first}: {status}")
            for line in difflib.unified_diff(usual[1].splitlines(), page.splitlines(), lineterm="", n=0):
                print(f"    {line[:200]}")


async def gather(place: House, number: int) -> bool:
    async with aiohttp.ClientSession(place.url) as client:
        await ready(client)
    signing_in, forgotten = Answers(), Answers()
    calls = [("/login/", case) for case in CASES] * number
    calls += [("/password/forgotten/", case) for case in FORGOTTEN] * FORGOTTEN_ANSWERS
    random.shuffle(calls)

    # What is done for the first time takes longer, whatever it is.
    for case in CASES:
        await Answers().ask(place, "/login/", case, {"username": name_for(case), "password": "x"})
    asked = 0
    for path, case in calls:
        if path == "/login/":
            form = {"username": name_for(case), "password": "six herons on a wire"}
            await signing_in.ask(place, path, case, form)
        else:
            # Each in turn, for nobody is sent more than a few letters: one too many is another page.
            asked += case == "somebody"
            name = f"wrong{asked % ACCOUNTS}" if case == "somebody" else name_for("missing")
            await forgotten.ask(place, path, case, {"name": name})
    holds = signing_in.shown("signing in", CASES)
    return forgotten.shown("a forgotten password", FORGOTTEN, noise=NOISE_SECONDS) and holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="six answers of each kind: about a minute")
    parser.add_argument("--answers", type=int, default=100, help="of each kind (100)")
    options = parser.parse_args()
    environment = {
        "TRUSTED_PROXIES": "127.0.0.1",
        "LOG_LEVEL": "ERROR",
        "GATEHOUSE_SETTING_ACCOUNTS_LOCKOUT_ATTEMPTS": str(LIMIT),
    }
    with house(workers=1, model_url="http://127.0.0.1:9/v1", model="none", settings=environment) as place:
        place.manage("shell", "-v", "0", "-c", PEOPLE)
        holds = asyncio.run(gather(place, 6 if options.quick else options.answers))
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
