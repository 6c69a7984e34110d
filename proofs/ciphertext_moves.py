"""Whether a sealed value opens anywhere but where it was sealed for, or changed in any bit.

    uv run python proofs/ciphertext_moves.py [--quick]

Every kind of sealed value there is: bits flipped at every position, cut to every length, given another key's name, and
moved to the place of every other one, between rows, keys, environments, versions and tables. Each of them is opened
as the product opens it, and must be refused. Then values are damaged in the database itself, and the pages of the
product must answer and say so. Runs on SQLite, and on PostgreSQL and MariaDB where they answer. Exits 1 where a figure
misses its floor.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import fresh_database

OLD, NEW, STAGING = (b64encode(letter * 32).decode() for letter in (b"o", b"n", b"s"))
SECRETS = ("proof.first", "proof.second")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="one bit of each byte instead of all eight, not on MariaDB"
    )
    parser.add_argument("--within", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.within:
        return prove(quick=options.quick)
    failed = False
    for name in ("SQLite", "PostgreSQL") if options.quick else ("SQLite", "PostgreSQL", "MariaDB"):
        with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database(name, folder=folder) as url:
            if not url:
                continue
            print(f"\n{name}", flush=True)
            environment = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "GATEHOUSE_DATA_DIR": folder,
                "DATABASE_URL": url,
                "SECRET_KEY": "p" * 50,
                "ENVIRONMENT": "production",
                "DATABASE_ENCRYPTION_KEY": f"{NEW},{OLD}",
                "DATABASE_ENCRYPTION_KEY_STAGING": STAGING,
                "ALLOWED_HOSTS": "127.0.0.1",
                "HTTPS_ONLY": "false",
                "LOG_LEVEL": "CRITICAL",
            }
            command = [sys.executable, __file__, "--within", *(["--quick"] if options.quick else [])]
            failed |= bool(subprocess.run(command, env=environment).returncode)
    return 1 if failed else 0


def prove(*, quick: bool) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    fill()
    tried: Counter[str] = Counter()
    opened: Counter[str] = Counter()
    values = list(every_value())
    for what, column, row, sealed in attacks(values, quick=quick):
        tried[what] += 1
        opened[what] += opens(column, row, sealed)
    pages, failed, silent = damage_in_place(values)
    print(f"{len(values)} sealed values in {len({column for column, _row, _sealed in values})} tables")
    for what, count in tried.items():
        print(f"{what:<44} {count:>8} tried, opened {opened[what]:>4}   floor 0{'   MISSED' if opened[what] else ''}")
    for label, figure in (("pages that did not answer", failed), ("pages that did not say so", silent)):
        print(f"{label:<44} {pages:>8} asked, {figure:>11}   floor 0{'   MISSED' if figure else ''}")
    return 1 if opened.total() or failed or silent or not tried or not pages else 0


def fill() -> None:
    """Sealed values of every kind, several of each."""
    from django.conf import settings
    from django.utils import timezone

    from chat.actions.provider import create_provider
    from settings_store.actions import change_setting
    from settings_store.actions.applying import proposal_context
    from settings_store.actions.rotation import rotate_keys
    from settings_store.crypto import seal
    from settings_store.models import OwnSetting, Proposal, SettingImport

    for key in SECRETS:
        OwnSetting.objects.create(key=key, type="secret", label="A secret", category="Proof", created_by_name="proof")
    both = settings.DATABASE_ENCRYPTION_KEYS
    # Some of it under the older key, whose chain key is kept then.
    settings.DATABASE_ENCRYPTION_KEYS = both | {"production": OLD}
    for key in SECRETS:
        for environment in ("production", "staging"):
            # The same secret everywhere: what tells the places apart is the context alone.
            for value in ("the same secret", "another one", "the same secret"):
                change_setting(actor=None, key=key, environment=environment, value=value)
    for name in ("Berlin", "Madrid"):
        create_provider(actor=None, name=name, base_url=f"https://{name.lower()}.example/v1", key="the same secret")
    for key in SECRETS:
        proposal = Proposal(
            key=key, environment="production", act="set", status="awaiting", base_version=3, author_name="proof"
        )
        proposal.sealed = seal(b"the same secret", context=proposal_context(proposal))
        proposal.save()
    for name in ("one.yaml", "two.yaml"):
        row = SettingImport(name=name, author_name="proof", created_at=timezone.now(), total=0)
        row.sealed = seal(b"[]", context=f"import:{row.public_id}")
        row.save()
    settings.DATABASE_ENCRYPTION_KEYS = both
    rotate_keys(actor=None)


def every_value() -> Iterator[tuple[Any, Any, bytes]]:
    from settings_store import sealed

    for column in sealed.columns():
        for row in column.rows():
            yield column, row, column.sealed(row)


def attacks(values: list[tuple[Any, Any, bytes]], *, quick: bool) -> Iterator[tuple[str, Any, Any, bytes]]:
    from settings_store.crypto import keyrings

    names = [key.id for ring in keyrings() for key in ring.keys]
    for column, row, whole in values:
        for place in range(len(whole)):
            for bit in [random.randrange(8)] if quick else range(8):  # noqa: S311 - any will do
                flipped = bytearray(whole)
                flipped[place] ^= 1 << bit
                yield "a bit flipped, at every position", column, row, bytes(flipped)
            yield "cut short, to every length", column, row, whole[:place]
            yield "its beginning cut away, at every position", column, row, whole[place + 1 :]
        yield "something added", column, row, whole + b"\0"
        if column.model.__name__ == "Proposal":
            for field, instead in (("key", SECRETS[row.key == SECRETS[0]]), ("act", "clear")):
                changed = copy(row)
                setattr(changed, field, instead)
                yield "a proposal said to be another one", column, changed, whole
        for name in names:
            if name != whole[1:9]:
                yield "another key named in its header", column, row, whole[:1] + name + whole[9:]
        for other_column, other_row, other in values:
            if place_of(column, row) != place_of(other_column, other_row):
                what = "another row" if column is other_column else "another table"
                yield f"moved to the place of {what}", other_column, other_row, whole
                yield f"its text under the header of {what}", column, row, other[:21] + whole[21:]


def place_of(column: Any, row: Any) -> tuple[str, str]:
    """What a value is bound to; the newest version of a setting and its row are one place, with the same bytes."""
    return row.seal_environment, column.context(row)


def opens(column: Any, row: Any, sealed: bytes) -> bool:
    from settings_store.crypto import CannotOpen

    kept = getattr(row, column.column)
    setattr(row, column.column, sealed)
    try:
        column.opened(row)
    except CannotOpen:
        return False
    finally:
        setattr(row, column.column, kept)
    return True


def damage_in_place(values: list[tuple[Any, Any, bytes]]) -> tuple[int, int, int]:
    """Damage each value in the database, move another one there, and ask the pages: asked, not answered, silent."""
    from settings_store import store

    client = staff()
    asked = failed = silent = 0
    for column, row, whole in values:
        elsewhere = [each for each in values if place_of(*each[:2]) != place_of(column, row)]
        # Of the same table where it has another.
        other = min(elsewhere, key=lambda each: each[0] is not column)[2]
        for sealed in (whole[:-1] + bytes([whole[-1] ^ 1]), other, whole[:20]):
            with put(column, row, sealed):
                store.refresh()
                for address, words in pages_about(column, row):
                    asked += 1
                    response = client.get(address)
                    failed += response.status_code != 200
                    html = response.content.decode()
                    # A value moved between environments carries the name of a key that is not in the other keyring.
                    also = "sealed elsewhere" if words == "damaged" else words
                    silent += words not in html and also not in html
    store.refresh()
    return asked, failed, silent


@contextmanager
def put(column: Any, row: Any, sealed: bytes) -> Iterator[None]:
    mine = column.model._base_manager.filter(pk=row.pk)
    kept = column.sealed(row)
    mine.update(**{column.column: sealed})
    try:
        yield
    finally:
        mine.update(**{column.column: kept})


def pages_about(column: Any, row: Any) -> Iterator[tuple[str, str]]:
    """Pages that have to answer, each with what it has to say."""
    yield "/readyz", f"{row} does not open"
    yield "/settings/", "proof.first"
    yield "/audit/", "setting.changed"
    match column.model.__name__:
        case "Setting":
            yield "/settings/?q=proof", "damaged"
            yield f"/settings/{row.key}/?environment={row.environment}", "damaged"
        case "SealedVersion":
            setting = row.version.setting
            yield f"/settings/{setting.key}/?environment={setting.environment}", "damaged"
        case "Proposal":
            yield f"/settings/proposals/{row.public_id}/", "damaged"
        case "Provider":
            yield "/models/", str(row)


def staff() -> Any:
    from django.test import Client

    from accounts.models import User
    from rbac.actions.assignment import assign_role
    from rbac.actions.seeding import seed_system_roles
    from rbac.models import Role
    from rbac.system_roles import ADMIN

    seed_system_roles()
    person = User.objects.create(username="proof", email="proof@house.example")
    assign_role(actor=None, user=person, role=Role.objects.get(name_key=ADMIN))
    client = Client(SERVER_NAME="127.0.0.1", raise_request_exception=False)
    client.force_login(person)
    return client


if __name__ == "__main__":
    sys.exit(main())
