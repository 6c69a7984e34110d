"""What gives power over others, or demands a factor, is given and taken only right after a fresh proof."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rbac.models import Assignment, Role
from rbac.role_map import changing_roles
from tests.rbac.conftest import AsPerson, MakePerson, Roles, roles_url


@pytest.fixture(params=["power", "factor"])
def weighty(request: pytest.FixtureRequest, roles: Roles) -> Role:
    if request.param == "power":
        return roles["admin"]
    with changing_roles():
        Role.objects.filter(pk=roles["viewer"].pk).update(requires_factor=True)
    return roles["viewer"]


def asks(answer: Any) -> bool:
    """Whether an answer leads to the step-up, at once or in another tab beside the form."""
    if answer.status_code == 302:
        return str(answer["Location"]).startswith("/step-up/")
    return answer.status_code == 422 and 'href="/step-up/"' in answer.content.decode()


def acts(client: Client, holder: User, other: User, role: Role) -> dict[str, Any]:
    of_role, sent = f"/roles/{role.public_id}/people/", {"role": role.pk}
    bulk = client.post(f"{of_role}acts/", {"act": "end-role", "all": "1"})["Location"]
    one = f"{role.public_id}/"
    return {
        "assign": client.post(roles_url(other, "assign/"), sent),
        "edit": client.get(roles_url(holder, f"{one}edit/")),
        "save": client.post(roles_url(holder, f"{one}edit/"), {"reason": "Late", "is_active": "on"}),
        "pause": client.post(roles_url(holder, f"{one}pause/")),
        "resume": client.post(roles_url(holder, f"{one}resume/")),
        "end": client.get(roles_url(holder, f"{one}revoke/")),
        "add": client.get(f"{of_role}add/"),
        "add them": client.post(f"{of_role}add/", {"people": other.username}),
        "many": client.get(bulk),
        "do many": client.post(bulk, sent),
        "invite": client.post("/users/invite/", sent | {"emails": "new@example.org", "days": "7"}),
    }


def test_each_act_asks(as_person: AsPerson, admin: User, person: MakePerson, weighty: Role) -> None:
    holder, other = person(weighty.name_key), person()
    answers = acts(as_person(admin), holder, other, weighty)
    assert [name for name, answer in answers.items() if not asks(answer)] == []
    held = Assignment.objects.get(user=holder)
    assert (held.is_active, held.reason) == (True, "")
    assert not Assignment.objects.filter(user=other).exists()
    assert not User.objects.filter(joined_by="invited").exists()
