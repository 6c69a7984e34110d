"""Whether every change that the owner of the database makes to the trail is found, and named by its place.

    .tools/bin/uv run python proofs/audit_tamper.py [--quick | --mutations N]

The owner takes the triggers away and edits, deletes, inserts, exchanges, cuts, hashes anew without the key, puts an old
copy back, moves the end, or touches the kept keys of the chain. After each mutation the trail is verified against the
last anchor, the first bad event must be the right one, and put right again it must hold. The trail was written under
three master keys, of which two are gone. Runs on SQLite and PostgreSQL, each in a database of its own. Exits 1 where
one escapes.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import fresh_database

TRAIL, HEAD = "settings_store_auditevent", "settings_store_audithead"
KEPT, USES = "settings_store_chainkey", "settings_store_keyuse"
EVENTS, OLDER = 120, 90
type Row = dict[str, Any]
# A mutation changes the rows and the end (sequence, hash) in place and says which event is the first bad one.
type Mutation = Callable[[list[Row], Row, random.Random], int]


def edit(rows: list[Row], end: Row, chance: random.Random) -> int:
    row = chance.choice(rows)
    column = chance.choice([name for name in row if name != "sequence"])
    old = row[column]
    if column in ("before", "after"):
        row[column] = json.dumps({"value": chance.random()})
    elif column == "at":
        row[column] = "2020-01-01 00:00:00+00:00"
    elif column == "address":
        row[column] = f"203.0.113.{chance.randrange(1, 250)}"
    elif isinstance(old, int) or column in ("actor_id", "impersonator_id"):
        row[column] = (old or 0) + 1
    else:
        row[column] = f"{old or ''}x"[-16:] if old != f"{old or ''}x"[-16:] else "y"
    # The column of the hash of the event before shows the same fault: this event no longer follows.
    return int(row["sequence"])


def delete(rows: list[Row], end: Row, chance: random.Random) -> int:
    place = chance.randrange(len(rows) - 1)
    del rows[place]
    return int(rows[place]["sequence"])


def insert(rows: list[Row], end: Row, chance: random.Random) -> int:
    last = rows[-1]
    rows.append(last | {"sequence": last["sequence"] + 1, "previous_hash": last["hash"]})
    end["sequence"] = last["sequence"] + 1
    return int(last["sequence"]) + 1


def insert_before_the_first(rows: list[Row], end: Row, chance: random.Random) -> int:
    number = -chance.randrange(3)
    rows.insert(0, rows[0] | {"sequence": number})
    return number


def swap(rows: list[Row], end: Row, chance: random.Random) -> int:
    one, two = sorted(chance.sample(range(len(rows)), 2))
    first, second = rows[one]["sequence"], rows[two]["sequence"]
    rows[one], rows[two] = rows[two] | {"sequence": first}, rows[one] | {"sequence": second}
    return int(first)


def cut(rows: list[Row], end: Row, chance: random.Random) -> int:
    del rows[chance.randrange(1, len(rows)) :]
    end |= {"sequence": rows[-1]["sequence"], "hash": rows[-1]["hash"]}
    return int(rows[-1]["sequence"]) + 1


def cut_without_the_end(rows: list[Row], end: Row, chance: random.Random) -> int:
    del rows[chance.randrange(1, len(rows)) :]
    return int(rows[-1]["sequence"]) + 1


def hash_anew(rows: list[Row], end: Row, chance: random.Random) -> int:
    """Change an event and hash it and all after it anew, without the key."""
    place = chance.randrange(len(rows))
    rows[place]["reason"] = "rewritten"
    for number in range(place, len(rows)):
        row = rows[number]
        row["previous_hash"] = rows[number - 1]["hash"] if number else "0" * 64
        content = {name: value for name, value in row.items() if name != "hash"}
        row["hash"] = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    end["hash"] = rows[-1]["hash"]
    return int(rows[place]["sequence"])


def old_copy(rows: list[Row], end: Row, chance: random.Random) -> int:
    """The backup from before the anchor was taken, whole and consistent in itself."""
    del rows[OLDER:]
    end |= {"sequence": rows[-1]["sequence"], "hash": rows[-1]["hash"]}
    return int(rows[-1]["sequence"]) + 1


def move_end(rows: list[Row], end: Row, chance: random.Random) -> int:
    way = chance.choice(("back", "on", "hash"))
    last = int(end["sequence"])
    if way == "back":
        end["sequence"] = last - chance.randrange(1, 20)
        return int(end["sequence"]) + 1
    if way == "on":
        end["sequence"] = last + chance.randrange(1, 20)
        return last + 1
    end["hash"] = "f" * 64
    return last


def gap(rows: list[Row], end: Row, chance: random.Random) -> int:
    """Every event from some place on takes another number."""
    place, by = chance.randrange(1, len(rows)), chance.randrange(1, 5)
    for row in rows[place:]:
        row["sequence"] += by
    end["sequence"] = rows[-1]["sequence"]
    return int(rows[place]["sequence"])


def spoil_a_kept_key(rows: list[Row], end: Row, chance: random.Random) -> int:
    kept = chance.choice(end["kept"])
    sealed = bytearray(kept["sealed"])
    sealed[chance.randrange(len(sealed))] ^= 1 << chance.randrange(8)
    kept["sealed"] = bytes(sealed)
    return _first_of(rows, kept["key_id"])


def delete_a_kept_key(rows: list[Row], end: Row, chance: random.Random) -> int:
    return _first_of(rows, end["kept"].pop(chance.randrange(2))["key_id"])


def exchange_kept_keys(rows: list[Row], end: Row, chance: random.Random) -> int:
    one, two = end["kept"]
    one["sealed"], two["sealed"] = two["sealed"], one["sealed"]
    return int(rows[0]["sequence"])


def plant_a_key(rows: list[Row], end: Row, chance: random.Random) -> int:
    """Change an event, hash it rightly under a key of one's own, and keep that key under a name of its own."""
    row, key = chance.choice(rows), chance.randbytes(32)
    row |= {"reason": "rewritten", "chain_key_id": key[:8].hex()}
    content = {name: value for name, value in row.items() if name != "hash"}
    row["hash"] = hmac.digest(key, json.dumps(content, sort_keys=True, default=str).encode(), "sha256").hex()
    end["kept"].append({"key_id": key[:8].hex(), "sealed": key})
    return int(row["sequence"])


def edit_uses_and_an_event(rows: list[Row], end: Row, chance: random.Random) -> int:
    """Say of every key that it was never used, or that there was none, and change an event."""
    if chance.random() < 0.5:
        end["uses"].clear()
    for use in end["uses"]:
        use |= {"sealed_count": 0, "key_id": chance.randbytes(8).hex()}
    row = chance.choice(rows)
    row["action"] = "thing.undone"
    return int(row["sequence"])


def _first_of(rows: list[Row], key_id: str) -> int:
    return next(int(row["sequence"]) for row in rows if row["chain_key_id"] == key_id)


KINDS: dict[str, Mutation] = {
    "a column edited": edit,
    "an event deleted": delete,
    "an event added at the end": insert,
    "an event added before the first": insert_before_the_first,
    "two events exchanged": swap,
    "the tail cut with its end": cut,
    "the tail cut": cut_without_the_end,
    "hashed anew without the key": hash_anew,
    "an old copy put back": old_copy,
    "the end moved": move_end,
    "numbers left out": gap,
    "a kept key spoiled": spoil_a_kept_key,
    "a kept key deleted": delete_a_kept_key,
    "kept keys exchanged": exchange_kept_keys,
    "a key of one's own planted": plant_a_key,
    "uses of keys and an event": edit_uses_and_an_event,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="112 mutations on each database instead of 1,000")
    parser.add_argument("--mutations", type=int, default=1000, help="how many on each (1000)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    mutations = 112 if options.quick else options.mutations
    if options.child:
        return prove(mutations)
    failed = False
    for vendor in ("SQLite", "PostgreSQL"):
        with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database(vendor, folder=folder) as url:
            if not url:
                continue
            environment = os.environ | {
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "DEBUG": "true",
                "GATEHOUSE_DATA_DIR": folder,
                "DATABASE_URL": url,
            }
            print(f"{vendor}: ", end="", flush=True)
            # Each database in a process of its own: Django knows one database address for good.
            command = [sys.executable, __file__, "--child", f"--mutations={mutations}"]
            failed |= bool(subprocess.run(command, env=environment, check=False).returncode)
            print()
    return int(failed)


def prove(mutations: int) -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from settings_store import audit
    from settings_store.triggers import drop_triggers

    call_command("migrate", verbosity=0)
    _write(EVENTS)
    drop_triggers(connection)
    anchor = audit.head()
    good, good_end = _rows(TRAIL), _rows(HEAD)[0] | {"kept": _rows(KEPT), "uses": _rows(USES)}
    chance = random.Random(1)  # noqa: S311 - the same mutations in every run
    found, missed, wrong, alarms = Counter[str](), Counter[str](), Counter[str](), 0
    for number in range(mutations):
        kind = list(KINDS)[number % len(KINDS)]
        rows, end = [dict(row) for row in good], deepcopy(good_end)
        bad = KINDS[kind](rows, end, chance)
        _put(rows, end)
        broken = next(audit.verify(anchor=anchor), None)
        if broken is None:
            missed[kind] += 1
        elif broken.sequence != bad:
            wrong[kind] += 1
        found[kind] += broken is not None
        _put(good, good_end)
        alarms += next(audit.verify(anchor=anchor), None) is not None
    print(f"{mutations} mutations of a trail of {EVENTS} events\n")
    print(f"{'kind':<34} {'found':>6} {'escaped':>8} {'wrong place':>12}")
    for kind in KINDS:
        print(f"{kind:<34} {found[kind]:>6} {missed[kind]:>8} {wrong[kind]:>12}")
    figures = (
        ("escaped", missed.total(), 0),
        ("named at a wrong place", wrong.total(), 0),
        ("false alarms", alarms, 0),
    )
    print()
    for label, figure, floor in figures:
        print(f"{label:<34} {figure:>6}   floor {floor}{'' if figure <= floor else '   MISSED'}")
    return 0 if all(figure <= floor for _label, figure, floor in figures) else 1


def _write(events: int) -> None:
    """A trail under three master keys after each other; of the older two only the keys of the chain are kept."""
    from django.conf import settings
    from django.db import transaction

    from settings_store import audit
    from settings_store.crypto import keyring
    from settings_store.models import KeyUse

    ends = []
    keys = [base64.urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3)]
    for part in range(3):
        settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: ",".join(reversed(keys[: part + 1]))}
        for number in range(part * events // 3, (part + 1) * events // 3):
            with transaction.atomic(), audit.circumstances(address="192.0.2.7", request_id=f"req_{number}"):
                audit.record(
                    "thing.done", actor=None, before={"n": number}, after={"n": number + 1}, reason=f"{number}"
                )
        ends.append(audit.head())
    for key, end in zip(keyring().keys, reversed(ends), strict=True):
        KeyUse.objects.update_or_create(key_id=key.id.hex(), defaults={"environment": "default", "sealed_count": 7})
        if key is not keyring().newest:
            audit.keep_chain_key(key, end)
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: keys[-1]}


def _rows(table: str) -> list[Row]:
    from django.db import connection

    order = {TRAIL: "sequence", HEAD: "id"}.get(table, "key_id")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608 - constants of this file
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _put(rows: list[Row], end: Row) -> None:
    from django.db import connection, transaction

    from settings_store.trail.words import empty_words

    with transaction.atomic(), connection.cursor() as cursor:
        for table, those in ((TRAIL, rows), (KEPT, end["kept"]), (USES, end["uses"])):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608
            if not those:
                continue
            names = list(those[0])
            places = ", ".join(["%s"] * len(names))
            insertion = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608
            cursor.executemany(insertion, [[row[name] for name in names] for row in those])
        empty_words(connection)
        cursor.execute(f"UPDATE {HEAD} SET sequence = %s, hash = %s", [end["sequence"], end["hash"]])  # noqa: S608


if __name__ == "__main__":
    sys.exit(main())
