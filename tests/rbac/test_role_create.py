from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from accounts.models import User
from rbac.actions import create_role
from rbac.models import CustomPermission, Role
from rbac.role_map import changing_roles, current_role_map
from rbac.rules import POWERS
from tests.rbac.conftest import READER, AsPerson, MakePerson, Roles


def declare(name: str, label: str, program: str) -> None:
    """A permission of another program, as its declaration leaves it."""
    with transaction.atomic(), changing_roles():
        holder = ContentType.objects.get_for_model(CustomPermission)
        row = Permission.objects.create(content_type=holder, codename=name, name=label)
        CustomPermission.objects.create(permission=row, name=name, label=label, program=program)


def test_making_editing_and_deleting_a_role(as_person: AsPerson, admin: User) -> None:
    client = as_person(admin)
    page = client.post("/roles/new/", READER, follow=True)
    role = Role.objects.get(name_key="reader")
    assert "Reader created" in page.text
    assert (role.description, role.priority) == ("Reads", 15)
    page = client.post(
        f"/roles/{role.public_id}/edit/",
        READER | {"permissions": ["usage.read", "usage.all"], "version": role.version},
        follow=True,
    )
    assert current_role_map().own[role.pk] == {"usage.read", "usage.all"}
    page = client.post(f"/roles/{role.public_id}/delete/", {"confirm": "Reader"}, follow=True)
    assert "Reader deleted" in page.text
    assert not Role.objects.filter(pk=role.pk).exists()


def test_nothing_but_the_forms_fields_is_changed(as_person: AsPerson, admin: User, roles: Roles) -> None:
    client = as_person(admin)
    client.post("/roles/new/", READER | {"is_system": "on", "name_key": "admin", "group": roles["admin"].group_id})
    role = Role.objects.get(name="Reader")
    assert (role.is_system, role.name_key) == (False, "reader")
    client.post(f"/roles/{roles['viewer'].public_id}/edit/", READER | {"is_system": "", "version": 1})
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
        ("permissions", "\x00" + "x" * 5000),
    ],
)
def test_what_does_not_fit_is_said_beside_the_field(as_person: AsPerson, admin: User, field: str, value: str) -> None:
    page = as_person(admin).post("/roles/new/", READER | {field: value})
    assert page.status_code == 422
    assert field in page.context["form"].errors
    assert len(page.context["form"].errors[field]) == 1
    assert Role.objects.count() == 7


@pytest.mark.parametrize("power", [{"permissions": ["roles.write"]}, {"priority": "100", "parent": "admin"}])
def test_a_role_that_can_change_roles_asks_for_the_password_again(
    as_person: AsPerson, admin: User, roles: Roles, power: dict[str, object]
) -> None:
    sent = READER | power
    if sent["parent"]:
        sent["parent"] = str(roles["admin"].pk)
    page = as_person(admin).post("/roles/new/", sent)
    # Nothing that was sent is lost: the way to the password opens beside the form.
    assert page.status_code == 422
    assert '<a href="/step-up/" target="_blank" rel="noopener">Confirm that it is you</a> in a new tab' in page.text
    assert 'value="Reads"' in page.text
    assert not Role.objects.filter(name_key="reader").exists()
    plain = create_role(actor=None, name="Plain")
    sent["version"] = str(plain.version)
    page = as_person(admin).post(f"/roles/{plain.public_id}/edit/", sent)
    assert (page.status_code, "Confirm that it is you" in page.text, 'value="Reads"' in page.text) == (422, True, True)
    assert not POWERS & current_role_map().permissions(plain.pk)
    as_person(admin, stepped_up=True).post(f"/roles/{plain.public_id}/edit/", sent)
    assert POWERS & current_role_map().permissions(plain.pk)


def test_an_odd_permission_is_named_harmlessly(as_person: AsPerson, admin: User, roles: Roles) -> None:
    page = as_person(admin).post("/roles/new/", READER | {"permissions": ["a\x00<b>:\u202ec"]})
    assert page.context["form"].errors["permissions"] == ["There is no permission “a�<b>:�c”."]
    assert "a�&lt;b&gt;:�c" in page.text


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Admin", "There is a role of this name already."),
        ("аdmin", "Use letters of one script"),
        ("Αdmin", "Use letters of one script"),
        ("Ad\u3164min", "cannot be seen"),
        ("Admin\ufe0f", "cannot be seen"),
        ("Admin\u2800", "cannot be seen"),
        ("Adm\u200bin", "letters, digits, signs and spaces only"),
        ("Ad min", "looks like the name “Admin”"),
        ("Adm\u0131n", "looks like the name “Admin”"),
        ("ОРЕ", "looks like the name “OPE”"),
    ],
)
def test_no_name_passes_for_another_one(
    as_person: AsPerson, admin: User, roles: Roles, name: str, sentence: str
) -> None:
    create_role(actor=None, name="OPE")
    page = as_person(admin).post("/roles/new/", READER | {"name": name})
    assert page.status_code == 422
    assert sentence in page.context["form"].errors["name"][0]


def test_words_of_several_scripts_make_a_name(as_person: AsPerson, admin: User) -> None:
    page = as_person(admin).post("/roles/new/", READER | {"name": "Команда Alpha 2"})
    assert page.status_code == 302
    assert Role.objects.filter(name="Команда Alpha 2").exists()


def test_another_parent_shows_what_it_brings(as_person: AsPerson, admin: User, roles: Roles) -> None:
    sent = READER | {"name": "", "priority": "95", "parent": roles["operator"].pk, "show": "1"}
    page = as_person(admin).post("/roles/new/", sent)
    assert page.status_code == 200
    assert "Change settings: inherited from Operator" in page.text
    assert "Talk with models: inherited from User" in page.text
    assert 'value="audit.read" checked' in page.text
    assert not page.context["form"].errors
    assert Role.objects.count() == 7


def test_a_box_is_locked_over_what_one_lacks(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    create_role(actor=None, name="Maker", priority=50, permissions=["roles.write", "audit.read"])
    client = as_person(person("maker"))
    page = client.get("/roles/new/")
    cells = {
        cell.permission.name: cell
        for group in page.context["groups"]
        for row in group.rows
        for cell in row.cells.values()
    }
    assert {name for name, cell in cells.items() if not cell.lock} == {"roles.write", "audit.read"}
    page = client.post("/roles/new/", READER | {"permissions": ["users.read"]})
    assert page.status_code == 422
    assert "You cannot give what you do not have yourself: See people of the own team." in page.text
    assert client.get("/roles/").status_code == 403


def test_permissions_of_other_programs_stand_in_a_group_of_their_own(
    as_person: AsPerson, admin: User, roles: Roles
) -> None:
    declare("document.create", "Create documents", "archive")
    declare("paper.print-out", "Print papers", "")
    page = as_person(admin).get("/roles/new/")
    group = page.context["groups"][-1]
    assert str(group.label) == "Other programs"
    assert [(row.resource, row.about) for row in group.rows] == [
        ("paper", "declared by another program"),
        ("document", "declared by archive"),
    ]
    assert "Create documents</label>" in page.text
    page = as_person(admin).post("/roles/new/", READER | {"permissions": ["document.create"]})
    assert current_role_map().own[Role.objects.get(name="Reader").pk] == {"document.create"}
