"""What signing in costs beside the one password hash that it cannot do without.

    uv run python benchmarks/signing_in.py [--quick]

On a database of its own (SQLite in a temporary folder), through the whole stack of middlewares, with the hasher of the
product. Both sides are measured in turns in one run; the figure is the ratio of their best rounds, because whatever
else the machine does only ever adds. Exits 1 where it misses its floor.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# The floor of docs/benchmarks.md.
RATIO = 1.2
PASSWORD = "seven herons on a wire"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    rounds = 15 if parser.parse_args().quick else 100
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "false",
            "HTTPS_ONLY": "false",
            "LOG_LEVEL": "ERROR",
            "SECRET_KEY": "k" * 50,
            "DATABASE_ENCRYPTION_KEY": "YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcmstMDA=",
            "DATABASE_URL": f"sqlite:///{folder}/signing_in.sqlite3",
            "GATEHOUSE_DATA_DIR": folder,
        }
        return measure(rounds)


def measure(rounds: int) -> int:
    import django

    django.setup()
    from django.contrib.auth.hashers import check_password, make_password
    from django.core.management import call_command
    from django.test import Client

    from accounts.models import User
    from rbac.actions import assign_role, seed_system_roles
    from rbac.models import Role

    call_command("migrate", verbosity=0)
    seed_system_roles()
    encoded = make_password(PASSWORD)
    user = User(username="ana", email="ana@house.example", password=encoded)
    user.save()
    assign_role(actor=None, user=user, role=Role.objects.get(name_key="user"))

    def hash_alone() -> None:
        if not check_password(PASSWORD, encoded):
            raise SystemExit("The hash answers wrongly.")

    def sign_in() -> None:
        answer = Client(headers={"host": "localhost"}).post("/login/", {"username": "ana", "password": PASSWORD})
        if answer.status_code != 302:
            raise SystemExit(f"Signing in answered {answer.status_code}.")

    hash_alone()
    sign_in()
    hashed, signed_in = in_turns(hash_alone, sign_in, rounds=rounds)
    ratio = signed_in / hashed
    print(f"{'one Argon2 hash':<42}{hashed * 1000:>10.1f} ms")
    print(f"{'signing in, from request to answer':<42}{signed_in * 1000:>10.1f} ms")
    print(f"{'ratio':<42}{ratio:>10.2f}      floor {RATIO}{'' if ratio <= RATIO else '   MISSED'}")
    return int(ratio > RATIO)


def in_turns(*sides: Callable[[], None], rounds: int) -> list[float]:
    """The best time of each side in seconds."""
    best = [float("inf")] * len(sides)
    for _ in range(rounds):
        for number, side in enumerate(sides):
            began = time.perf_counter()
            side()
            best[number] = min(best[number], time.perf_counter() - began)
    return best


if __name__ == "__main__":
    sys.exit(main())
