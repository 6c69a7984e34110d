from __future__ import annotations

from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from rbac.actions import create_role
from rbac.models import Role
from tests.rbac.conftest import READER, AsPerson, MakePerson, Roles


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
    assert "/edit/" not in client.get(f"/roles/{roles['viewer'].public_id}/").text
    assert client.post("/roles/new/", READER).status_code == 403
    assert client.post(f"/roles/{roles['viewer'].public_id}/edit/", READER).status_code == 403
    assert client.post(f"/roles/{roles['viewer'].public_id}/delete/").status_code == 403
    assert not Role.objects.filter(name_key="reader").exists()


def test_the_number_of_roles_costs_no_queries(
    as_person: AsPerson, admin: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_person(admin)
    for number in range(12):
        create_role(actor=None, name=f"Role {number}")
    client.get("/roles/")
    with django_assert_max_num_queries(5):
        client.get("/roles/")
