from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from accounts.models import Device, Passkey, RecoveryCode, Session, Totp, User
from rbac.actions import assign_role, create_role
from tests.accounts.conftest import Trail
from tests.accounts.factors import ask_of_role, give_app, give_codes
from tests.factories import PASSWORD, client_of, make_user


def url(user: User, rest: str = "") -> str:
    return f"/users/{user.public_id}/factors/{rest}"


@pytest.fixture
def proved(as_admin: Client) -> Client:
    as_admin.post("/step-up/", {"password": PASSWORD})
    return as_admin


@pytest.fixture
def equipped(person: User) -> User:
    """Somebody with everything there is."""
    give_app(person)
    give_codes(person)
    Passkey.objects.create(user=person, name="Blue key", credential_id=b"x", credential_key="k" * 64, public_key=b"p")
    Device.objects.create(
        user=person,
        token_hash="d" * 64,
        user_agent="",
        trusted_since=timezone.now(),
        trusted_until=timezone.now() + timedelta(days=9),
    )
    return person


def test_the_tab_shows_what_there_is(as_manager: Client, equipped: User) -> None:
    page = as_manager.get(url(equipped)).content.decode()
    assert "Authenticator app" in page
    assert "Blue key" in page
    assert "10 left" in page
    assert "Remembered devices" in page
    assert "reset/" not in page


def test_the_tab_says_where_there_is_none(as_manager: Client, person: User) -> None:
    assert "The password alone lets them in" in as_manager.get(url(person)).content.decode()
    ask_of_role(person)
    # Managers inherit from users, so they are asked as well.
    session = as_manager.session
    session["factor"] = "app"
    session.save()
    page = as_manager.get(url(person)).content.decode()
    assert "one must be set up" in page
    assert "asked for by a role" in page


def test_all_is_taken_and_told(proved: Client, equipped: User, admin: User, trail: Trail) -> None:
    theirs = client_of(equipped)
    assert "reset/" in proved.get(url(equipped)).content.decode()
    assert proved.post(url(equipped, "reset/"), {"reason": "Called back"})["Location"] == url(equipped)
    for model in (Totp, Passkey, RecoveryCode):
        assert not model.objects.filter(user=equipped).exists()
    assert not Device.objects.trusted().exists()
    assert not Session.objects.filter(user=equipped).exists()
    assert theirs.get("/profile/").status_code == 302
    (event,) = trail.events
    assert (event.action, event.actor_id, event.target_id) == ("factor.reset", admin.pk, str(equipped.public_id))
    assert (event.reason, event.before) == ("Called back", {"app": True, "passkeys": 1, "recovery_codes": 10})
    assert Client().post("/login/", {"username": "ana.ruiz", "password": PASSWORD})["Location"] == "/"


@pytest.mark.django_db(transaction=True)
def test_the_person_is_told(equipped: User, post: Callable[[], list[EmailMessage]]) -> None:
    client = client_of(make_user(role="admin"))
    client.post("/step-up/", {"password": PASSWORD})
    client.post(url(equipped, "reset/"), {"reason": "Called back"})
    (letter,) = post()
    assert letter.to == [equipped.email]
    assert "removed all second factors" in str(letter.body)


def test_a_fresh_proof_and_a_reason_are_asked(as_admin: Client, equipped: User) -> None:
    assert as_admin.post(url(equipped, "reset/"), {"reason": "x"})["Location"].startswith("/step-up/?next=")
    as_admin.post("/step-up/", {"password": PASSWORD})
    assert as_admin.post(url(equipped, "reset/"), {"reason": " "}).status_code == 422
    assert as_admin.post(url(equipped, "reset/"), {"reason": "x" * 501}).status_code == 422
    assert Totp.objects.exists()


def test_twice_at_once_is_said(proved: Client, equipped: User) -> None:
    proved.post(url(equipped, "reset/"), {"reason": "Called back"})
    again = proved.post(url(equipped, "reset/"), {"reason": "Called back"})
    assert again.status_code == 422
    assert "has no second factor" in again.content.decode()


def test_ones_own_are_changed_on_the_profile(proved: Client, admin: User) -> None:
    give_app(admin)
    assert "reset/" not in proved.get(url(admin)).content.decode()
    assert proved.post(url(admin, "reset/"), {"reason": "x"}).status_code == 422
    assert Totp.objects.exists()


def test_rank_is_respected(person: User, admin: User) -> None:
    """The permission alone reaches nobody above."""
    helper = make_user(role=None)
    role = create_role(actor=None, name="Desk", priority=30, permissions=["users.read", "users.all", "users.admin"])
    assign_role(actor=None, user=helper, role=role)
    give_app(admin)
    client = client_of(helper)
    client.post("/step-up/", {"password": PASSWORD})
    answer = client.post(url(admin, "reset/"), {"reason": "x"})
    assert answer.status_code == 422
    assert "beyond your reach" in answer.content.decode()
    assert Totp.objects.exists()


@pytest.mark.parametrize("role", ["manager", "supervisor", "operator", "user", "viewer", "guest"])
def test_others_are_not_allowed(equipped: User, role: str) -> None:
    client = client_of(make_user(role=role))
    client.post("/step-up/", {"password": PASSWORD})
    assert client.post(url(equipped, "reset/"), {"reason": "x"}).status_code in {403, 404}
    assert Totp.objects.exists()
