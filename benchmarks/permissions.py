"""What asking for a permission costs, beside loading the person alone, stock Django and django-guardian.

    uv run python benchmarks/permissions.py [--quick]

On a database of its own (SQLite in a temporary folder), in one process and in one run, the sides in turns; the best
round of each counts. It is the same person and the same rows for all: two roles, whose parents peers get as groups of
their own, since Django's groups inherit nothing; all sides must answer alike before anything is measured.

`User.has_perm` asks whatever backend the settings name, and they are switched for each side. Stock Django is
`ModelBackend` on the groups' permissions. django-guardian only knows permissions on one object, so the same groups hold
the same permissions on one row that stands for the house; it is asked by `has_perm`, which looks again each time, and
by a checker that is kept for the person, as its documentation advises for many checks.

Every figure but the second check begins with a person who is loaded anew, as a request does. Exits 1 where a figure
misses its floor.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if TYPE_CHECKING:
    from accounts.models import User
    from rbac.models import Role

# The floors of docs/benchmarks.md: against the bare person, queries in all, and how far ahead of the nearest peer.
RATIO = 1.3
QUERIES = 1
AHEAD = 2.0
CHECKS = 40
PEOPLE, QUICK_PEOPLE = 10_000, 1_000
ASKED, DENIED = "settings.write", "roles.write"
OURS, BARE = "Gatehouse", "the bare person, by the ORM"
FIRST, SECOND, MANY = "person and first check", "second check", f"person and {CHECKS} checks"
WHO = f"who may {ASKED}"
STOCK = ["django.contrib.auth.backends.ModelBackend"]
GUARDIAN = ["guardian.backends.ObjectPermissionBackend"]


@dataclass(frozen=True, slots=True)
class Side:
    """One way to ask: under which backends, how somebody is loaded, and how they are asked about afterwards."""

    name: str
    backends: list[str]
    load: Callable[[], User]
    # What answers for a person who was loaded: takes the name of a permission.
    asked: Callable[[User], Callable[[str], bool]]
    # The keys of all who hold a permission.
    who: Callable[[str], set[int]]


@dataclass(frozen=True, slots=True)
class Figure:
    microseconds: float
    queries: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds, and fewer people")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "false",
            "SECRET_KEY": "k" * 50,
            "DATABASE_ENCRYPTION_KEY": "YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcmstMDA=",
            "DATABASE_URL": f"sqlite:///{folder}/permissions.sqlite3",
            "GATEHOUSE_DATA_DIR": folder,
        }
        return measure(rounds=8 if quick else 60, people=QUICK_PEOPLE if quick else PEOPLE)


def measure(*, rounds: int, people: int) -> int:
    import django
    from django.conf import settings

    settings.INSTALLED_APPS += ["guardian"]
    # Nobody signed out is asked about here, and the house's own person stays as it is.
    settings.ANONYMOUS_USER_NAME = None
    settings.GUARDIAN_MONKEY_PATCH_USER = False
    django.setup()
    from django.core.management import call_command

    from rbac.actions import seed_system_roles

    call_command("migrate", verbosity=0)
    seed_system_roles()
    user, house = furnish(people)
    found = figures(sides(user.pk, house), user.pk, rounds=rounds)
    for title, measured in found.items():
        print(f"\n{title:<44}{'µs':>10}{'queries':>10}")
        for name, figure in measured.items():
            print(f"  {name:<42}{figure.microseconds:>10.1f}{figure.queries:>10}")
    floors = [
        (
            "first check, against the bare person",
            found[FIRST][OURS].microseconds / found[FIRST][BARE].microseconds,
            RATIO,
        ),
        ("queries of person and first check", found[FIRST][OURS].queries, QUERIES),
        (f"queries of person and {CHECKS} checks", found[MANY][OURS].queries, QUERIES),
    ]
    met = [say(label, figure, floor, is_met=figure <= floor) for label, figure, floor in floors]
    # A second check is a look into a set for nearly everybody.
    for title in (FIRST, MANY):
        nearest = min(figure.microseconds for name, figure in found[title].items() if name not in {OURS, BARE})
        ahead = nearest / found[title][OURS].microseconds
        met.append(say(f"{title}: ahead of the nearest peer", ahead, AHEAD, is_met=ahead >= AHEAD))
    return 0 if all(met) else 1


def say(label: str, figure: float, floor: float, *, is_met: bool) -> bool:
    print(f"{label:<44}{figure:>10.2f}   floor {floor}{'' if is_met else '   MISSED'}")
    return is_met


def furnish(number: int) -> tuple[User, Role]:
    """The person of the measurement among others, with the same rights on every side; and the row of the house."""
    from django.contrib.auth.models import Group
    from guardian.shortcuts import assign_perm

    from accounts.models import User
    from rbac.actions import assign_role
    from rbac.models import Assignment, Role
    from rbac.role_map import current_role_map

    user = User.objects.create(username="ana", email="ana@house.example")
    roles = {role.system_key: role for role in Role.objects.select_related("group")}
    held = [roles["operator"], roles["viewer"]]
    for role in held:
        assign_role(actor=None, user=user, role=role)
    lineage = {pk for role in held for pk in current_role_map().lineage(role.pk)}
    groups = list(Group.objects.filter(role__in=lineage).prefetch_related("permissions"))
    user.groups.set(groups)
    house = roles["admin"]
    for group in groups:
        for permission in group.permissions.all():
            assign_perm(permission, group, house)
    # A tenth of the others may what is asked for.
    others = User.objects.bulk_create(
        User(
            username=f"p{n}",
            username_key=f"p{n}",
            email=f"p{n}@house.example",
            email_key=f"p{n}@house.example",
            name_key=f"p{n}",
        )
        for n in range(number)
    )
    given = [(person, roles["operator" if n % 10 == 0 else "user"]) for n, person in enumerate(others)]
    Assignment.objects.bulk_create(Assignment(user=person, role=role) for person, role in given)
    membership = User.groups.through
    group_of = dict(Role.objects.values_list("pk", "group_id"))
    membership.objects.bulk_create(
        membership(user_id=person.pk, group_id=group_of[each])
        for person, role in given
        for each in current_role_map().lineage(role.pk)
    )
    return user, house


def sides(pk: int, house: Role) -> list[Side]:
    from django.conf import settings
    from django.contrib.auth.backends import ModelBackend
    from django.contrib.auth.models import Permission
    from guardian.core import ObjectPermissionChecker
    from guardian.shortcuts import get_users_with_perms

    from accounts.models import User
    from rbac.backend import RoleBackend
    from rbac.role_map import current_role_map
    from rbac.why.ways import holders

    rows = {row.codename: row for row in Permission.objects.filter(content_type__app_label="rbac")}

    def loaded(backend: RoleBackend | ModelBackend) -> User:
        user = backend.get_user(pk)
        assert isinstance(user, User)
        return user

    def of_guardian(name: str) -> set[int]:
        # A queryset, as nothing is to be attached to it.
        found: Any = get_users_with_perms(house, only_with_perms_in=[name])
        return set(found.values_list("pk", flat=True))

    def of_checker(user: User) -> Callable[[str], bool]:
        checker = ObjectPermissionChecker(user)
        return lambda name: checker.has_perm(f"rbac.{name}", house)

    return [
        Side(
            OURS,
            settings.AUTHENTICATION_BACKENDS,
            lambda: loaded(RoleBackend()),
            lambda user: user.has_perm,
            lambda name: set(holders(current_role_map(), name).values_list("pk", flat=True)),
        ),
        Side(
            "stock ModelBackend",
            STOCK,
            lambda: loaded(ModelBackend()),
            lambda user: lambda name: user.has_perm(f"rbac.{name}"),
            # Its own reading of a name takes one dot at most.
            lambda name: set(ModelBackend().with_perm(rows[name]).values_list("pk", flat=True)),
        ),
        Side(
            "django-guardian, has_perm",
            GUARDIAN,
            lambda: loaded(ModelBackend()),
            lambda user: lambda name: user.has_perm(f"rbac.{name}", house),
            of_guardian,
        ),
        Side("django-guardian, checker kept", GUARDIAN, lambda: loaded(ModelBackend()), of_checker, of_guardian),
    ]


def figures(every: list[Side], pk: int, *, rounds: int) -> dict[str, dict[str, Figure]]:
    """Each title with the figure of each side, all asked the same and answering the same."""
    from accounts.models import User
    from ui.registry import registry

    names = (list(registry.permissions) * CHECKS)[:CHECKS]
    answers = {tuple(map(side.asked(under(side).load()), (*names, ASKED, DENIED))) for side in every}
    holding = {frozenset(under(side).who(ASKED)) for side in every}
    if len(answers) > 1 or len(holding) > 1:
        raise SystemExit("The sides do not answer alike.")

    def first(side: Side) -> Callable[[], object]:
        return lambda: side.asked(side.load())(ASKED)

    def second(side: Side) -> Callable[[], object]:
        ask = side.asked(under(side).load())
        ask(ASKED)
        return lambda: ask(DENIED)

    def many(side: Side) -> Callable[[], object]:
        return lambda: [*map(side.asked(side.load()), names)]

    bare = Side(BARE, STOCK, lambda: User.objects.get(pk=pk), lambda user: lambda name: False, lambda name: set())
    # Of two ways to ask, one question has one.
    once = [side for side in every if not side.name.endswith("kept")]
    return {
        FIRST: in_turns([(bare, bare.load), *((side, first(side)) for side in every)], rounds=rounds),
        SECOND: in_turns([(side, second(side)) for side in every], rounds=rounds),
        MANY: in_turns([(side, many(side)) for side in every], rounds=rounds, calls=20),
        WHO: in_turns([(side, partial(side.who, ASKED)) for side in once], rounds=3, calls=2),
    }


def under(side: Side) -> Side:
    """The side, once the settings name its backends."""
    from django.conf import settings

    settings.AUTHENTICATION_BACKENDS = side.backends
    return side


def in_turns(works: Sequence[tuple[Side, Callable[[], object]]], *, rounds: int, calls: int = 100) -> dict[str, Figure]:
    """The best round of each side, in microseconds a call, and the queries of one call."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    best: dict[str, float] = {}
    queries: dict[str, int] = {}
    for side, work in works:
        under(side)
        # The process reads the map of roles, content types and the like once.
        work()
        with CaptureQueriesContext(connection) as captured:
            work()
        queries[side.name] = len(captured)
    for _ in range(rounds):
        for side, work in works:
            under(side)
            begun = time.perf_counter()
            for _ in range(calls):
                work()
            took = (time.perf_counter() - begun) / calls * 1e6
            best[side.name] = min(best.get(side.name, took), took)
    return {name: Figure(best[name], queries[name]) for name in best}


if __name__ == "__main__":
    sys.exit(main())
