from __future__ import annotations

from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from rbac.actions import create_role
from tests.rbac.conftest import AsPerson, MakePerson, Roles


def test_one_role_shows_where_each_permission_comes_from(as_person: AsPerson, admin: User, roles: Roles) -> None:
    page = as_person(admin).get(f"/roles/{roles['operator'].public_id}/").text
    assert "Talk with models: inherited from User" in page
    assert "Talk with models (chat:use). Inherited from User. Change it there." in page
    assert "See settings: granted here" in page
    assert "Reveal secrets: not granted" in page
    assert ">see everyone’s<" in page
    assert 'href="/roles/{}/"'.format(roles["user"].public_id) in page
    assert f"/roles/{roles['operator'].public_id}/clone/" in page


def test_the_nearest_ancestor_is_named(as_person: AsPerson, admin: User, roles: Roles) -> None:
    middle = create_role(actor=None, name="Middle", priority=45, parent=roles["user"], permissions=["chat.use"])
    child = create_role(actor=None, name="Child", priority=45, parent=middle)
    page = as_person(admin).get(f"/roles/{child.public_id}/").text
    assert "Talk with models: inherited from Middle" in page
    assert "See system prompts: inherited from User" in page


def test_a_stranger_and_a_missing_role(client: Client, as_person: AsPerson, admin: User, person: MakePerson) -> None:
    missing = "/roles/00000000-0000-4000-8000-000000000000/"
    assert client.get(missing)["Location"].startswith("/login/")
    for act in ("", "edit/", "clone/", "delete/"):
        assert as_person(admin).get(missing + act).status_code == 404
    assert as_person(person("user")).get(missing).status_code == 403


def test_wrong_methods(as_person: AsPerson, admin: User, roles: Roles) -> None:
    url = f"/roles/{roles['viewer'].public_id}/"
    client = as_person(admin)
    assert client.post(url).status_code == 405
    assert client.get(f"{url}affected/").status_code == 405
    for act in ("edit/", "clone/", "delete/"):
        assert client.put(url + act).status_code == 405


def test_the_matrix_costs_the_same_however_long_the_line(
    as_person: AsPerson, admin: User, roles: Roles, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    role = roles["guest"]
    for number in range(8):
        role = create_role(actor=None, name=f"Step {number}", priority=20, parent=role)
    client = as_person(admin)
    client.get(f"/roles/{role.public_id}/")
    with django_assert_num_queries(8):
        client.get(f"/roles/{role.public_id}/")
    with django_assert_num_queries(11):
        client.get(f"/roles/{role.public_id}/edit/")
