"""What somebody may do is one answer, whoever is asked: the person, a template, the Django admin, the API.

Each is compared with an oracle that knows the table of test_system_roles.py and nothing of the product's rules.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db import connection, transaction
from django.http import HttpRequest
from django.template import engines
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Lockout, User
from rbac.actions import create_role, update_role
from rbac.actions.permission import declare_permission
from rbac.backend import RoleBackend
from rbac.models import Assignment, Role
from rbac.role_map import current_role_map
from rbac.views import api
from rbac.why.answer import answer
from rbac.why.question import Question
from settings_store.realm_admin import RealmAdmin
from tests.factories import client_of, make_user
from tests.rbac.test_system_roles import EXPECTED
from ui.registry import registry

pytestmark = pytest.mark.django_db
ROLES = ("admin", "manager", "supervisor", "operator", "user", "viewer", "guest", "archivist", "head archivist", "")
# Those of other programs, and a name that nobody declares.
CUSTOM, UNKNOWN = ("document.create", "document.delete-all"), ("document.read", "rbac.no_such", "settings")
# Held by many, by a few, by admins alone, and by those of a program.
SOME = ("audit.read", "chat.use", "settings.reveal", "document.create")
NOW = timezone.now()
HOUR = timedelta(hours=1)

type Names = frozenset[str]

# What is done to somebody who holds a role, and whether the role still counts then; None is everything there is.
STATUSES: dict[str, tuple[dict[str, Any], dict[str, Any], bool | None]] = {
    "active": ({}, {}, True),
    "deactivated": ({"is_active": False}, {}, False),
    "unverified": ({"is_verified": False}, {}, True),
    "verified": ({"is_verified": True}, {}, True),
    "invited": ({"invited_until": NOW + HOUR, "is_verified": False}, {}, True),
    "to change their password": ({"must_change_password": True}, {}, True),
    "locked": ({}, {}, True),
    "expired": ({}, {"starts_at": NOW - 2 * HOUR, "ends_at": NOW - HOUR}, False),
    "for a while": ({}, {"starts_at": NOW - HOUR, "ends_at": NOW + HOUR}, True),
    "later": ({}, {"starts_at": NOW + HOUR}, False),
    "paused": ({}, {"is_active": False}, False),
    "ended": ({}, {"is_active": False, "is_open": None}, False),
    "superuser": ({"is_superuser": True}, {}, None),
    "deactivated superuser": ({"is_superuser": True, "is_active": False}, {}, False),
    "superuser whose role is over": ({"is_superuser": True}, {"ends_at": NOW - HOUR}, None),
}


def with_django(names: Names) -> Names:
    return names.union(*(registry.permissions[name].django for name in names & registry.permissions.keys()))


EVERYTHING = with_django(frozenset(EXPECTED) | frozenset(CUSTOM))


def of_role(role: str) -> Names:
    """What the table says that a role gives, Django's names with it."""
    if role == "admin":
        return EVERYTHING
    names = {name for name, held_by in EXPECTED.items() if role in held_by}
    names |= {"document.create"} if "archivist" in role else set()
    names |= {"document.delete-all", "audit.read"} if role == "head archivist" else set()
    return with_django(frozenset(names))


def right(role: str, status: str) -> Names:
    counts = STATUSES[status][2]
    return EVERYTHING if counts is None else of_role(role) if counts else frozenset()


@pytest.fixture
def house(db: None) -> User:
    """All roles, with two of an admin's own, and permissions of another program; answers an admin."""
    chief = make_user(role="admin", password=None)
    for name in CUSTOM:
        declare_permission(actor=None, name=name.replace(".", ":"), label=name, program="archive")
    low = create_role(actor=None, name="Archivist", permissions=["document.create"])
    create_role(
        actor=None, name="Head archivist", priority=30, parent=low, permissions=["document.delete-all", "audit.read"]
    )
    return chief


def somebody(role: str, status: str = "active") -> User:
    fields, assignment, _counts = STATUSES[status]
    user = make_user(role=None, password=None, **fields)
    if role:
        Assignment.objects.create(user=user, role=Role.objects.get(name_key=role), **assignment)
    if status == "locked":
        Lockout.objects.create(user=user, until=timezone.now() + HOUR)
    return user


def loaded(user: User) -> User | AnonymousUser:
    """Whom a request of theirs would carry."""
    return RoleBackend().get_user(user.pk) or AnonymousUser()


ASKED = sorted(EVERYTHING | set(UNKNOWN))
# A template has no word for a name with a hyphen.
IN_TEMPLATES = [name for name in ASKED if "-" not in name and "." in name]
TEMPLATE = engines["django"].from_string(
    "".join(f"{{% if perms.{name} %}}{name} {{% endif %}}" for name in IN_TEMPLATES)
)


def request_of(user: User | AnonymousUser) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = user
    return request


def by_template(request: HttpRequest) -> Names:
    return frozenset(TEMPLATE.render({}, request).split())


def by_admin(request: HttpRequest) -> dict[str, bool]:
    return {
        model._meta.label_lower: model_admin.has_view_permission(request)
        for model, model_admin in admin.site._registry.items()
    }


def right_in_admin(names: Names) -> dict[str, bool]:
    found = {}
    for model, model_admin in admin.site._registry.items():
        label = f"{model._meta.app_label}.view_{model._meta.model_name}"
        found[model._meta.label_lower] = {label, *model_admin.further_permissions} <= names  # type: ignore[attr-defined]  # a ViewOnlyAdmin's
        if isinstance(model_admin, RealmAdmin):
            # Rows of settings and of flags side by side: either is enough to see the list.
            found[model._meta.label_lower] = not names.isdisjoint({"settings.read", "flags.read"})
    return found


@pytest.mark.parametrize("role", ROLES)
def test_every_way_to_ask_answers_as_the_table_says(role: str, house: User) -> None:
    apps = {name.partition(".")[0] for name in ASKED}
    for status in STATUSES:
        user, names = somebody(role, status), right(role, status)
        # As a request carries them, and as a row that some program read.
        for who in (loaded(user), User.objects.get(pk=user.pk)):
            request = request_of(who)
            assert {name for name in ASKED if who.has_perm(name)} == names, status
            assert {name for name in ASKED if who.has_perms([name])} == names, status
            assert who.get_all_permissions() == names, status
            assert {app for app in apps if who.has_module_perms(app)} == {name.partition(".")[0] for name in names}
            assert not who.has_perm("users.read", user), "rights are never on one row"
            assert who.is_staff == ("system.read" in names), status
            assert by_template(request) == names.intersection(IN_TEMPLATES), status
            assert by_admin(request) == right_in_admin(names), status


@pytest.mark.parametrize("role", ROLES)
def test_the_explanation_allows_what_is_allowed(role: str, house: User) -> None:
    """Whoever asks why hears the same answer: of every permission, and of some in every status."""
    chief, known = User.objects.get(pk=house.pk), current_role_map().known

    def allowed(user: User, names: Iterable[str]) -> set[str]:
        return {name for name in names if answer(Question(asker=chief, person=user, permission=known[name])).allowed}

    for status in STATUSES:
        user = User.objects.get(pk=somebody(role, status).pk)
        asked = known if status in {"active", "superuser"} else SOME
        assert allowed(user, asked) == right(role, status) & set(asked), status


@pytest.mark.parametrize("role", ROLES)
def test_programs_are_answered_alike(role: str, house: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_CALLS", 10_000)
    client = client_of(house)

    def allowed(user: User, name: str) -> bool:
        asked = {"person": user.username, "permission": name.replace(".", ":", 1)}
        told = client.get(reverse("rbac:why_api"), asked).json()
        assert isinstance(told["allowed"], bool)
        return bool(told["allowed"])

    every = sorted([*EXPECTED, *CUSTOM])
    user = somebody(role)
    assert {name for name in every if allowed(user, name)} == of_role(role) & set(every)
    for status in STATUSES:
        user = somebody(role, status)
        assert {name for name in SOME if allowed(user, name)} == right(role, status) & set(SOME), status


@pytest.mark.parametrize("role", ROLES)
def test_the_pages_of_the_admin_open_as_the_table_says(role: str, house: User) -> None:
    user, names = somebody(role), of_role(role)
    client = client_of(user)
    seen = {}
    for model in admin.site._registry:
        page = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        seen[model._meta.label_lower] = page.status_code
    if "system.read" not in names:
        assert set(seen.values()) == {403}
    else:
        assert seen == {label: 200 if may else 403 for label, may in right_in_admin(names).items()}


@pytest.mark.parametrize("role", [role for role in ROLES if role != "admin"])
def test_who_acts_as_somebody_has_their_answers(role: str, house: User) -> None:
    user = somebody(role)
    client = client_of(house)
    session = client.session
    session["stepped_up_at"] = 2**40
    session.save()
    assert client.post(f"/users/{user.public_id}/act-as/", {"reason": "to see what they see"})["Location"] == "/"
    request = client.get("/profile/").wsgi_request
    assert request.user == user
    assert {name for name in ASKED if request.user.has_perm(name)} == of_role(role)
    assert by_template(request) == of_role(role).intersection(IN_TEMPLATES)
    assert by_admin(request) == right_in_admin(of_role(role))


def test_nothing_more_is_asked_than_the_person(house: User) -> None:
    user = somebody("manager")
    loaded(user)
    with CaptureQueriesContext(connection) as asked:
        who = loaded(user)
    assert len(asked) == 1
    with CaptureQueriesContext(connection) as asked:
        for name in ASKED:
            who.has_perm(name)
        who.get_all_permissions()
        by_template(request_of(who))
        by_admin(request_of(who))
    assert [query["sql"] for query in asked] == []


@pytest.mark.parametrize("role", ROLES)
def test_what_django_would_grant_counts_for_nothing(role: str, house: User) -> None:
    user = somebody(role)
    user.groups.set(Group.objects.all())
    user.user_permissions.set(Permission.objects.all())
    assert loaded(user).get_all_permissions() == of_role(role)
    assert {name for name in ASKED if loaded(user).has_perm(name)} == of_role(role)


def test_there_is_one_backend() -> None:
    assert django_settings.AUTHENTICATION_BACKENDS == ["rbac.backend.RoleBackend"]


# Histories of roles and assignments at random, beside an oracle of a few lines.
POOL = ("settings.read", "users.read", "users.all", "audit.read", "chat.use", "system.read", *CUSTOM)
NUMBERS = count(1)
drawn_role = st.tuples(st.integers(-1, 4), st.sets(st.sampled_from(POOL), max_size=4))
drawn_assignment = st.tuples(
    st.integers(0, 4),
    st.sampled_from([None, -HOUR, HOUR]),
    st.sampled_from([None, -HOUR, HOUR]),
    st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn_roles=st.lists(drawn_role, min_size=5, max_size=5),
    drawn_assignments=st.lists(drawn_assignment, max_size=5, unique_by=lambda drawn: drawn[0]),
    is_active=st.booleans(),
    is_superuser=st.booleans(),
)
def test_any_roles_and_any_assignments_are_answered_alike(
    drawn_roles: list[tuple[int, set[str]]],
    drawn_assignments: list[tuple[int, timedelta | None, timedelta | None, bool]],
    is_active: bool,
    is_superuser: bool,
    house: User,
) -> None:
    with transaction.atomic():
        roles, gives = list[Role](), list[Names]()
        for place, (parent, own) in enumerate(drawn_roles):
            above = roles[parent] if 0 <= parent < place else None
            role = create_role(
                actor=None, name=f"Role {next(NUMBERS)}", priority=10 + place, parent=above, permissions=own
            )
            roles.append(role)
            gives.append(frozenset(own) | (gives[parent] if above else frozenset()))
        user = make_user(role=None, password=None, is_active=is_active, is_superuser=is_superuser)
        names_held: Names = frozenset()
        for place, starts, ends, goes_on in drawn_assignments:
            now = timezone.now()
            begins, until = (now + away if away is not None else None for away in (starts, ends))
            Assignment.objects.create(user=user, role=roles[place], starts_at=begins, ends_at=until, is_active=goes_on)
            if goes_on and starts != HOUR and ends != -HOUR:
                names_held |= gives[place]
        names = EVERYTHING if is_superuser else with_django(names_held)
        names = names if is_active else frozenset()
        who = loaded(user)
        assert {name for name in ASKED if who.has_perm(name)} == names
        assert who.get_all_permissions() == names
        assert by_template(request_of(who)) == names.intersection(IN_TEMPLATES)
        assert by_admin(request_of(who)) == right_in_admin(names)
        transaction.set_rollback(True)


# Another process of the house: a person's browser there, and a page of theirs for each line it is sent.
ELSEWHERE = """
import sys
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from django.test import Client
from django.test.utils import setup_test_environment
from accounts.models import User
setup_test_environment()
client = Client()
client.force_login(User.objects.get(pk=int(sys.argv[2])))
for _line in sys.stdin:
    print(client.get("/audit/").status_code, flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_an_edit_counts_at_the_next_request_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(role="admin", password=None)
    role = create_role(actor=None, name="Reader", permissions=["audit.read"])
    user = make_user(role=None, password=None)
    assignment = Assignment.objects.create(user=user, role=role)
    argv = [sys.executable, "-c", ELSEWHERE, str(connection.settings_dict["NAME"]), str(user.pk)]
    elsewhere = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    )
    assert elsewhere.stdin is not None
    assert elsewhere.stdout is not None

    def asked() -> str:
        assert elsewhere.stdin is not None
        assert elsewhere.stdout is not None
        elsewhere.stdin.write("again\n")
        return next((line.strip() for line in elsewhere.stdout if line.strip().isdecimal()), "gone")

    def edit(*permissions: str) -> None:
        facts: dict[str, Any] = {"name": "Reader", "description": "", "priority": 10, "parent": None}
        update_role(actor=None, role=role, permissions=permissions, **facts)

    def change(**fields: Any) -> None:
        Assignment.objects.filter(pk=assignment.pk).update(**fields)

    try:
        steps: list[tuple[Callable[[], None], str]] = [
            (lambda: None, "200"),
            (lambda: edit("chat.use"), "403"),
            (lambda: edit("audit.read"), "200"),
            (lambda: change(ends_at=timezone.now()), "403"),
            (lambda: change(ends_at=None), "200"),
            (lambda: change(is_active=False), "403"),
            (lambda: change(is_active=True), "200"),
        ]
        for place, (act, status) in enumerate(steps):
            act()
            assert asked() == status, place
    finally:
        elsewhere.kill()
        elsewhere.wait()
