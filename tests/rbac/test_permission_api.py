"""Permissions declared and listed by other programs: what they are answered, and what nobody gets out of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from accounts.models import User
from rbac.actions import assign_role, create_role, revoke_role, update_role
from rbac.actions.permission import declare_permission
from rbac.models import CustomPermission, RoleMapVersion
from rbac.views import api
from settings_store.models import AuditEvent, LimitCounter
from tests.factories import client_of
from tests.rbac.conftest import MakePerson, Roles
from ui.registry import Permission, registry

ALL = "/api/permissions"
ONE = f"{ALL}/document:create"
BODY = {"label": "Create documents", "program": "archive"}


@pytest.fixture
def program(admin: User) -> Client:
    return client_of(admin)


def put(client: Client, body: Any = BODY, url: str = ONE) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return client.put(url, data=data, content_type="application/json")


def problem(answer: HttpResponseBase, status: int) -> dict[str, Any]:
    """The details of a refusal, after a look at its form."""
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    details: dict[str, Any] = answer.json()  # type: ignore[attr-defined]  # the test client's
    assert details["status"] == status
    assert details["detail"]
    return details


def test_declaring_twice_makes_one_and_is_told_once(program: Client) -> None:
    answer = put(program)
    assert answer.status_code == 201
    assert answer.json() == {"name": "document:create", **BODY}
    before, version = AuditEvent.objects.count(), RoleMapVersion.objects.get().version
    again = put(program)
    assert (again.status_code, again.json()) == (200, answer.json())
    assert (AuditEvent.objects.count(), RoleMapVersion.objects.get().version) == (before, version)
    assert put(program, {"label": "Write documents"}).json() == {
        "name": "document:create",
        "label": "Write documents",
        "program": "",
    }
    assert AuditEvent.objects.latest("sequence").action == "permission.changed"
    assert CustomPermission.objects.count() == 1


def test_the_list_tells_who_declared_what_and_which_roles_hold_it(program: Client, admin: User) -> None:
    assert program.get(ALL).json() == {"permissions": []}
    put(program)
    declare_permission(actor=None, name="build:start", label="Start builds")
    create_role(actor=None, name="Archivist", permissions=["document.create", "build.start", "audit.read"])
    create_role(actor=None, name="Builder", priority=20, permissions=["build.start", "chat.use"])
    build, document = program.get(ALL).json()["permissions"]
    assert (build["name"], build["declared_by"]) == ("build:start", None)
    assert build["roles"] == ["Builder", "Archivist"]
    declared = CustomPermission.objects.get(name="document.create").created_at
    assert document == {
        "name": "document:create",
        **BODY,
        "declared_at": declared.isoformat(),
        "declared_by": "Maren Holt",
        "roles": ["Archivist"],
        "grants": True,
    }
    assert program.head(ALL).status_code == 200


def test_one_that_a_release_has_taken_grants_nothing(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    put(program)
    monkeypatch.setitem(registry.permissions, "document.create", Permission("document.create", "Of the house"))
    assert program.get(ALL).json()["permissions"][0]["grants"] is False
    assert "a word of Gatehouse itself" in problem(put(program), 400)["detail"]


def test_deleting_one_that_roles_hold_takes_force(program: Client, person: MakePerson) -> None:
    put(program)
    create_role(actor=None, name="Archivist", permissions=["document.create"])
    user = person("archivist")
    details = problem(program.delete(ONE), 409)
    assert (details["roles"], details["people"]) == (1, 1)
    assert "?force=true" in details["detail"]
    problem(program.delete(f"{ONE}?force=yes"), 400)
    assert User.objects.get(pk=user.pk).has_perm("document.create")
    assert program.delete(f"{ONE}?force=true").status_code == 204
    assert not User.objects.get(pk=user.pk).has_perm("document.create")
    problem(program.delete(ONE), 404)


def test_one_that_no_role_holds_is_simply_deleted(program: Client) -> None:
    put(program)
    assert program.delete(ONE).status_code == 204
    assert not CustomPermission.objects.exists()


def test_a_role_beyond_reach_keeps_it(person: MakePerson, program: Client) -> None:
    put(program)
    create_role(actor=None, name="High", priority=90, permissions=["document.create"])
    create_role(actor=None, name="Declarer", priority=50, permissions=["permissions.write"])
    answer = client_of(person("declarer")).delete(f"{ONE}?force=true")
    assert "beyond your reach" in problem(answer, 403)["detail"]
    assert CustomPermission.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "document",
        "document.create",
        "Document:create",
        "docum%D0%B5nt:create",
        "document:create:all",
        "document/create",
        "document:create/",
        "a:%00",
        "%ED%A0%80:a",
        "x" * 3000,
        "rbac:add_role",
        "settings:read",
    ],
)
def test_an_odd_name_is_refused(program: Client, name: str) -> None:
    details = problem(put(program, url=f"{ALL}/{name}"), 400)
    assert "document:create" in details["detail"] or "a word of Gatehouse itself" in details["detail"]
    problem(program.delete(f"{ALL}/{name}"), 404)
    assert not CustomPermission.objects.exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b'{"label": NaN}', "not JSON"),
        (b'{"label": ' + b"9" * 6000 + b"}", "not JSON"),
        (b"[]", "JSON object with the members label and program"),
        (b"null", "JSON object with the members label and program"),
        ({"label": "x", "roles": ["admin"]}, "JSON object with the members label and program"),
        ({"label": 5}, "are texts"),
        ({"label": None}, "are texts"),
        ({"label": {"en": "x"}}, "are texts"),
        ({"label": "x", "program": ["archive"]}, "are texts"),
        ({}, "label: This field is required."),
        ({"label": " "}, "label: This field is required."),
        ({"label": "x" * 151}, "label: At most 150 characters"),
        ({"label": "x", "program": "x" * 61}, "program: At most 60 characters"),
        ({"label": "a\x00b"}, "label: "),
        ({"label": "\ud800"}, "label: Use letters"),
        ({"label": "a\nb"}, "label: Use letters"),
    ],
)
def test_an_odd_body_is_refused_in_one_sentence(program: Client, body: Any, words: str) -> None:
    assert words in problem(put(program, body), 400)["detail"]
    assert not CustomPermission.objects.exists()


def test_a_member_given_twice_is_refused(program: Client) -> None:
    detail = problem(put(program, b'{"label": "Create documents", "label": "Shred documents"}'), 400)["detail"]
    assert detail == "A member stands here twice."
    assert not CustomPermission.objects.exists()


def test_an_address_with_a_line_break_is_none(program: Client) -> None:
    assert put(program, url=f"{ONE}%0A").status_code == 404
    assert not CustomPermission.objects.exists()


def test_too_much_is_refused(program: Client) -> None:
    assert "8 kB" in problem(put(program, {"label": "x" * 9000}), 413)["detail"]
    problem(put(program, b"x" * 3_000_000), 400)


def test_a_form_is_no_body(program: Client) -> None:
    problem(program.put(ONE, data=b"label=x", content_type="application/x-www-form-urlencoded"), 400)


def test_there_is_an_end_to_their_number(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbac.actions.permission.MOST", 1)
    put(program)
    assert "no more than that" in problem(put(program, url=f"{ALL}/document:delete"), 409)["detail"]
    assert put(program, {"label": "x"}).status_code == 200, "what is there can still be said anew"


def test_only_who_may_is_answered(person: MakePerson, roles: Roles) -> None:
    declare_permission(actor=None, name="document:create", label="Create documents")
    manager, operator, nobody = client_of(person("manager")), client_of(person("operator")), Client()
    assert manager.get(ALL).status_code == 200
    assert "permissions.write" in problem(put(manager), 403)["detail"]
    problem(manager.delete(ONE), 403)
    assert "roles.read" in problem(operator.get(ALL), 403)["detail"]
    for answer in (nobody.get(ALL), put(nobody), nobody.delete(ONE)):
        assert problem(answer, 401)["detail"] == "Nobody is signed in."
    person_who_must = person("admin", must_change_password=True)
    problem(put(client_of(person_who_must)), 403)
    assert CustomPermission.objects.get().label == "Create documents"


def test_another_method_and_a_missing_token_are_said(program: Client, admin: User) -> None:
    for url, right, wrong in ((ALL, "GET, HEAD", "POST"), (ONE, "PUT, DELETE", "GET"), (ONE, "PUT, DELETE", "PATCH")):
        answer = program.generic(wrong, url)
        assert right in problem(answer, 405)["detail"]
        assert answer["Allow"] == right
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin)
    assert "X-CSRFToken" in problem(put(strict), 403)["detail"]
    assert not CustomPermission.objects.exists()


def test_a_program_that_asks_too_often_waits(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_CALLS", 2)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert [program.get(ALL).status_code for _number in range(3)] == [200, 200, 429]
        answer = program.get(ALL)
        problem(answer, 429)
        clock.shift(timedelta(seconds=int(answer["Retry-After"]) + 1))
        assert program.get(ALL).status_code == 200
    assert LimitCounter.objects.count() == 1


def test_a_program_that_asks_about_somebody_hears_of_every_change_at_its_next_call(
    program: Client, person: MakePerson
) -> None:
    user, clock = person(), timezone.now()

    def may(name: str = "document:create") -> bool:
        answer = program.get("/api/why", {"person": user.username, "permission": name})
        assert answer.status_code == 200
        allowed: bool = answer.json()["allowed"]
        return allowed

    problem(program.get("/api/why", {"person": user.username, "permission": "document:create"}), 404)
    put(program)
    assert not may()
    role = create_role(actor=None, name="Archivist", permissions=["document.create"])
    child = create_role(actor=None, name="Head archivist", priority=20, parent=role)
    assign_role(actor=None, user=user, role=child)
    assert may()
    edit: dict[str, Any] = {"name": "Archivist", "description": "", "priority": 10, "parent": None}
    update_role(actor=None, role=role, permissions=[], **edit)
    assert not may()
    update_role(actor=None, role=role, permissions=["document.create"], **edit)
    assert may()
    revoke_role(actor=None, user=user, role=child)
    assert not may()
    assign_role(actor=None, user=user, role=role, ends_at=clock + timedelta(hours=1))
    assert may()
    with time_machine.travel(clock + timedelta(hours=1), tick=False):
        assert not may()
    assert may()
    program.delete(f"{ONE}?force=true")
    problem(program.get("/api/why", {"person": user.username, "permission": "document:create"}), 404)
