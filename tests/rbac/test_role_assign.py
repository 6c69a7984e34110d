from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from accounts.models import User
from rbac.models import Assignment
from tests.rbac.conftest import AsPerson, MakePerson, Roles, roles_url


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
    page = as_person(admin).post(roles_url(user, "assign/"), sent | {"reason": "Kept meanwhile"})
    # Nothing typed is lost on the way.
    assert page.status_code == 422
    assert 'href="/step-up/" target="_blank"' in page.text
    assert 'value="Kept meanwhile"' in page.text
    assert not Assignment.objects.filter(user=user, role=roles["admin"]).exists()
    client = as_person(admin, stepped_up=True)
    assert client.post(roles_url(user, "assign/"), sent).headers["Location"] == roles_url(user)
    assert Assignment.objects.filter(user=user, role=roles["admin"]).exists()


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
    assert client.post(roles_url(admin, f"{roles['admin'].public_id}/revoke/")).status_code == 403
    assert Assignment.objects.get(user=admin).is_active


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
