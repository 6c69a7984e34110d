from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import client_of, make_user

# The same in every worker of a run, or they would not agree on what there is to run.
NOBODY = "0c1d2e3f-0000-4000-8000-00000000f00d"


def test_the_page_shows_who_it_is(as_admin: Client, person: User) -> None:
    page = as_admin.get(f"/users/{person.public_id}/").content.decode()
    assert "Ana Ruiz" in page
    assert "Ana.Ruiz@example.org" in page
    for act in ("edit", "deactivate", "password", "sessions", "roles"):
        assert f"/users/{person.public_id}/{act}/" in page


def test_a_stranger_is_404_and_a_subordinate_is_shown(supervisor: User, as_supervisor: Client, person: User) -> None:
    below = make_user(supervisor=supervisor)
    assert as_supervisor.get(f"/users/{person.public_id}/").status_code == 404
    page = as_supervisor.get(f"/users/{below.public_id}/")
    assert page.status_code == 200
    assert "/edit/" not in page.content.decode()


@pytest.mark.parametrize("role", ["operator", "user", "viewer", "guest"])
def test_others_are_not_allowed(person: User, role: str) -> None:
    assert client_of(make_user(role=role)).get(f"/users/{person.public_id}/").status_code == 403


@pytest.mark.parametrize("path", [NOBODY, "1", "%00", "me", f"{NOBODY}/edit"])
def test_odd_addresses_are_404(as_admin: Client, path: object) -> None:
    assert as_admin.get(f"/users/{path}/").status_code == 404
