"""What 10,000 people in ten levels cost: the tree, the people and the conversations of a supervisor.

    uv run python benchmarks/teams.py [--quick]

On databases of its own (SQLite, and PostgreSQL and MariaDB where a server answers). Each list is measured for a
supervisor of half of the people in turns with the same list for somebody who sees everyone, as a whole request without
the network; figures are best rounds. Exits 1 where one misses its floor.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from accounts.models import User

# The floors of docs/benchmarks.md: milliseconds of a request, queries, and ratios beside whoever sees everyone.
TREE_MS = 40.0
QUERIES = 16
RATIO = 3.0
PEOPLE = 10_000
LEVELS = 10
WIDE = 5_000
CONVERSATIONS = 20_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less than a minute: a tenth of the people, SQLite alone")
    parser.add_argument("--here", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return measure(options.here, quick=options.quick)
    from benchmarks.databases import EVERY, fresh_database

    missed = 0
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        for name in EVERY[:1] if options.quick else EVERY:
            with fresh_database(name, folder=folder) as url:
                if url:
                    # A process of its own for each, because settings name one database.
                    command = [sys.executable, __file__, "--here", name, *(["--quick"] if options.quick else [])]
                    missed |= subprocess.run(command, env=_environment(url, folder), check=False).returncode
    return missed


def _environment(url: str, folder: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "false",
        "SECRET_KEY": "k" * 50,
        "DATABASE_ENCRYPTION_KEY": "YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcmstMDA=",
        "DATABASE_URL": url,
        "GATEHOUSE_DATA_DIR": folder,
        "ALLOWED_HOSTS": "testserver",
        "HTTPS_ONLY": "false",
        "LOG_LEVEL": "ERROR",
    }


def measure(name: str, *, quick: bool) -> int:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts import teams
    from accounts.models import User
    from rbac.actions import assign_role, seed_system_roles
    from rbac.models import Role

    # It is asynchronous alone: without it a request stays in this thread, whose queries are counted.
    settings.MIDDLEWARE.remove("servestatic.middleware.ServeStaticMiddleware")
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    seed_system_roles()
    share = 10 if quick else 1
    people = make_people(PEOPLE // share)
    half = people[1]
    wide = make_wide(WIDE // share)
    make_conversations(people, CONVERSATIONS // share)
    chief = User.objects.create(username="chief", email="chief@house.example")
    for person, keys in ((half, ["supervisor"]), (chief, ["admin"])):
        for key in keys:
            assign_role(actor=None, user=person, role=Role.objects.get(name_key=key))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    clients = {person.pk: Client(raise_request_exception=True) for person in (half, chief)}
    for person in (half, chief):
        clients[person.pk].force_login(person)

    def page(person: User, path: str) -> Callable[[], None]:
        def ask() -> None:
            if clients[person.pk].get(path).status_code != 200:
                raise SystemExit(f"{path} is refused.")

        return ask

    deepest = people[-1]
    rounds = 5 if quick else 15
    print(f"\n{name}: {len(people):,} people in {LEVELS} levels, {WIDE // share:,} in one team beside them")
    missed = False
    team = User.objects.team_of(half)
    label = f"team_of: keys of {team.count():,} people"
    print(f"{label:<58}{best(lambda: list(team.values_list('pk')), rounds):>8.1f} ms")
    print(f"{'line_of the deepest':<58}{best(lambda: teams.line_of(deepest), rounds):>8.1f} ms")
    for label, path in (
        ("tree, heads of teams", "/users/teams/?open="),
        ("tree, opened at the top", f"/users/teams/?open={people[0].public_id}"),
        ("tree, opened ten levels deep", f"/users/teams/?open={deepest.public_id}"),
        ("tree, a team of thousands", f"/users/teams/?open={wide.public_id}"),
        ("page of a person", f"/users/{people[0].public_id}/"),
    ):
        ask = page(chief, path)
        ask()
        with CaptureQueriesContext(connection) as queries:
            ask()
        # Counted at once, because the next request forgets them.
        # Where a transaction begins and ends is no question.
        asked = sum(query["sql"] not in ("BEGIN", "COMMIT") for query in queries)
        took = best(ask, rounds)
        is_tree = label.startswith("tree")
        late = (is_tree and took > TREE_MS) or asked > QUERIES
        missed |= late
        floor = f"  floor {TREE_MS:.0f} ms" if is_tree else ""
        print(f"{label:<58}{took:>8.1f} ms  {asked:>2} queries{floor}{'  MISSED' if late else ''}")
    for label, path in (
        ("people, page of the list", "/users/"),
        ("conversations, page of the list", "/conversations/"),
    ):
        mine, everybody = in_turns(page(half, path), page(chief, path), rounds=rounds)
        ratio = mine / everybody
        missed |= ratio > RATIO
        words = f"{label}: own half, everyone"
        note = "  MISSED" if ratio > RATIO else ""
        print(f"{words:<58}{mine:>8.1f} ms {everybody:>8.1f} ms  {ratio:.2f}  floor {RATIO:.1f}{note}")
    return int(missed)


def make_people(count: int) -> list[User]:
    """A tree of `LEVELS` levels: two halves below one head, and each level about as much wider as the one above."""
    head = _made([_person("head", None)])
    second = _made([_person(f"half{number}", head[0]) for number in range(2)])
    people, above = [*head, *second], second
    width = (count / 2) ** (1 / (LEVELS - 2))
    for level in range(3, LEVELS + 1):
        left = count - len(people)
        many = left if level == LEVELS else min(left - (LEVELS - level), int(2 * width ** (level - 2)))
        above = _made([_person(f"l{level}n{number}", above[number % len(above)]) for number in range(many)])
        people += above
    return people


def make_wide(count: int) -> User:
    (head,) = _made([_person("wide", None)])
    _made([_person(f"wide{number}", head) for number in range(count)])
    return head


def make_conversations(people: list[User], count: int) -> None:
    from django.utils import timezone

    from chat.models import Conversation

    chance, now = random.Random(2), timezone.now()  # noqa: S311 - a measurement, no secret
    Conversation.objects.bulk_create(
        (
            Conversation(
                owner=chance.choice(people),
                title=f"Talk {number}",
                last_message_at=now - timedelta(minutes=number),
                message_count=2,
            )
            for number in range(count)
        ),
        batch_size=1000,
    )


def _person(name: str, supervisor: User | None) -> User:
    from accounts.models import User

    email = f"{name}@house.example"
    return User(username=name, email=email, username_key=name, email_key=email, name_key=name, supervisor=supervisor)


def _made(people: list[User]) -> list[User]:
    from accounts.models import User

    User.objects.bulk_create(people, batch_size=1000)
    names = [person.username for person in people]
    found = {person.username: person for person in User.objects.filter(username__in=names)}
    return [found[name] for name in names]


def best(act: Callable[[], Any], rounds: int) -> float:
    return in_turns(act, rounds=rounds)[0]


def in_turns(*acts: Callable[[], Any], rounds: int) -> list[float]:
    """The best round of each act in milliseconds, one after the other in every round."""
    took: list[list[float]] = [[] for _ in acts]
    for act in acts:
        act()
    for _ in range(rounds):
        for times, act in zip(took, acts, strict=True):
            begun = time.perf_counter()
            act()
            times.append((time.perf_counter() - begun) * 1000)
    return [min(times) for times in took]


if __name__ == "__main__":
    sys.exit(main())
