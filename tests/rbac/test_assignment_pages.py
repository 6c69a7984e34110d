from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from rbac.models import Assignment, Role
from tests.rbac.conftest import MakePerson

type Roles = dict[str, Role]
type AsPerson = Callable[..., Client]


@pytest.fixture
def admin(person: MakePerson) -> User:
    return person("admin", full_name="Maren Holt")


def roles_url(user: User, rest: str = "") -> str:
    return f"/users/{user.public_id}/roles/{rest}"


def test_the_tab_shows_what_a_person_holds(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    user = person("operator")
    page = as_person(admin).get(roles_url(user)).text
    assert "Operator" in page
    assert roles_url(user, "assign/") in page
    assert "the installation" in page
    assert roles_url(user) in as_person(admin).get(f"/users/{user.public_id}/").text


def test_assigning_with_reason_and_end(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    user = person("user")
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        sent = {"role": roles["viewer"].pk, "reason": "Yearly review", "ends_at": "2026-03-31T00:00"}
        page = as_person(admin).post(roles_url(user, "assign/"), sent, follow=True)
    assert "now holds Viewer" in page.text
    assert "Yearly review" in page.text
    assignment = Assignment.objects.get(user=user, role=roles["viewer"])
    assert (assignment.assigned_by, assignment.ends_at) == (admin, datetime(2026, 3, 31, tzinfo=UTC))


def test_the_admin_role_asks_for_the_password_again(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user, sent = person("user"), {"role": roles["admin"].pk}
    page = as_person(admin).post(roles_url(user, "assign/"), sent)
    assert page.headers["Location"].startswith("/step-up/")
    assert not Assignment.objects.filter(user=user, role=roles["admin"]).exists()
    client = as_person(admin, stepped_up=True)
    assert client.post(roles_url(user, "assign/"), sent).headers["Location"] == roles_url(user)
    assert Assignment.objects.filter(user=user, role=roles["admin"]).exists()


def test_taking_the_admin_role_asks_too(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    other = person("admin")
    url = roles_url(other, f"{roles['admin'].pk}/revoke/")
    assert as_person(admin).post(url).headers["Location"].startswith("/step-up/")
    as_person(admin, stepped_up=True).post(url)
    assert not Assignment.objects.get(user=other).is_active


def test_taking_a_role_asks_first_and_says_why(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user = person("viewer")
    url = roles_url(user, f"{roles['viewer'].pk}/revoke/")
    client = as_person(admin)
    assert "Take Viewer from" in client.get(url).text
    assert Assignment.objects.get(user=user).is_active
    assert "no longer holds Viewer" in client.post(url, {"reason": "Moved on"}, follow=True).text
    assert not Assignment.objects.get(user=user).is_active
    assert client.post(url).status_code == 404


def test_the_last_admin_is_told_so(as_person: AsPerson, admin: User, roles: Roles) -> None:
    page = as_person(admin, stepped_up=True).post(roles_url(admin, f"{roles['admin'].pk}/revoke/"))
    assert page.status_code == 409
    assert "Maren Holt is the last admin" in page.text


def test_a_manager_is_offered_what_they_may_give(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    user = person()
    client = as_person(person("manager"))
    offered = client.get(roles_url(user, "assign/")).context["form"].fields["role"].queryset
    assert [role.name_key for role in offered] == ["user", "viewer", "guest"]
    page = client.post(roles_url(user, "assign/"), {"role": roles["operator"].pk})
    assert page.status_code == 422
    assert not Assignment.objects.filter(user=user).exists()


def test_a_manager_does_not_reach_an_admin(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    client = as_person(person("manager"))
    assert client.get(roles_url(admin)).status_code == 200
    assert client.get(roles_url(admin, "assign/")).status_code == 403
    assert client.post(roles_url(admin, "assign/"), {"role": roles["guest"].pk}).status_code == 403
    assert client.post(roles_url(admin, f"{roles['admin'].pk}/revoke/")).status_code == 403
    assert Assignment.objects.get(user=admin).is_active


def test_a_supervisor_sees_the_roles_of_the_own_team_only(as_person: AsPerson, person: MakePerson) -> None:
    supervisor = person("supervisor")
    below, stranger = person("user", supervisor=supervisor), person("user")
    client = as_person(supervisor)
    assert client.get(roles_url(below)).status_code == 200
    assert client.get(roles_url(stranger)).status_code == 404
    assert client.post(roles_url(below, "assign/")).status_code == 403


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"role": ""},
        {"role": "9" * 40},
        {"role": "\x00"},
        {"role": "1", "reason": "a\x00b"},
        {"role": "1", "reason": "x" * 301},
        {"role": "1", "ends_at": "2001-01-01T00:00"},
        {"role": "1", "starts_at": "soon"},
    ],
)
def test_what_does_not_fit_is_said(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles, sent: dict[str, str]
) -> None:
    user = person()
    if sent.get("role") == "1":
        sent = sent | {"role": str(roles["viewer"].pk)}
    page = as_person(admin).post(roles_url(user, "assign/"), sent)
    assert page.status_code == 422
    assert page.context["form"].errors
    assert not Assignment.objects.filter(user=user).exists()


def test_the_list_of_people_names_their_roles(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    person("operator", "viewer")
    assert "Operator" in as_person(admin).get("/users/").text
