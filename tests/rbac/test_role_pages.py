from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from rbac.actions import assign_role, create_role
from rbac.models import Role
from rbac.role_map import current_role_map
from rbac.rules import POWERS
from tests.rbac.conftest import MakePerson

type Roles = dict[str, Role]
type AsPerson = Callable[..., Client]

READER = {"name": "Reader", "description": "Reads", "priority": "15", "parent": "", "permissions": ["audit.read"]}


@pytest.fixture
def admin(person: MakePerson) -> User:
    return person("admin", full_name="Maren Holt")


def test_the_list_shows_roles_by_rank_with_their_people(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    person("viewer")
    person("viewer", is_active=False)
    page = as_person(admin).get("/roles/")
    shown = {role.name: role.people for role in page.context["roles"]}
    assert list(shown)[:2] == ["Admin", "Manager"]
    assert (shown["Viewer"], shown["Admin"], shown["Guest"]) == (1, 1, 0)
    assert "New role" in page.text


def test_a_manager_reads_roles_and_changes_none(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    client = as_person(person("manager"))
    assert "New role" not in client.get("/roles/").text
    assert "/edit/" not in client.get(f"/roles/{roles['viewer'].pk}/").text
    assert client.post("/roles/new/", READER).status_code == 403
    assert client.post(f"/roles/{roles['viewer'].pk}/edit/", READER).status_code == 403
    assert client.post(f"/roles/{roles['viewer'].pk}/delete/").status_code == 403
    assert not Role.objects.filter(name_key="reader").exists()


def test_the_number_of_roles_costs_no_queries(
    as_person: AsPerson, admin: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_person(admin)
    for number in range(12):
        create_role(actor=None, name=f"Role {number}")
    client.get("/roles/")
    with django_assert_max_num_queries(4):
        client.get("/roles/")


def test_one_role_shows_where_each_permission_comes_from(as_person: AsPerson, admin: User, roles: Roles) -> None:
    page = as_person(admin).get(f"/roles/{roles['operator'].pk}/").text
    assert "Talk with models: inherited from User" in page
    assert "See settings" in page
    assert 'href="/roles/{}/"'.format(roles["user"].pk) in page


def test_people_of_a_role_are_those_the_reader_may_see(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    person("operator", full_name="Ana Ruiz")
    create_role(actor=None, name="Lister", priority=15, permissions=["roles.read"])
    assert "Ana Ruiz" in as_person(admin).get(f"/roles/{roles['operator'].pk}/people/").text
    assert "Ana Ruiz" not in as_person(person("lister")).get(f"/roles/{roles['operator'].pk}/people/").text


def test_making_editing_and_deleting_a_role(as_person: AsPerson, admin: User) -> None:
    client = as_person(admin)
    page = client.post("/roles/new/", READER, follow=True)
    role = Role.objects.get(name_key="reader")
    assert "Reader created" in page.text
    assert (role.description, role.priority) == ("Reads", 15)
    page = client.post(f"/roles/{role.pk}/edit/", READER | {"permissions": ["usage.read", "usage.all"]}, follow=True)
    assert current_role_map().own[role.pk] == {"usage.read", "usage.all"}
    page = client.post(f"/roles/{role.pk}/delete/", follow=True)
    assert "Reader deleted" in page.text
    assert not Role.objects.filter(pk=role.pk).exists()


def test_locked_boxes_are_not_sent_and_stay(as_person: AsPerson, admin: User, roles: Roles) -> None:
    viewer = roles["viewer"]
    client = as_person(admin)
    page = client.get(f"/roles/{viewer.pk}/edit/").text
    assert page.count(" checked disabled") >= 3
    client.post(f"/roles/{viewer.pk}/edit/", {"description": "Looks on", "permissions": ["usage.read"]})
    assert current_role_map().own[viewer.pk] == {"settings.read", "flags.read", "audit.read", "usage.read"}
    viewer.refresh_from_db()
    assert (viewer.name, viewer.priority, viewer.description) == ("Viewer", 20, "Looks on")


def test_nothing_but_the_forms_fields_is_changed(as_person: AsPerson, admin: User, roles: Roles) -> None:
    client = as_person(admin)
    client.post("/roles/new/", READER | {"is_system": "on", "name_key": "admin", "group": roles["admin"].group_id})
    role = Role.objects.get(name="Reader")
    assert (role.is_system, role.name_key) == (False, "reader")
    client.post(f"/roles/{roles['viewer'].pk}/edit/", READER | {"is_system": ""})
    assert Role.objects.get(pk=roles["viewer"].pk).is_system


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Admin"),
        ("name", "x" * 61),
        ("name", "a\x00b"),
        ("priority", "0"),
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


def test_a_role_that_is_held_is_not_deleted(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    role = create_role(actor=None, name="Held")
    person("held")
    page = as_person(admin).post(f"/roles/{role.pk}/delete/")
    assert page.status_code == 409
    assert "People hold this role" in page.text


def test_an_ended_assignment_leaves_the_people_of_a_role(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user = person(full_name="Kofi Mensah")
    assignment = assign_role(actor=None, user=user, role=roles["viewer"], ends_at=timezone.now() + timedelta(hours=1))
    client = as_person(admin)
    assert "Kofi Mensah" in client.get(f"/roles/{roles['viewer'].pk}/people/").text
    assignment.ends_at = timezone.now()
    assignment.save(update_fields=["ends_at"])
    assert "Kofi Mensah" not in client.get(f"/roles/{roles['viewer'].pk}/people/").text


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
    assert as_person(admin).post(f"/roles/{plain.pk}/edit/", sent).headers["Location"].startswith("/step-up/")
    assert not POWERS & current_role_map().permissions(plain.pk)
    as_person(admin, stepped_up=True).post(f"/roles/{plain.pk}/edit/", sent)
    assert POWERS & current_role_map().permissions(plain.pk)
