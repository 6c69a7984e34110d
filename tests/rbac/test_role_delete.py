from __future__ import annotations

from accounts.models import User
from rbac.actions import create_role
from tests.rbac.conftest import AsPerson, MakePerson


def test_a_role_that_is_held_is_not_deleted(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    role = create_role(actor=None, name="Held")
    person("held")
    page = as_person(admin).post(f"/roles/{role.public_id}/delete/")
    assert page.status_code == 409
    assert "People hold this role" in page.text
