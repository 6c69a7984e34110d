from __future__ import annotations

import time

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import Session, User
from accounts.sessions import SessionStore
from tests.accounts.conftest import Trail
from tests.accounts.factors import give_app, give_codes
from tests.factories import PASSWORD, client_of
from ui.guard import STEP_UP_SECONDS, stepped_up

URL = "/step-up/"


def proved(client: Client) -> bool:
    request = RequestFactory().get("/")
    request.session = SessionStore(client.cookies["gatehouse-session"].value)
    return stepped_up(request)


def test_the_password_counts_for_ten_minutes(person: User, trail: Trail) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        client = client_of(person)
        assert not proved(client)
        answer = client.post(URL, {"password": PASSWORD, "next": "/profile/"})
        assert answer["Location"] == "/profile/"
        assert proved(client)
        clock.shift(STEP_UP_SECONDS)
        assert not proved(client)
    (event,) = trail.events
    assert (event.action, event.actor_id) == ("session.stepped_up", person.pk)


def test_the_old_cookie_is_dead(person: User) -> None:
    client, planted = client_of(person), Client()
    planted.cookies["gatehouse-session"] = client.cookies["gatehouse-session"].value
    before = Session.objects.get().public_id
    client.post(URL, {"password": PASSWORD})
    assert client.get("/password/").status_code == 200
    assert planted.get("/password/").status_code == 302
    assert Session.objects.get().public_id == before


def test_a_wrong_password_proves_nothing(as_person: Client) -> None:
    answer = as_person.post(URL, {"password": "wrong"})
    assert answer.status_code == 422
    assert "This is not your password" in answer.content.decode()
    assert not proved(as_person)


def test_guessing_here_is_limited_like_at_the_door(person: User) -> None:
    client = client_of(person)
    for _ in range(10):
        client.post(URL, {"password": "wrong"})
    client.post(URL, {"password": PASSWORD})
    assert not proved(client)
    assert client.get("/password/").status_code == 200


def test_a_renewed_hash_does_not_sign_out(person: User, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    person.password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    person.save(update_fields=["password"])
    client = client_of(person)
    client.post(URL, {"password": PASSWORD})
    assert client.get("/password/").status_code == 200
    person.refresh_from_db()
    assert person.password.startswith("argon2")


@pytest.mark.parametrize("data", [{}, {"password": ""}, {"password": "\x00"}, {"password": "x" * 5000}])
def test_bad_input_is_answered_with_the_page(as_person: Client, data: dict[str, str]) -> None:
    assert as_person.post(URL, data).status_code == 422
    assert not proved(as_person)


def test_nobody_is_sent_elsewhere(as_person: Client) -> None:
    assert as_person.post(URL, {"password": PASSWORD, "next": "https://evil.example/"})["Location"] == "/"


def test_a_stranger_is_sent_to_the_door(client: Client, db: None) -> None:
    assert client.get(URL)["Location"].startswith("/login/")


def test_a_code_of_the_app_proves_as_well(person: User, trail: Trail) -> None:
    app, client = give_app(person), client_of(person)
    assert "Use the authenticator app" in client.get(URL).content.decode()
    assert client.post(URL, {"with": "app", "code": app.now(), "next": "/profile/"})["Location"] == "/profile/"
    assert proved(client)
    assert client.session["factor"] == "app"
    (event,) = trail.events
    assert (event.action, event.after) == ("session.stepped_up", {"by": "app"})


def test_a_recovery_code_proves_once(person: User) -> None:
    give_app(person)
    (code, *_rest) = give_codes(person)
    one, other = client_of(person), client_of(person)
    assert one.post(URL, {"with": "recovery", "code": code}).status_code == 302
    assert other.post(URL, {"with": "recovery", "code": code}).status_code == 422
    assert (proved(one), proved(other)) == (True, False)


def test_a_password_is_no_second_factor(person: User) -> None:
    give_app(person)
    client = client_of(person)
    client.post(URL, {"password": PASSWORD})
    assert proved(client)
    assert "factor" not in client.session


def test_a_way_that_somebody_does_not_have_proves_nothing(as_person: Client) -> None:
    for way in ("app", "recovery", "nothing", "passkey"):
        assert as_person.post(URL, {"with": way, "code": "123456"}).status_code == 422
    assert not proved(as_person)


def test_somebody_without_a_password_uses_a_factor(person: User) -> None:
    person.set_unusable_password()
    person.save(update_fields=["password"])
    app, client = give_app(person), client_of(person)
    assert "Six-digit code" in client.get(URL).content.decode()
    assert client.post(URL, {"code": app.now()}).status_code == 302
    assert proved(client)


def test_somebody_with_neither_is_told_what_to_do(person: User) -> None:
    person.set_unusable_password()
    person.save(update_fields=["password"])
    client = client_of(person)
    assert "Sign out and in again" in client.get(URL).content.decode()
    assert client.post(URL, {"password": "", "code": "123456"}).status_code in {200, 422}
    assert not proved(client)


def test_codes_are_limited_here_as_at_the_door(person: User) -> None:
    app, client = give_app(person), client_of(person)
    wrong = "000000" if app.now() != "000000" else "111111"
    for _ in range(5):
        client.post(URL, {"with": "app", "code": wrong})
    assert client.post(URL, {"with": "app", "code": app.now()}).status_code == 422
    # The password has limits of its own.
    assert client.post(URL, {"password": PASSWORD}).status_code == 302
