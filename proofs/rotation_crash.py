"""Whether rotation of keys loses a secret: kill -9 at random points, with writers running.

    uv run python proofs/rotation_crash.py [--quick | --kills N] [--seed N]

Secrets of many versions are rotated from one key to the other and back, while two processes give new ones all the time:
one has both keys, one is forgotten on the old key alone. The process that rotates is killed again and again. After
each kill every secret must open, and nothing may say that the old key can go. At the end the forgotten process ends
too, and one more run must make the old key dispensable: then all opens with the new key alone, nothing that a writer
was told is kept is gone, and the trail verifies. Runs on SQLite, and on PostgreSQL where it answers. Exits 1 where a
figure misses its floor.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import fresh_database

OLD, NEW = (b64encode(letter * 32).decode() for letter in (b"o", b"n"))
SECRETS, VERSIONS, BATCH = 40, 5, 10
KILLS, QUICK_KILLS = 200, 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_KILLS} kills, and no minute of waiting")
    parser.add_argument("--kills", type=int, help=f"how many ({KILLS})")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random moments")
    parser.add_argument("--role", choices=["house", "writer"], help=argparse.SUPPRESS)
    parser.add_argument("--writer", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "writer":
        return write(options.writer)
    if options.role == "house":
        return prove(kills=options.kills, seed=options.seed, quick=options.quick)
    kills = options.kills or (QUICK_KILLS if options.quick else KILLS)
    print(f"seed {options.seed}")
    failed = False
    for name in ("SQLite", "PostgreSQL"):
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
                "LOG_LEVEL": "CRITICAL",
            }
            command = [sys.executable, __file__, "--role", "house", "--kills", str(kills), "--seed", str(options.seed)]
            command += ["--quick"] if options.quick else []
            failed |= bool(subprocess.run(command, env=environment).returncode)
    return 1 if failed else 0


def key_of(writer: str, number: int) -> str:
    return f"proof.{writer}_{number}"


def write(writer: str) -> int:
    """Give secrets one after the other, each noted before it is given and once it is kept."""
    import django

    django.setup()
    from settings_store import store
    from settings_store.actions import change_setting

    turn = 0
    while True:
        # As any process does, it reads settings, and so has its keys made known.
        store.get_setting("settings_store.reason_required")
        key, value = key_of(writer, random.randrange(SECRETS)), f"{writer} {turn}"  # noqa: S311 - any will do
        print(json.dumps([key, value]), flush=True)
        change_setting(actor=None, key=key, environment="production", value=value)
        print("kept", flush=True)
        turn += 1
        time.sleep(0.05)


class Writer:
    """A process that writes, with these keys."""

    def __init__(self, name: str, keys: str) -> None:
        self.name = name
        self.notes = Path(os.environ["GATEHOUSE_DATA_DIR"], f"{name}.notes")
        command = [sys.executable, __file__, "--role", "writer", "--writer", name]
        environment = os.environ | {"DATABASE_ENCRYPTION_KEY": keys}
        with self.notes.open("w") as notes:
            self.process = subprocess.Popen(command, env=environment, stdout=notes)

    def wait_for(self, kept: int) -> None:
        until = time.monotonic() + 60
        while self.notes.read_text().count("kept") < kept:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the writer {self.name} does not write")
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def lost(self) -> int:
        """How many secrets hold neither what was last kept nor what was being written when it was killed."""
        from settings_store import store

        kept: dict[str, set[str]] = {}
        lines = self.notes.read_text().splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            if line.startswith("["):
                key, value = json.loads(line)
                kept[key] = {value} if following == "kept" else kept.get(key, {value}) | {value}
        store.refresh()
        return sum(store.get_setting(key) not in values for key, values in kept.items())


def prove(*, kills: int, seed: int, quick: bool) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    from settings_store import audit, key_use, sealed
    from settings_store.actions.rotation import rotate_keys, verdicts

    call_command("migrate", verbosity=0)
    chance = random.Random(seed)  # noqa: S311 - moments, not keys
    hold(OLD)
    for name in ("old", "both"):
        fill(name)
    # The process that is forgotten began before there was a newer key: with the old one alone none could begin later.
    writers = [Writer("old", OLD)]
    figures = {"values that did not open": 0, "said too early that a key may go": 0}
    killed, resealed = 0, 0
    try:
        writers[0].wait_for(3)
        hold(NEW, OLD)
        began = time.monotonic()
        rotate_keys(actor=None, batch=BATCH)
        alone = time.monotonic() - began
        writers.append(Writer("both", f"{NEW},{OLD}"))
        writers[1].wait_for(3)
        began = time.monotonic()
        hold(OLD, NEW)
        rotate_keys(actor=None, batch=BATCH)
        busy = time.monotonic() - began
        turn = 0
        while killed < kills:
            turn += 1
            # To and fro, so that there is always something to do.
            keys = (NEW, OLD) if turn % 2 else (OLD, NEW)
            let_go()
            child = in_a_process(lambda: rotate_keys(actor=None, batch=BATCH), keys)
            time.sleep(chance.uniform(0, busy))
            was_killed = kill(child)
            killed += was_killed
            hold(NEW, OLD)
            figures["values that did not open"] += sum(1 for _each in sealed.unopened())
            figures["said too early that a key may go"] += any(verdict.may_go for verdict in verdicts())
        # Whatever state it was left in, one run more is enough, but for what the forgotten process adds.
        resealed = rotate_keys(actor=None, batch=BATCH).resealed.total()
        figures["said too early that a key may go"] += any(verdict.may_go for verdict in verdicts())
        forgotten, other = writers
        forgotten.kill()
    except BaseException:
        for writer in writers:
            writer.kill()
        raise
    rotate_keys(actor=None, batch=BATCH)
    figures["said too early that a key may go"] += any(verdict.may_go for verdict in verdicts())
    pass_a_minute(wait=not quick)
    rotate_keys(actor=None, batch=BATCH)
    figures["keys that may not go at the end"] = sum(not verdict.may_go for verdict in verdicts())
    other.kill()
    hold(NEW)
    figures["values the new key alone does not open"] = sum(1 for _each in sealed.unopened())
    figures["kept secrets that are gone"] = forgotten.lost() + other.lost()
    figures["faults of the trail"] = sum(1 for _each in audit.verify())
    key_use.write_down()
    count = sum(column.rows().count() for column in sealed.columns())
    print(
        f"{killed} kills within runs of {alone:.2f} s beside one writer and {busy:.2f} s beside two; "
        f"{count} sealed values"
    )
    print(f"{resealed} values were left to the run after the last kill")
    for label, figure in figures.items():
        print(f"{label:<40} {figure:>6}   floor 0{'   MISSED' if figure else ''}")
    return 1 if any(figures.values()) else 0


def let_go() -> None:
    """Close every connection: one that two processes have serves neither."""
    from django.db import connections

    for each in connections.all():
        each.close()
        if hasattr(each, "close_pool"):
            each.close_pool()


def hold(*keys: str) -> None:
    """Give this process these keys, newest first."""
    from django.conf import settings

    settings.DATABASE_ENCRYPTION_KEYS = {"production": ",".join(keys)}


def fill(writer: str) -> None:
    from settings_store.actions import change_setting
    from settings_store.models import OwnSetting

    for number in range(SECRETS):
        key = key_of(writer, number)
        OwnSetting.objects.create(key=key, type="secret", label="A secret", category="Proof", created_by_name="proof")
        for version in range(VERSIONS):
            change_setting(actor=None, key=key, environment="production", value=f"secret {number} {version}")


def in_a_process(act: Callable[[], Any], keys: tuple[str, ...]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        hold(*keys)
        act()
    finally:
        os._exit(0)


def kill(child: int) -> bool:
    """Whether it was still running."""
    done, _status = os.waitpid(child, os.WNOHANG)
    if done:
        return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def pass_a_minute(*, wait: bool) -> None:
    """Until nobody has seen the old key for as long as it counts as in use."""
    from django.utils import timezone

    from settings_store.key_use import SEEN_SECONDS
    from settings_store.models import KeyUse

    if wait:
        time.sleep(SEEN_SECONDS + 1)
    else:
        # The clock is moved in place of us.
        KeyUse.objects.update(seen_at=timezone.now() - timedelta(seconds=SEEN_SECONDS + 1))


if __name__ == "__main__":
    sys.exit(main())
