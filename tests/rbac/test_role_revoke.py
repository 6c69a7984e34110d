from __future__ import annotations

from accounts.models import User
from rbac.actions import change_assignment
from rbac.models import Assignment
from tests.rbac.conftest import AsPerson, MakePerson, Roles, roles_url


def test_taking_the_admin_role_asks_too(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    other = person("admin")
    url = roles_url(other, f"{roles['admin'].public_id}/revoke/")
    assert as_person(admin).post(url).headers["Location"].startswith("/step-up/")
    as_person(admin, stepped_up=True).post(url)
    assert not Assignment.objects.get(user=other).is_active


def test_taking_a_role_asks_first_and_says_why(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user = person("viewer")
    url = roles_url(user, f"{roles['viewer'].public_id}/revoke/")
    client = as_person(admin)
    assert "End Viewer of" in client.get(url).text
    assert Assignment.objects.get(user=user).is_active
    assert "no longer holds Viewer" in client.post(url, {"reason": "Moved on"}, follow=True).text
    assert not Assignment.objects.get(user=user).is_active
    again = client.post(url, follow=True)
    assert again.redirect_chain[-1][0] == roles_url(user)
    assert "no longer held Viewer" in again.text
    never = roles_url(person(), f"{roles['viewer'].public_id}/revoke/")
    assert client.post(never).status_code == 404


def test_the_last_admin_is_told_so(as_person: AsPerson, admin: User, roles: Roles) -> None:
    page = as_person(admin, stepped_up=True).post(roles_url(admin, f"{roles['admin'].public_id}/revoke/"))
    assert page.status_code == 409
    assert "Maren Holt is the last admin" in page.text


def test_back_to_the_list_one_came_from(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    role = roles["viewer"]
    url = roles_url(person("viewer"), f"{role.public_id}/revoke/?from=role")
    assert as_person(admin).post(url)["Location"] == f"/roles/{role.public_id}/people/"


def test_what_is_paused_can_be_ended(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    user = person("viewer")
    change_assignment(actor=None, assignment=Assignment.objects.get(user=user), is_active=False)
    as_person(admin).post(roles_url(user, f"{roles['viewer'].public_id}/revoke/"), {"reason": "Moved on"})
    ended = Assignment.objects.get(user=user)
    assert (ended.is_open, ended.ended_by, ended.end_reason) == (None, admin, "Moved on")


def test_the_last_admin_is_told_at_once(as_person: AsPerson, admin: User, roles: Roles) -> None:
    page = as_person(admin, stepped_up=True).get(roles_url(admin, f"{roles['admin'].public_id}/revoke/"))
    assert "Maren Holt is the last admin. Make somebody else admin first." in page.text
    assert "End role" not in page.text
