from __future__ import annotations

import pytest

from accounts.models import User
from rbac.actions import create_role
from rbac.actions.permission import declare_permission
from rbac.models import CustomPermission
from rbac.role_map import current_role_map
from tests.rbac.conftest import AsPerson, MakePerson

URL = "/roles/permissions/document:create/delete/"


@pytest.fixture(autouse=True)
def declared(db: None) -> None:
    declare_permission(actor=None, name="document:create", label="Create documents", program="archive")


def test_one_that_nobody_holds_goes_with_a_yes(as_person: AsPerson, admin: User) -> None:
    client = as_person(admin)
    page = client.get(URL)
    assert "No role holds it." in page.text
    assert "confirm" not in page.context["form"].fields
    assert "document:create deleted" in client.post(URL, {"roles": "0"}, follow=True).text
    assert not CustomPermission.objects.exists()


def test_where_people_hold_it_its_name_is_typed(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    role = create_role(actor=None, name="Archivist", permissions=["document.create"])
    person("archivist")
    person("archivist")
    client = as_person(admin)
    text = client.get(URL).text
    assert "This takes it from 1 role:" in text
    assert "2 people have it from there" in text
    for typed in ("", "document.create", "document:create2"):
        page = client.post(URL, {"roles": "1", "confirm": typed})
        assert page.status_code == 422
        assert "confirm" in page.context["form"].errors
    assert CustomPermission.objects.exists()
    client.post(URL, {"roles": "1", "confirm": "document:create"})
    assert not CustomPermission.objects.exists()
    assert current_role_map().own[role.pk] == set()


def test_whoever_was_told_of_fewer_roles_is_told_again(as_person: AsPerson, admin: User) -> None:
    client = as_person(admin)
    create_role(actor=None, name="Archivist", permissions=["document.create"])
    page = client.post(URL, {"roles": "0"})
    assert page.status_code == 422
    assert "It is now held by 1 role. Nothing was deleted." in page.text
    assert 'name="roles" value="1"' in page.text
    for odd in ("", "-1", "one", "9" * 40):
        assert client.post(URL, {"roles": odd}).status_code == 422
    client.post(URL, {"roles": "1"})
    assert not CustomPermission.objects.exists()


def test_a_role_beyond_reach_keeps_it(as_person: AsPerson, person: MakePerson) -> None:
    create_role(actor=None, name="Declarer", priority=50, permissions=["permissions.write", "roles.read"])
    create_role(actor=None, name="High", priority=90, permissions=["document.create"])
    page = as_person(person("declarer")).post(URL, {"roles": "1"})
    assert page.status_code == 422
    assert "A role beyond your reach holds it" in page.text
    assert CustomPermission.objects.exists()
