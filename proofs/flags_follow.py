"""How soon every process follows a change of a flag, and whether a switch is ever lost.

    uv run python proofs/flags_follow.py [--quick | --only SQLite --followers N --changes N --processes N --writes N]

On SQLite, PostgreSQL and MariaDB, as far as their servers answer. Several processes ask a flag again and again and say
when they first saw each change; the slowest of them all counts. A process that is started in between sees the newest
at once. Then many processes switch one flag at the same time: every switch is one version, without a gap, and the
trail holds. A switch that was taken back has left nothing. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from itertools import pairwise
from pathlib import Path

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import EVERY, fresh_database
from proofs.contention import contend

ROOT = Path(__file__).resolve().parent.parent
FOLLOWED, SWITCHED = "follow-me", "switch-me"
VISIBLE_SECONDS = 1.0
DEADLINE_SECONDS = 540
COMMAND = [sys.executable, __file__, "--as"]


def change(key: str, document: dict[str, object], *, expected_version: int | None = None) -> None:
    from settings_store.actions import change_setting
    from settings_store.realms import key_of_flag

    change_setting(
        actor=None,
        key=key_of_flag(key),
        environment="production",
        value=json.dumps({"on": True} | document),
        expected_version=expected_version,
    )


def numbered(number: int) -> dict[str, object]:
    """Rules that give everybody this number."""
    return {"variants": [{"name": "number", "value": number, "weight": 10_000}]}


def follow() -> str:
    """In a process of its own: says each number with the moment it was first given, until the file says stop."""
    from settings_store.flags import flag_variant

    stop, last = Path(os.environ["PROOF_STOP"]), None
    while not stop.exists():
        number = flag_variant(FOLLOWED)
        if number != last:
            print(number, time.time(), flush=True)
            last = number
        time.sleep(0.002)
    return "over 0"


def write(writes: int, number: int) -> str:
    """In a process of its own: so many switches; prints how often it was too late and what went wrong."""
    from settings_store.models import Setting
    from settings_store.realms import key_of_flag

    def next_version() -> None:
        row = Setting.objects.filter(key=key_of_flag(SWITCHED)).first()
        version = row.version if row else 0
        # Each time other rules than those before, as what is so already is no change.
        change(
            SWITCHED, {"on": version % 2 == 0, "people": [version + 1, 1_000_000 + number]}, expected_version=version
        )

    return contend(next_version, writes=writes, number=number)


def delays(followers: int, changes: int) -> tuple[list[float], int]:
    """Seconds from each commit until each process had it, and how often one went backwards."""
    stop = Path(os.environ["PROOF_STOP"])
    change(FOLLOWED, numbered(0))
    running = [subprocess.Popen([*COMMAND, "follow"], stdout=subprocess.PIPE, text=True) for _ in range(followers)]
    seen: list[list[tuple[int, float]]] = []
    for process in running:
        assert process.stdout
        # All of them ask by now.
        seen.append([_parsed(process.stdout.readline())])
    written = {}
    for number in range(1, changes + 1):
        # At another moment of the quarter second each time.
        time.sleep(0.05 + 0.037 * (number % 11))
        change(FOLLOWED, numbered(number))
        written[number] = time.time()
    late_comer = subprocess.Popen([*COMMAND, "follow"], stdout=subprocess.PIPE, text=True)
    assert late_comer.stdout
    first_seen = _parsed(late_comer.stdout.readline())[0]
    time.sleep(1.5 * VISIBLE_SECONDS)
    stop.touch()
    for process, lines in zip(running, seen, strict=True):
        lines += [_parsed(line) for line in process.communicate(timeout=60)[0].splitlines() if "over" not in line]
    late_comer.communicate(timeout=60)
    stop.unlink()
    backwards = sum(one > other for lines in seen for (one, _), (other, _) in pairwise(lines))
    backwards += first_seen != changes
    return [
        # One that never saw it was later than anything.
        max(0.0, next((moment for value, moment in lines if value >= number), float("inf")) - at)
        for lines in seen
        for number, at in written.items()
    ], backwards


def _parsed(line: str) -> tuple[int, float]:
    value, moment = line.split()
    return int(value), float(moment)


def leaves_no_trace() -> int:
    """What a switch left behind whose transaction was taken back."""
    from django.db import transaction

    from settings_store.flags import flag_enabled
    from settings_store.models import AuditEvent, SettingVersion

    def state() -> tuple[int, int, bool]:
        return SettingVersion.objects.count(), AuditEvent.objects.count(), flag_enabled(FOLLOWED)

    before = state()
    with transaction.atomic():
        change(FOLLOWED, numbered(0) | {"on": False})
        seen_inside = flag_enabled(FOLLOWED)
        transaction.set_rollback(True)
    return int(seen_inside) + int(not before[2]) + sum(one != other for one, other in zip(before, state(), strict=True))


def prove(vendor: str, followers: int, changes: int, processes: int, writes: int) -> bool:
    import django

    django.setup()
    from django.core.management import call_command

    from settings_store import audit, store
    from settings_store.actions import Description, create_flag
    from settings_store.flag.rules import FlagType
    from settings_store.models import AuditEvent, Setting, SettingVersion
    from settings_store.realms import key_of_flag

    call_command("migrate", verbosity=0)
    for key, kind in ((FOLLOWED, FlagType.NUMBER), (SWITCHED, FlagType.BOOLEAN)):
        create_flag(actor=None, key=key, kind=kind, description=Description(label=key))
    took, backwards = delays(followers, changes)

    began = time.monotonic()
    writers = [
        subprocess.Popen([*COMMAND, "write", str(writes), str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(processes)
    ]
    late = faults = 0
    for process in writers:
        words = process.communicate(timeout=DEADLINE_SECONDS)[0].split()
        late, faults = late + int(words[0]), faults + int(words[1])
    seconds = time.monotonic() - began

    whole = processes * writes
    key = key_of_flag(SWITCHED)
    kept = SettingVersion.objects.filter(setting__key=key).order_by("version").values_list("version", "value")
    versions = list(enumerate(kept, 1))
    events = AuditEvent.objects.filter(action="flag.changed", target_id=SWITCHED).count()
    figures: list[tuple[str, float, float]] = [
        ("followed, slowest of all, s", max(took), VISIBLE_SECONDS),
        ("processes that went backwards", backwards, 0),
        ("switches lost", whole - Setting.objects.get(key=key).version, 0),
        ("versions missing", whole - len(versions), 0),
        (
            "versions that are not 1 to the last",
            sum((version, min(dict(value or {})["people"])) != (at, at) for at, (version, value) in versions),
            0,
        ),
        ("events missing", whole - events, 0),
        ("faults of the trail", len(list(audit.verify())), 0),
        ("errors of the database, “locked” too", faults, 0),
        ("traces of a switch taken back", leaves_no_trace(), 0),
    ]
    store.stop()
    print(f"\n{vendor}: {followers} processes follow {changes} changes; {processes} × {writes} switches at once")
    print(f"  in {seconds:.1f} s, {late} times somebody was quicker")
    for label, figure, floor in figures:
        print(f"  {label:<38} {figure:>7.3g}   floor {floor:g}{'' if figure <= floor else '   MISSED'}")
    print(f"  {'followed, median, s':<38} {statistics.median(took):>7.3g}")
    return all(figure <= floor for _label, figure, floor in figures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few processes and changes, under a minute")
    parser.add_argument("--only", choices=EVERY, help="one database alone")
    parser.add_argument("--followers", type=int, default=8)
    parser.add_argument("--changes", type=int, default=40)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--writes", type=int, default=25)
    parser.add_argument("--as", nargs="+", dest="part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part, *rest = options.part
        if part == "prove":
            return 0 if prove(rest[0], *(int(each) for each in rest[1:])) else 1
        import django

        django.setup()
        print(write(int(rest[0]), int(rest[1])) if part == "write" else follow())
        return 0
    numbers = (options.followers, options.changes, options.processes, options.writes)
    if options.quick:
        numbers = (3, 6, 3, 10)
    well = True
    for vendor in [options.only] if options.only else EVERY:
        with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database(vendor, folder=folder) as url:
            if not url:
                continue
            env = os.environ | {
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "GATEHOUSE_DATA_DIR": folder,
                "DATABASE_URL": url,
                "DATABASE_POOL_SIZE": "2",
                "DATABASE_ENCRYPTION_KEY": b64encode(os.urandom(32)).decode(),
                "SECRET_KEY": os.urandom(40).hex(),
                "ENVIRONMENT": "production",
                "LOG_LEVEL": "ERROR",
                "PROOF_STOP": f"{folder}/stop",
            }
            command = [*COMMAND, "prove", vendor, *map(str, numbers)]
            well &= subprocess.run(command, env=env, cwd=ROOT).returncode == 0
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
