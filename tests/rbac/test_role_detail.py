from __future__ import annotations

from accounts.models import User
from tests.rbac.conftest import AsPerson, Roles


def test_one_role_shows_where_each_permission_comes_from(as_person: AsPerson, admin: User, roles: Roles) -> None:
    page = as_person(admin).get(f"/roles/{roles['operator'].public_id}/").text
    assert "Talk with models: inherited from User" in page
    assert "See settings" in page
    assert ">of everyone<" in page
    assert 'href="/roles/{}/"'.format(roles["user"].public_id) in page
