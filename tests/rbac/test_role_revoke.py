from __future__ import annotations

from accounts.models import User
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
    assert "Take Viewer from" in client.get(url).text
    assert Assignment.objects.get(user=user).is_active
    assert "no longer holds Viewer" in client.post(url, {"reason": "Moved on"}, follow=True).text
    assert not Assignment.objects.get(user=user).is_active
    assert client.post(url).status_code == 404


def test_the_last_admin_is_told_so(as_person: AsPerson, admin: User, roles: Roles) -> None:
    page = as_person(admin, stepped_up=True).post(roles_url(admin, f"{roles['admin'].public_id}/revoke/"))
    assert page.status_code == 409
    assert "Maren Holt is the last admin" in page.text
