"""Whether a house can ever be left without an admin: all admins strike each other at the same moment.

    uv run python proofs/last_admin.py [--quick | --only SQLite --rounds N --admins N]

On SQLite, PostgreSQL and MariaDB, as far as their servers answer. Each admin acts in a process of its own, by the pages
of the house; a gate lets them begin together. In each round everybody takes admin from their neighbour in one way: ends
the role, pauses it, gives it an end, lets it begin later, deactivates the person, takes break-glass away (by its
command's action, for it has no page), or each in another one of these. Afterwards at least one active person must be
admin for good and no answer may be an error; where all strike alike, at least one must have been struck. Exits 1 where
a figure misses its floor.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Barrier
from typing import Any

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import EVERY, fresh_database

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_SECONDS = 540
GATE_SECONDS = 60
PAGES = ("end", "pause", "date", "delay", "deactivate")
GLASS, MIXED = "break-glass", "each in another way"
WAYS = (*PAGES, GLASS, MIXED)


def strike(client: Any, way: str, target: Any, role: Any) -> str:
    """Take admin from `target` in this way; "struck", "refused", or what went wrong."""
    from django.core.exceptions import ValidationError

    from rbac.actions.superuser import set_superuser

    held = f"/users/{target.public_id}/roles/{role.public_id}/"
    match way:
        case "end":
            url, sent = f"{held}revoke/", {"reason": "struck"}
        case "pause":
            url, sent = f"{held}pause/", {}
        case "date":
            url, sent = f"{held}edit/", {"is_active": "on", "ends_at": "2999-01-01T00:00"}
        case "delay":
            url, sent = f"{held}edit/", {"is_active": "on", "starts_at": "2998-01-01T00:00"}
        case "deactivate":
            url, sent = f"/users/{target.public_id}/deactivate/", {"reason": "struck"}
        case _:
            try:
                return "struck" if set_superuser(user=target, is_superuser=False) else "refused"
            except ValidationError:
                return "refused"
    answer = client.post(url, sent, secure=True)
    return f"{way}: status {answer.status_code}" if answer.status_code >= 500 else str(answer.status_code)


def act(number: int, gate: Barrier, orders: Connection) -> None:
    """One admin, in a process of its own: signs in, says so, waits at the gate, strikes, and says how it went."""
    import django

    django.setup()
    from django.db import connection
    from django.test import Client

    from accounts.models import User
    from rbac.models import Role

    orders.send("ready")
    while order := orders.recv():
        actor_pk, target_pk, way = order
        said = "refused"
        try:
            role = Role.objects.get(system_key="admin")
            actor, target = User.objects.get(pk=actor_pk), User.objects.get(pk=target_pk)
            client = Client(raise_request_exception=False)
            client.force_login(actor)
            session = client.session
            session["stepped_up_at"] = time.time()
            session.save()
            orders.send("there")
            gate.wait(GATE_SECONDS)
            said = strike(client, way, target, role)
        except Exception as error:  # whatever it is, it is a figure
            said = f"{way}: {type(error).__name__}: {error}"
        orders.send(said)
    connection.close()


def prove(vendor: str, admins: int, rounds: int) -> bool:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from accounts.models import User
    from rbac.actions import seed_system_roles
    from settings_store import audit

    call_command("migrate", verbosity=0)
    # The pages are those of production, whose files have names by their content.
    call_command("collectstatic", interactive=False, verbosity=0)
    seed_system_roles()
    people = [User(username=f"admin{number}", email=f"admin{number}@example.org") for number in range(admins)]
    for person in people:
        person.set_unusable_password()
        person.save()
    # The processes get connections of their own.
    connection.close()
    context = multiprocessing.get_context("spawn")
    gate, lines, processes = context.Barrier(admins), [], []
    for number in range(admins):
        mine, theirs = context.Pipe()
        process = context.Process(target=act, args=(number, gate, theirs), daemon=True)
        process.start()
        lines.append(mine)
        processes.append(process)
    for line in lines:
        line.recv()
    began, well = time.monotonic(), True
    print(f"\n{vendor}: {admins} admins, {rounds} rounds of each way")
    print(f"  {'way':<22} {'left without admin':>18} {'nobody struck':>14} {'errors':>7} {'struck':>7}")
    for way in WAYS:
        alone = idle = faults = struck = 0
        for _round in range(rounds):
            prepare(people, way)
            answers = one_round(people, lines, way)
            left = lasting_admins()
            struck += admins - left
            # In a mixture, a way may be one in which its target is no admin.
            alone, idle = alone + (left < 1), idle + (left == admins and way != MIXED)
            wrong = [said for said in answers if ":" in said]
            faults += len(wrong)
            for said in wrong:
                print(f"  {said}", file=sys.stderr)
        missed = bool(alone or idle or faults)
        well &= not missed
        print(f"  {way:<22} {alone:>18} {idle:>14} {faults:>7} {struck:>7}{'   MISSED' if missed else ''}")
    for line in lines:
        line.send(None)
    for process in processes:
        process.join(GATE_SECONDS)
    broken = len(list(audit.verify()))
    print(f"  floors: 0, 0, 0; faults of the trail {broken} (floor 0); {time.monotonic() - began:.1f} s")
    return well and not broken


def one_round(people: list[Any], lines: list[Connection], way: str) -> list[str]:
    """Everybody strikes the one after them."""
    for number, line in enumerate(lines):
        own = random.choice((*PAGES, GLASS)) if way == MIXED else way  # noqa: S311 - no secret
        target = people[(number + 1) % len(people)]
        line.send((people[number].pk, target.pk, own))
        # They sign in one after another: how that goes at once is not the question here.
        if (said := line.recv()) != "there":
            raise RuntimeError(said)
    return [line.recv() for line in lines]


def prepare(people: list[Any], way: str) -> None:
    """All of them admin for good: by the role, by break-glass, or half of them each where ways are mixed."""
    from django.db import transaction

    from accounts.models import Session, User
    from rbac.models import Assignment, Role

    role = Role.objects.get(system_key="admin")
    with transaction.atomic():
        Session.objects.all().delete()
        Assignment.objects.all().delete()
        for number, person in enumerate(people):
            by_glass = way == GLASS or (way == MIXED and number % 2 == 1)
            User.objects.filter(pk=person.pk).update(is_active=True, is_superuser=by_glass)
            if not by_glass:
                Assignment.objects.create(user=person, role=role)


def lasting_admins() -> int:
    """How many active people are admin for good, asked without the rules of the house."""
    from django.utils import timezone

    from accounts.models import User
    from rbac.models import Assignment

    found = 0
    for user in User.objects.filter(is_active=True):
        rows = Assignment.objects.filter(user=user, role__system_key="admin", is_open=True, is_active=True)
        lasts = any(row.ends_at is None and (not row.starts_at or row.starts_at <= timezone.now()) for row in rows)
        found += user.is_superuser or lasts
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two rounds of each way, under a minute")
    parser.add_argument("--only", choices=EVERY, help="one database alone")
    parser.add_argument("--admins", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--as", nargs="+", dest="part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        return 0 if prove(options.part[1], *(int(each) for each in options.part[2:])) else 1
    rounds, well = 2 if options.quick else options.rounds, True
    for vendor in [options.only] if options.only else EVERY:
        with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database(vendor, folder=folder) as url:
            if not url:
                continue
            env = os.environ | {
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "GATEHOUSE_DATA_DIR": folder,
                "DATABASE_URL": url,
                "DATABASE_ENCRYPTION_KEY": b64encode(os.urandom(32)).decode(),
                "SECRET_KEY": os.urandom(40).hex(),
                "ENVIRONMENT": "production",
                "ALLOWED_HOSTS": "testserver",
                "LOG_LEVEL": "CRITICAL",
            }
            command = [sys.executable, __file__, "--as", "prove", vendor, str(options.admins), str(rounds)]
            well &= subprocess.run(command, env=env, cwd=ROOT, timeout=DEADLINE_SECONDS).returncode == 0
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
