"""Whether more passwords or codes are ever looked at than the limit allows, and what a storm at the door costs others.

    uv run python proofs/guessing.py [--quick | --only SQLite --guesses N --people N]

On SQLite, PostgreSQL and MariaDB, as far as their servers answer, with two web processes. So many guesses at once: on
one account from one address, on one account from an address each, on the second step of one person from an address
each, and on an account each from one address. Every guess beyond the limit is the right one and must not get in; which
were looked at is counted by what the trail and the counters say. Then people sign in all at once, with the right
passwords, while somebody signed in reads pages. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aiohttp

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import EVERY, fresh_database
from benchmarks.house import House, csrf_token, house, signed_in

LIMIT = 10
CODES = 5
RIGHT, WRONG = "seven herons on a wire", "six herons on a wire"
# A page beside a storm may take this much longer than without one.
PAGE_SECONDS = 1.0
_address = count(1)


@dataclass
class Figure:
    label: str
    value: float
    floor: float
    least: bool = False

    @property
    def holds(self) -> bool:
        return self.value >= self.floor if self.least else self.value <= self.floor


def own_address() -> str:
    number = next(_address)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@asynccontextmanager
async def stranger(place: House, address: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser of nobody at this address, with the token of the sign-in form."""
    jar = aiohttp.CookieJar(unsafe=True)
    headers = {"X-Forwarded-For": address}
    timeout = aiohttp.ClientTimeout(total=120)
    # A connection for each request: one kept while the crowd gathers may be closed just when all begin.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(
        place.url, cookie_jar=jar, headers=headers, timeout=timeout, connector=connector
    ) as client:
        client.headers["X-CSRFToken"] = await csrf_token(client, "/login/")
        yield client


async def knock(client: aiohttp.ClientSession, name: str, password: str) -> bool:
    """Whether the password was taken for right; comes again where there is a crowd."""
    while True:
        form = {"username": name, "password": password}
        async with client.post("/login/", data=form, allow_redirects=False) as response:
            if response.status == 503:
                continue
            if response.status not in {302, 422}:
                raise RuntimeError(f"signing in answered {response.status}")
            return response.status == 302


async def at_once(place: House, guesses: Sequence[tuple[str, str, str]]) -> int:
    """Address, name and password of each guess, all under way together; how many got in."""

    async def one(address: str, name: str, password: str, all_ready: asyncio.Barrier) -> bool:
        async with stranger(place, address) as client:
            await all_ready.wait()
            return await knock(client, name, password)

    all_ready = asyncio.Barrier(len(guesses))
    return sum(await asyncio.gather(*(one(*guess, all_ready) for guess in guesses)))


async def to_the_threshold(place: House, name: str, *, address: str = "", guesses: int = LIMIT - 1) -> None:
    """So many wrong passwords, one after the other: one more, and the limit is reached."""
    for _ in range(guesses):
        async with stranger(place, address or own_address()) as client:
            if await knock(client, name, WRONG):
                raise RuntimeError("a wrong password got in")


async def guess_passwords(place: House, guesses: int) -> list[Figure]:
    here = own_address()
    # Beyond the limit all are right; the one that reaches it is wrong.
    await to_the_threshold(place, "one", address=here)
    await to_the_threshold(place, "one", address=here, guesses=1)
    same = await at_once(place, [(here, "one", RIGHT)] * guesses)
    await to_the_threshold(place, "two")
    await to_the_threshold(place, "two", guesses=1)
    spread = await at_once(place, [(own_address(), "two", RIGHT) for _ in range(guesses)])
    # All at once and none before: no more than the limit are looked at, so exactly so many stay open to the right one.
    await at_once(place, [(own_address(), "three", WRONG) for _ in range(guesses)])
    after = await at_once(place, [(own_address(), "three", RIGHT)])
    there = own_address()
    many = [(there, f"many{number}", WRONG) for number in range(guesses)]
    await at_once(place, many)
    beyond = await at_once(place, [(there, "four", RIGHT)])
    looked = json.loads(place.manage("shell", "-v", "0", "-c", COUNT).splitlines()[-1])
    return [
        Figure("right passwords let in beyond the limit, one address", same, 0),
        Figure("the same, an address each", spread, 0),
        Figure("the same after a burst of wrong ones", after, 0),
        Figure("the same from an address that guessed at many", beyond, 0),
        Figure(f"counted of {guesses} wrong ones at once", looked["three"], LIMIT),
        Figure("letters for that lock", looked["locks"], 1),
    ]


# What the counters and the trail say of the account "three".
COUNT = """
import json
from accounts.actions.lockout import ACCOUNT
from accounts.models import Lockout, User
from settings_store.limits import HELD, _key
from settings_store.models import AuditEvent, LimitCounter
three = User.objects.get(username="three")
counter = LimitCounter.objects.get(key=_key(ACCOUNT, f"user:{three.pk}"))
events = AuditEvent.objects.filter(action="user.locked", target_id=str(three.public_id))
print(json.dumps({"three": counter.count % HELD, "locks": events.count()}))
"""


async def guess_codes(place: House, guesses: int) -> list[Figure]:
    """Wrong codes up to the limit, then right ones from everywhere."""
    import pyotp

    secret = place.manage("shell", "-v", "0", "-c", ENROL).splitlines()[-1]

    async def second_step(address: str) -> aiohttp.ClientSession:
        jar = aiohttp.CookieJar(unsafe=True)
        client = aiohttp.ClientSession(place.url, cookie_jar=jar, headers={"X-Forwarded-For": address})
        client.headers["X-CSRFToken"] = await csrf_token(client, "/login/")
        if not await knock(client, "coded", RIGHT):
            raise RuntimeError("the right password was refused")
        client.headers["X-CSRFToken"] = await csrf_token(client, "/login/factor/")
        return client

    async def give(client: aiohttp.ClientSession, code: str) -> bool:
        async with client.post("/login/factor/", data={"code": code}, allow_redirects=False) as response:
            location = response.headers.get("Location", "")
            return response.status == 302 and "login" not in location

    clients = [await second_step(own_address()) for _ in range(guesses)]
    try:
        wrong = f"{(int(pyotp.TOTP(secret).now()) + 1) % 1_000_000:06d}"
        for client in clients[:CODES]:
            if await give(client, wrong):
                raise RuntimeError("a wrong code got in")
        right = pyotp.TOTP(secret).now()
        let_in = sum(await asyncio.gather(*(give(client, right) for client in clients[CODES:])))
    finally:
        for client in clients:
            await client.close()
    return [Figure("right codes let in beyond the limit, an address each", let_in, 0)]


# An authenticator app for the person "coded"; prints its secret in base 32.
ENROL = """
import base64
from accounts.factors import totp
from accounts.models import Totp, User
user, secret = User.objects.get(username="coded"), totp.new_secret()
Totp.objects.create(user=user, sealed_secret=totp.seal(secret, user), last_step=0)
print(base64.b32encode(secret).decode())
"""


async def storm(place: House, people: int, seconds: float) -> list[Figure]:
    async with signed_in(place) as reader:
        calm = await page_times(reader, until=asyncio.create_task(asyncio.sleep(seconds)))
        guests = [(own_address(), f"guest{number}", RIGHT) for number in range(people)]
        began = time.monotonic()
        crowd = asyncio.create_task(at_once(place, guests))
        busy = await page_times(reader, until=crowd)
        took = time.monotonic() - began
        inside = await crowd
    print(f"  {people} people in {took:.1f} s; pages p95 {p95(busy):.3f} s beside {p95(calm):.3f} s without them")
    return [
        Figure("people of the storm let in", inside, people, least=True),
        Figure("slower page beside it, p95, s", p95(busy) - p95(calm), PAGE_SECONDS),
    ]


async def page_times(client: aiohttp.ClientSession, *, until: asyncio.Task[object]) -> list[float]:
    times: list[float] = []
    while not until.done() or len(times) < 20:
        began = time.monotonic()
        async with client.get("/profile/") as response:
            await response.read()
            if response.status != 200:
                raise RuntimeError(f"the page answered {response.status}")
        times.append(time.monotonic() - began)
        await asyncio.sleep(0.02)
    return times


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


# Names from the arguments, one hash for all of them.
PEOPLE = """
import os
from django.contrib.auth.hashers import make_password
from accounts.models import User
from rbac.actions import assign_role
from rbac.models import Role
encoded = make_password(os.environ["PROOF_PASSWORD"])
role = Role.objects.get(name_key="user")
for name in os.environ["PROOF_NAMES"].split():
    user = User(username=name, email=f"{name}@house.example", password=encoded)
    user.save()
    assign_role(actor=None, user=user, role=role)
"""


async def prove(place: House, guesses: int, people: int) -> list[Figure]:
    found: list[Figure] = []
    steps: list[Callable[[], Awaitable[list[Figure]]]] = [
        lambda: storm(place, people, 2.0),
        lambda: guess_passwords(place, guesses),
        lambda: guess_codes(place, min(guesses, 40)),
    ]
    for step in steps:
        found += await step()
    return found


def on(database: str, options: argparse.Namespace) -> list[Figure] | None:
    names = ["one", "two", "three", "four", "coded", *(f"guest{number}" for number in range(options.people))]
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database(database, folder=folder) as url:
        if not url:
            return None
        environment = {
            "DATABASE_URL": url,
            "TRUSTED_PROXIES": "127.0.0.1",
            "LOG_LEVEL": "ERROR",
            "GATEHOUSE_SETTING_ACCOUNTS_LOCKOUT_ATTEMPTS": str(LIMIT),
            "GATEHOUSE_SETTING_ACCOUNTS_LOCKOUT_SECONDS": "3600",
            "GATEHOUSE_SETTING_ACCOUNTS_SECOND_FACTOR_ATTEMPTS": str(CODES),
            "PROOF_NAMES": " ".join(names),
            "PROOF_PASSWORD": RIGHT,
        }
        with house(workers=2, model_url="http://127.0.0.1:9/v1", model="none", settings=environment) as place:
            place.manage("shell", "-v", "0", "-c", PEOPLE)
            return asyncio.run(prove(place, options.guesses, options.people))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="SQLite alone and fewer guesses: under a minute")
    parser.add_argument("--only", choices=EVERY, help="on this database alone")
    parser.add_argument("--guesses", type=int, help="at once (100)")
    parser.add_argument("--people", type=int, help="who sign in at once (60)")
    options = parser.parse_args()
    options.guesses = options.guesses or (30 if options.quick else 100)
    options.people = options.people or (20 if options.quick else 60)
    missed = False
    for database in EVERY if not (options.quick or options.only) else [options.only or "SQLite"]:
        print(f"{database}: {options.guesses} guesses at once")
        for figure in on(database, options) or []:
            missed |= not figure.holds
            floor = f"{'at least' if figure.least else 'at most'} {figure.floor:g}{'' if figure.holds else '   MISSED'}"
            print(f"  {figure.label:<56}{figure.value:>8.2f}   {floor}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
