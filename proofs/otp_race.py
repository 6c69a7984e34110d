"""Whether a code ever counts twice: fifty threads give the same one at the same moment.

    uv run python proofs/otp_race.py [--quick | --rounds N --threads N]

On SQLite, PostgreSQL and MariaDB, as far as their servers answer. In each round every thread, with a connection of its
own, brings the same code: once that of an authenticator app, once a recovery code. Exactly one may hear yes, none may
end in an error, and once it is over nobody hears yes again. Then as many wrong codes come at once as there are threads,
through the limits: no more of them than the limit may be looked at. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import EVERY, fresh_database

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_SECONDS = 540


def at_once(threads: int, ask: Callable[[], bool]) -> tuple[int, int]:
    """How often `ask` says yes when so many threads ask in the same moment, and how often it fails."""
    from django.db import connection

    gate, yes, faults = threading.Barrier(threads), [], []

    def one() -> None:
        try:
            # The connection is open before the moment comes, so that all are at the statement together.
            connection.ensure_connection()
            gate.wait()
            if ask():
                yes.append(1)
        except Exception as error:  # whatever it is, it is a figure
            faults.append(1)
            print(f"  {type(error).__name__}: {error}", file=sys.stderr)
        finally:
            connection.close()

    running = [threading.Thread(target=one) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return len(yes), len(faults)


def prove(vendor: str, threads: int, rounds: int) -> bool:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    began = time.monotonic()
    figures = [*app_codes(threads, rounds), *recovery_codes(threads, rounds), *guesses(threads)]
    print(f"\n{vendor}: {threads} threads, {rounds} rounds of each kind in {time.monotonic() - began:.1f} s")
    for label, figure, floor in figures:
        print(f"  {label:<46} {figure:>5}   floor {floor:<5}{'' if figure == floor else '   MISSED'}")
    return all(figure == floor for _label, figure, floor in figures)


def app_codes(threads: int, rounds: int) -> list[tuple[str, int, int]]:
    """The code of an authenticator app, in each round of another step; an independent implementation makes them."""
    import pyotp
    from django.utils.crypto import get_random_string

    from accounts import actions
    from accounts.factors import totp
    from accounts.models import Totp

    exact = faults = again = 0
    for _round in range(rounds):
        user = person(get_random_string(8).lower())
        app = pyotp.TOTP(pyotp.random_base32())
        Totp.objects.create(user=user, sealed_secret=totp.seal(app.byte_secret(), user))
        code = app.now()

        def ask(user: Any = user, code: str = code) -> bool:
            return actions.use_app_code(user=user, code=code)

        yes, failed = at_once(threads, ask)
        exact, faults, again = exact + (yes == 1), faults + failed, again + ask()
    return [
        ("app: rounds with exactly one success", exact, rounds),
        ("app: successes afterwards", again, 0),
        ("app: errors", faults, 0),
    ]


def recovery_codes(threads: int, rounds: int) -> list[tuple[str, int, int]]:
    """A recovery code in each round; what is left afterwards, and what the trail says, must agree."""
    from accounts import actions
    from accounts.actions.factor import codes_for_first_factor
    from accounts.factors import recovery
    from accounts.models import RecoveryCode
    from settings_store.models import AuditEvent

    exact = faults = again = 0
    used_before = AuditEvent.objects.filter(action="factor.recovery_code_used").count()
    for number in range(rounds):
        user = person(f"spare{number}")
        code = recovery.cleaned(codes_for_first_factor(user)[0]) or ""

        def ask(user: Any = user, code: str = code) -> bool:
            return actions.use_recovery_code(user=user, code=code)

        yes, failed = at_once(threads, ask)
        exact, faults, again = exact + (yes == 1), faults + failed, again + ask()
    used = AuditEvent.objects.filter(action="factor.recovery_code_used").count() - used_before
    return [
        ("recovery: rounds with exactly one success", exact, rounds),
        ("recovery: successes afterwards", again, 0),
        ("recovery: errors", faults, 0),
        ("recovery: codes left", RecoveryCode.objects.unused().count(), rounds * (recovery.COUNT - 1)),
        ("recovery: events in the trail", used, rounds),
    ]


def guesses(threads: int) -> list[tuple[str, int, int]]:
    """Wrong codes, then the right one, all through the limits; how many were looked at is what one may still give."""
    import pyotp

    from accounts.factors import proof, totp
    from accounts.models import Totp
    from settings_store.circumstances import circumstances
    from settings_store.limits import HELD
    from settings_store.models import AuditEvent, LimitCounter
    from settings_store.store import get_setting

    user, app = person("guessed"), pyotp.TOTP(pyotp.random_base32())
    Totp.objects.create(user=user, sealed_secret=totp.seal(app.byte_secret(), user))
    near = {app.at(int(time.time()), counter_offset=step) for step in range(-10, 11)}
    wrong = next(code for code in (f"{number:06}" for number in range(100)) if code not in near)
    limit = int(get_setting("accounts.second_factor.attempts"))

    addresses = count(1)

    def ask(code: str = wrong) -> bool:
        # Each from another address: the limit of the account must hold alone.
        with circumstances(address=f"10.0.0.{next(addresses)}"):
            return proof.give(user, proof.Kind.APP, code)

    yes, faults = at_once(threads, ask)
    # What is held counts from HELD on.
    counted = max((number % HELD for number in LimitCounter.objects.values_list("count", flat=True)), default=0)
    letters = sum((event.after or {})["locked"] for event in AuditEvent.objects.filter(action="factor.refused"))
    return [
        ("guessing: wrong codes that let in", yes, 0),
        ("guessing: tries counted for the account", counted, limit),
        ("guessing: times the person was told", letters, 1),
        ("guessing: the right code during the lock", int(ask(app.now())), 0),
        ("guessing: errors", faults, 0),
    ]


def person(name: str) -> Any:
    from accounts.models import User

    user = User(username=name, email=f"{name}@example.org")
    user.set_unusable_password()
    user.save()
    return user


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three rounds, under a minute")
    parser.add_argument("--only", choices=EVERY, help="one database alone")
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--as", nargs="+", dest="part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        return 0 if prove(options.part[1], *(int(each) for each in options.part[2:])) else 1
    rounds, well = 3 if options.quick else options.rounds, True
    for vendor in [options.only] if options.only else EVERY:
        with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database(vendor, folder=folder) as url:
            if not url:
                continue
            env = os.environ | {
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "GATEHOUSE_DATA_DIR": folder,
                "DATABASE_URL": url,
                "DATABASE_POOL_SIZE": str(options.threads + 2),
                "DATABASE_ENCRYPTION_KEY": b64encode(os.urandom(32)).decode(),
                "SECRET_KEY": os.urandom(40).hex(),
                "ENVIRONMENT": "production",
                "LOG_LEVEL": "ERROR",
            }
            command = [sys.executable, __file__, "--as", "prove", vendor, str(options.threads), str(rounds)]
            well &= subprocess.run(command, env=env, cwd=ROOT, timeout=DEADLINE_SECONDS).returncode == 0
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
