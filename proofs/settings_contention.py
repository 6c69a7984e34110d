"""Whether a change of a setting is ever lost: many processes change one setting at the same time.

    uv run python proofs/settings_contention.py [--quick | --processes N --writes N]

On SQLite, PostgreSQL and MariaDB, as far as their servers answer. One half of the processes read the version, write the
next and try again where somebody was quicker; the other half wait for their turn first. Meanwhile others read the
setting warm: what they see may only grow, and must be there within a second. At the end versions and events stand
without a gap, and a write that was taken back has left nothing. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import EVERY, fresh_database
from proofs.contention import contend

ROOT = Path(__file__).resolve().parent.parent
KEY = "chat.max_output_tokens"
# Above the value from code, so that what is read only grows from the beginning; each process writes values of its own,
# as giving a setting the value it has already is no change.
BASE, EACH = 5000, 64
READERS = 2
VISIBLE_SECONDS = 1.0
DEADLINE_SECONDS = 540


def write(writes: int, number: int) -> str:
    """In a process of its own: so many changes of the setting; prints how often it was too late and what went wrong."""
    from settings_store.actions import change_setting
    from settings_store.models import Setting

    def next_version() -> None:
        row = Setting.objects.filter(key=KEY).first()
        version = row.version if row else 0
        value = str(BASE + (version + 1) * EACH + number)
        change_setting(actor=None, key=KEY, environment="production", value=value, expected_version=version)

    return contend(next_version, writes=writes, number=number)


def read() -> str:
    """In a process of its own: warm readings until the file says stop; prints those that went backwards."""
    from settings_store.store import get_setting

    backwards = seen = 0
    stop = Path(os.environ["PROOF_STOP"])
    while not stop.exists():
        value = int(get_setting(KEY))
        backwards += value < seen
        seen = value
        time.sleep(0.002)
    return str(backwards)


def watch() -> str:
    """In a process of its own: says each value of another setting with the moment it was first seen."""
    from settings_store.store import get_setting

    stop, last = Path(os.environ["PROOF_STOP"]), None
    print("ready", get_setting("chat.messages_per_minute"), flush=True)
    while not stop.exists():
        value = get_setting("chat.messages_per_minute")
        if value != last:
            print(value, time.time(), flush=True)
            last = value
        time.sleep(0.001)
    return ""


def visible(rounds: int) -> tuple[float, float]:
    """Seconds until another process sees a change: the median and the slowest."""
    from settings_store.actions import change_setting

    with child("watch", stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout
        watcher.stdout.readline()
        watcher.stdout.readline()
        took = []
        for number in range(rounds):
            value = 100 + number
            change_setting(actor=None, key="chat.messages_per_minute", environment="production", value=str(value))
            written = time.time()
            while True:
                seen, moment = watcher.stdout.readline().split()
                if int(seen) == value:
                    break
            took.append(max(0.0, float(moment) - written))
            # At another moment of the watcher's quarter second each time.
            time.sleep(0.037 * (number % 7))
        Path(os.environ["PROOF_STOP"]).touch()
    return sorted(took)[len(took) // 2], max(took)


def leaves_no_trace() -> int:
    """Rows that a change left behind whose transaction was taken back."""
    from django.db import transaction

    from settings_store.actions import change_setting
    from settings_store.models import AuditEvent, SettingVersion
    from settings_store.store import get_setting

    def state() -> tuple[int, int, object]:
        return SettingVersion.objects.count(), AuditEvent.objects.count(), get_setting(KEY)

    before = state()
    with transaction.atomic():
        change_setting(actor=None, key=KEY, environment="production", value="77777")
        seen_inside = get_setting(KEY)
        transaction.set_rollback(True)
    return int(seen_inside != 77777) + sum(one != other for one, other in zip(before, state(), strict=True))


@contextmanager
def child(*words: str, stdout: int | None = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, __file__, "--as", *words], stdout=stdout, text=True)
    try:
        yield process
    finally:
        try:
            process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def prove(vendor: str, processes: int, writes: int, rounds: int) -> bool:
    import django

    django.setup()
    from django.core.management import call_command

    from settings_store import audit
    from settings_store.models import AuditEvent, Setting, SettingVersion

    call_command("migrate", verbosity=0)
    stop = Path(os.environ["PROOF_STOP"])
    began = time.monotonic()
    command = [sys.executable, __file__, "--as"]
    readers = [subprocess.Popen([*command, "read"], stdout=subprocess.PIPE, text=True) for _ in range(READERS)]
    writers = [
        subprocess.Popen([*command, "write", str(writes), str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(processes)
    ]
    late = faults = 0
    for process in writers:
        words = process.communicate(timeout=DEADLINE_SECONDS)[0].split()
        late, faults = late + int(words[0]), faults + int(words[1])
    seconds = time.monotonic() - began
    stop.touch()
    backwards = sum(int(process.communicate(timeout=60)[0]) for process in readers)
    stop.unlink()

    whole = processes * writes
    row = Setting.objects.get(key=KEY)
    versions = list(SettingVersion.objects.order_by("version").values_list("version", "value"))
    events = AuditEvent.objects.filter(action="setting.changed").count()
    broken = len(list(audit.verify()))
    median, slowest = visible(rounds)
    stop.unlink(missing_ok=True)
    figures: list[tuple[str, float, float]] = [
        ("changes lost", whole - row.version, 0),
        (
            "versions that are not 1 to the last",
            sum(
                (version, (int(value or 0) - BASE) // EACH) != (at, at)
                for at, (version, value) in enumerate(versions, 1)
            ),
            0,
        ),
        ("versions missing", whole - len(versions), 0),
        ("events missing", whole - events, 0),
        ("faults of the trail", broken, 0),
        ("errors of the database, “locked” too", faults, 0),
        ("warm readings that went backwards", backwards, 0),
        ("traces of a change taken back", leaves_no_trace(), 0),
        ("seen elsewhere, slowest, s", slowest, VISIBLE_SECONDS),
    ]
    print(f"\n{vendor}: {processes} processes × {writes} changes in {seconds:.1f} s, {late} times somebody was quicker")
    for label, figure, floor in figures:
        print(f"  {label:<38} {figure:>7.3g}   floor {floor:g}{'' if figure <= floor else '   MISSED'}")
    print(f"  {'seen elsewhere, median, s':<38} {median:>7.3g}")
    return all(figure <= floor for _label, figure, floor in figures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three processes, under a minute")
    parser.add_argument("--only", choices=EVERY, help="one database alone")
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--writes", type=int, default=50)
    parser.add_argument("--as", nargs="+", dest="part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part and options.part[0] == "prove":
        return 0 if prove(options.part[1], *(int(each) for each in options.part[2:])) else 1
    if options.part:
        import django

        django.setup()
        part, *rest = options.part
        print(write(int(rest[0]), int(rest[1])) if part == "write" else read() if part == "read" else watch())
        return 0
    processes, writes, rounds = (3, 10, 3) if options.quick else (options.processes, options.writes, 40)
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
            command = [sys.executable, __file__, "--as", "prove", vendor, str(processes), str(writes), str(rounds)]
            well &= subprocess.run(command, env=env, cwd=ROOT).returncode == 0
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
