from __future__ import annotations

import pytest

from accounts.models import User
from rbac.actions import create_role
from rbac.models import Role
from rbac.role_map import current_role_map
from rbac.rules import POWERS
from tests.rbac.conftest import READER, AsPerson, Roles


def test_making_editing_and_deleting_a_role(as_person: AsPerson, admin: User) -> None:
    client = as_person(admin)
    page = client.post("/roles/new/", READER, follow=True)
    role = Role.objects.get(name_key="reader")
    assert "Reader created" in page.text
    assert (role.description, role.priority) == ("Reads", 15)
    page = client.post(
        f"/roles/{role.public_id}/edit/", READER | {"permissions": ["usage.read", "usage.all"]}, follow=True
    )
    assert current_role_map().own[role.pk] == {"usage.read", "usage.all"}
    page = client.post(f"/roles/{role.public_id}/delete/", follow=True)
    assert "Reader deleted" in page.text
    assert not Role.objects.filter(pk=role.pk).exists()


def test_nothing_but_the_forms_fields_is_changed(as_person: AsPerson, admin: User, roles: Roles) -> None:
    client = as_person(admin)
    client.post("/roles/new/", READER | {"is_system": "on", "name_key": "admin", "group": roles["admin"].group_id})
    role = Role.objects.get(name="Reader")
    assert (role.is_system, role.name_key) == (False, "reader")
    client.post(f"/roles/{roles['viewer'].public_id}/edit/", READER | {"is_system": ""})
    assert Role.objects.get(pk=roles["viewer"].pk).is_system


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Admin"),
        ("name", "x" * 61),
        ("name", "\ufb2c" * 60),
        ("name", "ß" * 60),
        ("name", "a\x00b"),
        ("priority", "0"),
        ("priority", "500"),
        ("priority", "9" * 40),
        ("priority", "ten"),
        ("parent", "9" * 40),
        ("parent", "٣"),
        ("permissions", "everything.forever"),
    ],
)
def test_what_does_not_fit_is_said_beside_the_field(as_person: AsPerson, admin: User, field: str, value: str) -> None:
    page = as_person(admin).post("/roles/new/", READER | {field: value})
    assert page.status_code == 422
    assert field in page.context["form"].errors
    assert Role.objects.count() == 7


@pytest.mark.parametrize("power", [{"permissions": ["roles.write"]}, {"priority": "100", "parent": "admin"}])
def test_a_role_that_can_change_roles_asks_for_the_password_again(
    as_person: AsPerson, admin: User, roles: Roles, power: dict[str, object]
) -> None:
    sent = READER | power
    if sent["parent"]:
        sent["parent"] = str(roles["admin"].pk)
    page = as_person(admin).post("/roles/new/", sent)
    assert page.headers["Location"].startswith("/step-up/")
    assert not Role.objects.filter(name_key="reader").exists()
    plain = create_role(actor=None, name="Plain")
    assert as_person(admin).post(f"/roles/{plain.public_id}/edit/", sent).headers["Location"].startswith("/step-up/")
    assert not POWERS & current_role_map().permissions(plain.pk)
    as_person(admin, stepped_up=True).post(f"/roles/{plain.public_id}/edit/", sent)
    assert POWERS & current_role_map().permissions(plain.pk)
