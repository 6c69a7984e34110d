from __future__ import annotations

from accounts.models import User
from tests.rbac.conftest import AsPerson, MakePerson, roles_url


def test_the_tab_shows_what_a_person_holds(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    user = person("operator")
    page = as_person(admin).get(roles_url(user)).text
    assert "Operator" in page
    assert roles_url(user, "assign/") in page
    assert ">Gatehouse</td>" in page
    assert roles_url(user) in as_person(admin).get(f"/users/{user.public_id}/").text


def test_a_supervisor_sees_the_roles_of_the_own_team_only(as_person: AsPerson, person: MakePerson) -> None:
    supervisor = person("supervisor")
    below, stranger = person("user", supervisor=supervisor), person("user")
    client = as_person(supervisor)
    assert client.get(roles_url(below)).status_code == 200
    assert client.get(roles_url(stranger)).status_code == 404
    assert client.post(roles_url(below, "assign/")).status_code == 403


def test_the_list_of_people_names_their_roles(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    person("operator", "viewer")
    assert "Operator" in as_person(admin).get("/users/").text
