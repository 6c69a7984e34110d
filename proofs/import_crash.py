"""Whether an import of people survives its worker: kill -9 of the process in the middle of it, then another worker.

    uv run python proofs/import_crash.py [--quick | --kills N] [--seed N]

A file of people is brought in by a worker of the queue, each in a process of its own, that is killed again and again
at a random moment after it made somebody; another one begins, and goes on. At the end nobody may be missing, nobody
there twice, each in the trail once, with the role everybody gets, and the import done. Runs on SQLite, and on
PostgreSQL and MariaDB where these answer. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import EVERY, fresh_database

if TYPE_CHECKING:
    from accounts.models import UserImport

ROOT = Path(__file__).resolve().parent.parent
KILLS, QUICK_KILLS = 20, 2
# So many that a worker is in the middle whenever it is killed.
PEOPLE_PER_KILL = 150
DEADLINE_SECONDS = 120


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_KILLS} kills on each database")
    parser.add_argument("--kills", type=int, help=f"how many ({KILLS})")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random moments")
    parser.add_argument("--house", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    kills = options.kills or (QUICK_KILLS if options.quick else KILLS)
    if options.house:
        return 0 if prove(kills, random.Random(options.seed)) else 1  # noqa: S311 - moments, not keys
    print(f"seed {options.seed}")
    failed = False
    for name in EVERY:
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
                "DATABASE_ENCRYPTION_KEY": b64encode(b"p" * 32).decode(),
                "LOG_LEVEL": "CRITICAL",
            }
            command = [sys.executable, __file__, "--house", "--kills", str(kills), "--seed", str(options.seed)]
            failed |= bool(subprocess.run(command, env=environment).returncode)
    return 1 if failed else 0


def prove(kills: int, chance: random.Random) -> bool:
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    call_command("migrate", verbosity=0)
    from accounts.actions import imports
    from accounts.models import User, UserImport
    from rbac.models import Assignment
    from settings_store import audit
    from settings_store.models import AuditEvent

    lines = kills * PEOPLE_PER_KILL
    row = _checked(lines)
    imports.begin_import(actor=User.objects.get(), row=row)
    killed = between = 0
    for _kill in range(kills):
        before = _done(row)
        worker = _worker()
        try:
            _wait_until(partial(_is_beyond, row, before), worker)
            time.sleep(chance.uniform(0, 0.2))
        finally:
            worker.kill()
            worker.wait()
        killed += 1
        between += before < _done(row) < lines
        # As long as it takes until a standstill is noticed is not waited for here.
        UserImport.objects.update(touched_at=timezone.now() - timedelta(hours=1))
        row.refresh_from_db()
        imports.resume_import(row=row)
    worker = _worker()
    try:
        _wait_until(lambda: _state(row) != UserImport.State.RUNNING, worker)
    finally:
        worker.kill()
        worker.wait()
    row.refresh_from_db()
    people = User.objects.filter(joined_by=User.JoinedBy.IMPORTED)
    made = Counter(people.values_list("username", flat=True))
    told = Counter(
        AuditEvent.objects.filter(action="user.created", actor_id=row.created_by_id).values_list(
            "target_name", flat=True
        )
    )
    ended = AuditEvent.objects.filter(action="users.imported").count()
    figures = [
        ("kills in the middle of it", between, killed),
        ("people made", len(made), lines),
        ("people as the import counts them", row.made, lines),
        ("people there twice", made.total() - len(made), 0),
        ("people without their role", people.exclude(assignments__role__name_key="user").count(), 0),
        ("people in the trail exactly once", sum(count == 1 for count in told.values()), lines),
        ("lines taken for wrong", row.error_count, 0),
        ("imports that the trail says ended", ended, 1),
        ("faults of the trail", sum(1 for _each in audit.verify()), 0),
        # Each of them one, and the admin two.
        ("roles given", Assignment.objects.count(), lines + 2),
    ]
    print(f"{lines} people, {killed} workers killed; the import is {row.state}")
    for label, figure, floor in figures:
        print(f"  {label:<40} {figure:>6}   floor {floor:<6}{'' if figure == floor else '   MISSED'}")
    return row.state == UserImport.State.DONE and all(figure == floor for _label, figure, floor in figures)


def _checked(lines: int) -> UserImport:
    """An import whose lines were looked at, begun by an admin."""
    from accounts import actions
    from accounts.actions import imports
    from accounts.models import User, UserImport
    from rbac.actions import assign_role, seed_system_roles
    from rbac.models import Role

    seed_system_roles()
    actions.create_user(actor=None, username="admin", email="admin@example.org")
    admin = User.objects.get()
    assign_role(actor=None, user=admin, role=Role.objects.get(name_key="admin"))
    text = "email,username\n" + "\n".join(f"p{number}@example.org,p{number}" for number in range(lines))
    row = imports.start_import(actor=User.objects.get(), filename="people.csv", text=text)
    columns = {"email": 0, "username": 1}
    UserImport.objects.update(state=UserImport.State.CHECKED, columns=columns)
    row.refresh_from_db()
    return row


def _worker() -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "manage.py"), "db_worker", "--interval", "0.1", "--no-startup-delay"]
    command += ["--queue-name", "*"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait_until(is_so: Callable[[], bool], worker: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        if worker.poll() is not None or time.monotonic() > end:
            raise RuntimeError("The worker does not work.")
        time.sleep(0.02)


def _is_beyond(row: UserImport, done: int) -> bool:
    return _done(row) > done


def _done(row: UserImport) -> int:
    return type(row).objects.values_list("done", flat=True).get(pk=row.pk)


def _state(row: UserImport) -> str:
    return type(row).objects.values_list("state", flat=True).get(pk=row.pk)


if __name__ == "__main__":
    sys.exit(main())
