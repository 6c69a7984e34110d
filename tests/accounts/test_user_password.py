from __future__ import annotations

import base64
from typing import Any

import pytest
from django.test import Client

from accounts import credentials
from accounts.models import User
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of, make_user


def url(user: User) -> str:
    return f"/users/{user.public_id}/password/"


@pytest.fixture
def proved(as_manager: Client) -> Client:
    as_manager.post("/step-up/", {"password": PASSWORD})
    return as_manager


def test_it_asks_for_the_own_password_first(as_manager: Client, person: User) -> None:
    assert as_manager.get(url(person))["Location"].startswith("/step-up/?next=")
    assert as_manager.post(url(person))["Location"].startswith("/step-up/?next=")
    assert credentials.check("ana.ruiz", PASSWORD) == person


def test_a_password_is_shown_once_and_must_be_changed(proved: Client, person: User, trail: Trail) -> None:
    theirs = client_of(person)
    password = proved.post(url(person), follow=True).context["password"]
    assert theirs.get("/password/").status_code == 302
    assert credentials.check("ana.ruiz", PASSWORD) is None
    assert credentials.check("ana.ruiz", password) == person
    person.refresh_from_db()
    assert person.must_change_password
    assert trail.actions == ["password.changed", "session.sign_in_failed"]
    assert password not in str(AuditEvent.objects.get(sequence=trail.events[0].sequence).__dict__)


def test_the_page_claims_no_more_than_happened(proved: Client, person: User) -> None:
    page = proved.post(url(person), follow=True).content.decode()
    assert "One-time password of Ana Ruiz" in page
    assert "User created" not in page
    assert "is deactivated" not in page
    User.objects.filter(pk=person.pk).update(is_active=False)
    page = proved.post(url(person), follow=True).content.decode()
    assert "can sign in now" not in page
    assert "is deactivated" in page


def test_loading_the_page_again_makes_no_other_and_shows_none(proved: Client, person: User, trail: Trail) -> None:
    made = proved.post(url(person))["Location"]
    assert made == f"{url(person)}made/"
    kept = str(proved.session["one_time_password"])
    password = proved.get(made).context["password"]
    assert password not in kept
    again = proved.get(made)
    assert password not in again.content.decode()
    assert "shown here once" in again.content.decode()
    assert credentials.check("ana.ruiz", password) == person
    assert trail.actions == ["password.changed"]


def test_a_password_is_shown_only_where_it_was_made(proved: Client, person: User, admin: User) -> None:
    made = proved.post(url(person))["Location"]
    assert client_of(admin).get(made).context["password"] is None
    assert proved.get(f"{url(admin)}made/").context["password"] is None
    assert proved.get(made).context["password"]


def test_rank_is_respected(proved: Client, admin: User, manager: User) -> None:
    assert "rank" in proved.post(url(admin), {"confirm": "1"}).content.decode()
    assert "your own password" in proved.post(url(manager), {"confirm": "1"}).content.decode()
    assert credentials.check("maren", PASSWORD) == admin


@pytest.mark.parametrize("role", ["operator", "supervisor"])
def test_no_password_is_made_for_whoever_may_more(proved: Client, role: str) -> None:
    other = make_user(role=role, username="other")
    assert url(other) not in proved.get(f"/users/{other.public_id}/").content.decode()
    page = proved.get(url(other)).content.decode()
    assert "may do what you may not" in page
    assert "Make a new password" not in page
    assert "may do what you may not" in proved.post(url(other)).content.decode()
    assert credentials.check("other", PASSWORD) == other


def test_an_admin_lets_everybody_in_anew(as_admin: Client) -> None:
    as_admin.post("/step-up/", {"password": PASSWORD})
    for other in (make_user(role="operator"), make_user(role="admin"), make_user(role=None, is_superuser=True)):
        assert as_admin.post(url(other)).status_code == 302


@pytest.mark.parametrize("role", ["supervisor", "operator", "user", "viewer", "guest"])
def test_others_are_not_allowed(person: User, role: str) -> None:
    assert client_of(make_user(role=role)).post(url(person)).status_code == 403


def test_a_password_whose_key_went_meanwhile_is_said_to_be_lost(proved: Client, person: User, settings: Any) -> None:
    made = proved.post(url(person))["Location"]
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: base64.b64encode(b"n" * 32).decode()}
    response = proved.get(made)
    assert (response.status_code, response.context["password"]) == (200, None)
    assert "cannot be shown any more" in response.content.decode()
    assert "right after it was made" in proved.get(made).content.decode()
