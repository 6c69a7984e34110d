"""A passkey as the second step and as a fresh proof; and renaming and removing it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import Device, Passkey, RecoveryCode, Session, User
from accounts.obstacles import FACTOR_SESSION_KEY
from tests.accounts.authenticator import Authenticator, asked, browser
from tests.accounts.conftest import Trail
from tests.accounts.factors import ask_of_role
from tests.accounts.passkeys import LOGIN, LOGIN_OPTIONS, STEP_UP, STEP_UP_OPTIONS, passkey_of, signed_in
from tests.factories import PASSWORD, client_of, make_user

SECOND = "/login/factor/passkey/"


@pytest.fixture
def key(person: User) -> Authenticator:
    return passkey_of(person)


def at_second_step(name: str = "ana.ruiz", **data: str) -> Client:
    client = browser()
    answer = client.post("/login/", {"username": name, "password": PASSWORD, **data})
    assert answer.headers["Location"] == "/login/factor/"
    return client


def inside(key: Authenticator) -> Client:
    """A browser that came in with this passkey."""
    client = browser()
    client.post(LOGIN, {"credential": key.prove(asked(client, LOGIN_OPTIONS))})
    assert signed_in(client)
    return client


def url(passkey: Passkey, act: str) -> str:
    return f"/profile/security/passkeys/{passkey.public_id}/{act}/"


def test_after_the_password_it_lets_in(key: Authenticator, person: User) -> None:
    client = at_second_step(next="/profile/sessions/")
    assert f'action="{SECOND}"' in client.get("/login/factor/").content.decode()
    between = client.cookies["gatehouse-session"].value
    options = asked(client, LOGIN_OPTIONS)
    assert [each["transports"] for each in options["allowCredentials"]] == [["internal", "hybrid"]]
    trail = Trail()
    # Not every authenticator says whose it is where it was told whom to look for.
    answer = client.post(SECOND, {"credential": key.prove(options, handle=b"")})
    assert answer.headers["Location"] == "/profile/sessions/"
    assert "password and passkey" in client.get("/profile/sessions/").content.decode()
    assert (trail.events[0].after or {})["by"] == "password"
    assert (trail.events[0].after or {})["factor"] == "passkey"
    assert not Device.objects.trusted().exists()
    old = browser()
    old.cookies["gatehouse-session"] = between
    assert not signed_in(old)
    assert old.post(LOGIN_OPTIONS).json().get("allowCredentials", []) == []


def test_the_device_is_remembered_where_that_is_asked(key: Authenticator) -> None:
    client = at_second_step()
    client.post(SECOND, {"credential": key.prove(asked(client, LOGIN_OPTIONS)), "remember": "on"})
    assert Device.objects.trusted().count() == 1


def test_somebody_elses_does_not_help(key: Authenticator) -> None:
    stranger = passkey_of(make_user())
    trail, client = Trail(), at_second_step()
    answer = client.post(SECOND, {"credential": stranger.prove(asked(client, LOGIN_OPTIONS))})
    assert answer.headers["Location"] == "/login/factor/"
    assert "That passkey proved nothing" in client.get("/login/factor/").content.decode()
    assert not signed_in(client)
    assert trail.actions == ["factor.refused"]
    assert trail.events[0].after == {"kind": "passkey", "why": "unknown"}


def test_without_the_first_step_there_is_no_second(key: Authenticator) -> None:
    client = browser()
    client.post(SECOND, {"credential": key.prove(asked(client, LOGIN_OPTIONS))})
    assert not signed_in(client)


def test_a_fresh_proof(key: Authenticator, person: User) -> None:
    client = inside(key)
    session = client.session
    session["stepped_up_at"] = 0
    session.save()
    remove = url(Passkey.objects.get(), "remove")
    assert client.get(remove).headers["Location"].startswith("/step-up/")
    assert f'action="{STEP_UP}"' in client.get("/step-up/").content.decode()
    before = client.cookies["gatehouse-session"].value
    trail = Trail()
    answer = client.post(STEP_UP, {"credential": key.prove(asked(client, STEP_UP_OPTIONS)), "next": remove})
    assert answer.headers["Location"] == remove
    assert client.get(remove).status_code == 200
    assert [(event.action, event.after) for event in trail.events] == [("session.stepped_up", {"by": "passkey"})]
    old = browser()
    old.cookies["gatehouse-session"] = before
    assert not signed_in(old)


def test_a_wrong_one_is_no_proof(key: Authenticator, person: User) -> None:
    stranger = passkey_of(make_user())
    client = browser(client_of(person))
    client.post(STEP_UP, {"credential": stranger.prove(asked(client, STEP_UP_OPTIONS))})
    assert (
        client.get(url(Passkey.objects.filter(user=person).get(), "remove")).headers["Location"].startswith("/step-up/")
    )
    for odd in ("", "{", "[]", "\x00"):
        assert client.post(STEP_UP, {"credential": odd}).status_code == 302
    assert signed_in(client)


def test_where_a_role_asks_it_opens_everything(key: Authenticator, person: User) -> None:
    ask_of_role(person)
    client = browser(client_of(person))
    assert client.get("/profile/").headers["Location"].startswith("/factor/")
    client.post(STEP_UP, {"credential": key.prove(asked(client, STEP_UP_OPTIONS))})
    assert client.get("/profile/").status_code == 200


def test_renaming(key: Authenticator, person: User) -> None:
    client, passkey, trail = inside(key), Passkey.objects.get(), Trail()
    assert client.post(url(passkey, "rename"), {"name": "Old laptop"}).status_code == 302
    assert client.post(url(passkey, "rename"), {"name": "Old laptop"}).status_code == 302
    passkey.refresh_from_db()
    assert passkey.name == "Old laptop"
    assert trail.actions == ["factor.renamed"]
    for odd in ("", "x" * 81, "\x00"):
        assert client.post(url(passkey, "rename"), {"name": odd}).status_code == 422


def test_removing_the_last_takes_the_codes_along_and_signs_others_out(key: Authenticator, person: User) -> None:
    client, other, passkey = inside(key), inside(key), Passkey.objects.get()
    page = client.get(url(passkey, "remove")).content.decode()
    assert "Last used" in page
    trail = Trail()
    assert client.post(url(passkey, "remove")).headers["Location"] == "/profile/security/"
    assert not Passkey.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert FACTOR_SESSION_KEY not in client.session
    assert signed_in(client)
    assert not signed_in(other)
    (event,) = trail.events
    assert (event.action, event.before) == ("factor.removed", {"kind": "passkey", "name": "Laptop"})
    gone = browser()
    gone.post(LOGIN, {"credential": key.prove(asked(gone, LOGIN_OPTIONS))})
    assert not signed_in(gone)
    assert client.post(url(passkey, "remove")).status_code == 404


def test_the_last_one_stays_where_a_role_asks(key: Authenticator, person: User) -> None:
    client, passkey = inside(key), Passkey.objects.get()
    ask_of_role(person)
    answer = client.post(url(passkey, "remove"))
    assert answer.status_code == 422
    assert "your only one" in answer.content.decode()
    assert Passkey.objects.exists()
    assert Session.objects.exists()


def test_somebody_elses_is_not_there(key: Authenticator) -> None:
    foreign = passkey_of(make_user(), name="Theirs")
    assert foreign
    client, passkey = inside(key), Passkey.objects.get(name="Theirs")
    for act in ("rename", "remove"):
        assert client.get(url(passkey, act)).status_code == 404
        assert client.post(url(passkey, act), {"name": "Mine now"}).status_code == 404
        assert client.get(f"/profile/security/passkeys/{uuid4()}/{act}/").status_code == 404
    assert Passkey.objects.filter(name="Theirs").exists()


def test_a_session_that_did_not_prove_the_factor_changes_nothing(key: Authenticator, person: User) -> None:
    passkey = Passkey.objects.get()
    thief = browser(client_of(person))
    thief.post("/step-up/", {"password": PASSWORD})
    for act in ("rename", "remove"):
        assert thief.post(url(passkey, act), {"name": "Mine now"}).headers["Location"].startswith("/factor/")
    passkey.refresh_from_db()
    assert passkey.name == "Laptop"


def test_the_only_way_in_stays(key: Authenticator, person: User) -> None:
    """Somebody without a password, as one who came by an identity provider that is gone."""
    person.set_unusable_password()
    person.save(update_fields=["password"])
    client, passkey = inside(key), Passkey.objects.get()
    answer = client.post(url(passkey, "remove"))
    assert answer.status_code == 422
    assert "your only way in" in answer.content.decode()
    assert Passkey.objects.exists()
