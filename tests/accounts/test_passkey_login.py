"""Signing in with a passkey alone: who gets in, and that every refusal sounds the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.mail import EmailMessage
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from accounts.models import Passkey, Session, User
from settings_store.actions import change_setting
from settings_store.models import AuditEvent
from tests.accounts.authenticator import PRESENT, Authenticator, asked, browser
from tests.accounts.conftest import Trail
from tests.accounts.passkeys import LOGIN, LOGIN_OPTIONS, passkey_of, signed_in
from tests.factories import client_of, make_user


@pytest.fixture
def key(person: User) -> Authenticator:
    return passkey_of(person)


def send(client: Client, answer: str, **more: str) -> HttpResponseBase:
    return client.post(LOGIN, {"credential": answer, **more})


def refused(client: Client, answer: HttpResponseBase) -> bool:
    """Whether this led back to the door with the one sentence."""
    assert answer.status_code == 302, answer.status_code
    page = client.get(answer.headers["Location"])
    return "That passkey did not sign you in" in page.content.decode() and not signed_in(client)


def test_a_passkey_alone_signs_in(key: Authenticator, person: User) -> None:
    trail, client = Trail(), browser()
    answer = send(client, key.prove(asked(client, LOGIN_OPTIONS)), next="/profile/sessions/")
    assert answer.headers["Location"] == "/profile/sessions/"
    assert signed_in(client)
    assert Passkey.objects.get().last_used_at is not None
    (event,) = trail.events
    assert (event.action, event.actor_id, event.after) == (
        "session.signed_in",
        person.pk,
        {"by": "passkey", "factor": "passkey", "device": "Unknown device", "new_device": True},
    )


def test_the_page_offers_it_to_the_browser(client: Client, db: None) -> None:
    page = browser(client).get("/login/").content.decode()
    assert 'autocomplete="username webauthn"' in page
    assert f'data-options="{LOGIN_OPTIONS}" data-fills-in' in page
    assert "needs-script" in page


def test_asking_leaves_nothing_behind(client: Client, db: None) -> None:
    options = asked(browser(client), LOGIN_OPTIONS)
    assert not Session.objects.exists()
    assert options["userVerification"] == "required"
    assert not options.get("allowCredentials")


def test_somebody_inactive_stays_out(key: Authenticator, person: User, client: Client) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)
    browser(client)
    assert refused(client, send(client, key.prove(asked(client, LOGIN_OPTIONS))))


WRONG: dict[str, Callable[[Authenticator, dict[str, str]], str]] = {
    "an unknown one": lambda key, options: Authenticator(handle=key.handle).prove(options),
    "another origin": lambda key, options: key.prove(options, origin="https://evil.example"),
    "another port": lambda key, options: key.prove(options, origin="http://localhost:81"),
    "another house": lambda key, options: key.prove(options, rp_id="evil.example"),
    "not verified": lambda key, options: key.prove(options, flags=PRESENT),
    "not present": lambda key, options: key.prove(options, flags=0),
    "somebody else's handle": lambda key, options: key.prove(options, handle=bytes(16)),
    "no handle": lambda key, options: key.prove(options, handle=b""),
    "another's signature": lambda key, options: key.prove(options, key=ec.generate_private_key(ec.SECP256R1())),
    "a challenge of its own": lambda key, options: key.prove({**options, "challenge": "AAAA"}),
    "a registration": lambda key, options: key.make({**options, "rp": {"id": "localhost"}, "user": {"id": "AAAA"}}),
    "nothing": lambda key, options: "",
    "no JSON": lambda key, options: "{",
    "no object": lambda key, options: "[]",
    "deep": lambda key, options: "[" * 20_000,
    "huge": lambda key, options: json.dumps({"id": "x" * 1_000_000}),
    "odd": lambda key, options: '{"id": "\\ud800", "rawId": "\\u0000", "type": "public-key", "response": {}}',
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_proves_nothing_is_refused_in_one_sentence(key: Authenticator, client: Client, wrong: str) -> None:
    trail = Trail()
    browser(client)
    assert refused(client, send(client, WRONG[wrong](key, asked(client, LOGIN_OPTIONS))))
    assert trail.actions == ["session.sign_in_failed"]
    assert Passkey.objects.get().last_used_at is None


def test_broken_bytes_inside_are_refused(key: Authenticator, client: Client) -> None:
    browser(client)
    for name in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
        for broken in ("", "!", "AAAA", 7, None, ["x"]):
            answer = json.loads(key.prove(asked(client, LOGIN_OPTIONS)))
            answer["response"][name] = broken
            assert send(client, json.dumps(answer)).status_code == 302
            assert not signed_in(client)


def test_an_answer_counts_once(key: Authenticator) -> None:
    first, second = browser(), browser()
    answer = key.prove(asked(first, LOGIN_OPTIONS))
    second.cookies["gatehouse-csrf"] = first.cookies["gatehouse-csrf"].value
    send(first, answer)
    assert signed_in(first)
    assert refused(second, send(second, answer))


def test_a_challenge_is_of_one_browser(key: Authenticator) -> None:
    first, second = browser(), browser()
    answer = key.prove(asked(first, LOGIN_OPTIONS))
    asked(second, LOGIN_OPTIONS)
    assert refused(second, send(second, answer))


def test_a_challenge_lives_for_five_minutes(key: Authenticator) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = browser()
        options = asked(client, LOGIN_OPTIONS)
        clock.shift(timedelta(seconds=301))
        assert refused(client, send(client, key.prove(options)))
        options = asked(client, LOGIN_OPTIONS)
        clock.shift(timedelta(seconds=299))
        send(client, key.prove(options))
        assert signed_in(client)


@pytest.mark.django_db(transaction=True)
def test_a_count_that_goes_back_is_refused_and_told(
    person: User, client: Client, post: Callable[[], list[EmailMessage]]
) -> None:
    key = passkey_of(person, Authenticator(count=7))
    browser(client)
    send(client, key.prove(asked(client, LOGIN_OPTIONS)))
    assert signed_in(client)
    assert Passkey.objects.get().sign_count == 8
    post().clear()
    trail, thief = Trail(), browser()
    for count in (3, 7, -1):
        key.count = count
        assert refused(thief, send(thief, key.prove(asked(thief, LOGIN_OPTIONS))))
    assert Passkey.objects.get().sign_count == 8
    assert [event.after for event in trail.events] == [{"by": "passkey", "why": "copied"}] * 3
    assert {event.target_id for event in trail.events} == {str(person.public_id)}
    letters = [letter for letter in post() if "may have been copied" in letter.subject]
    # One letter says it.
    assert [letter.to for letter in letters] == [[person.email]]


@pytest.mark.django_db(transaction=True)
def test_a_low_count_without_a_signature_frightens_nobody(
    person: User, client: Client, post: Callable[[], list[EmailMessage]]
) -> None:
    key = passkey_of(person, Authenticator(count=7))
    key.count = 1
    browser(client)
    send(client, key.prove(asked(client, LOGIN_OPTIONS), key=ec.generate_private_key(ec.SECP256R1())))
    assert not [letter for letter in post() if "copied" in letter.subject]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_with_one_answer_one_gets_in() -> None:
    key = passkey_of(make_user())
    client = browser()
    answer = key.prove(asked(client, LOGIN_OPTIONS))
    cookie = client.cookies["gatehouse-csrf"].value

    def knock(number: int) -> bool:
        try:
            mine = browser(Client(REMOTE_ADDR=f"10.0.0.{number}"))
            mine.cookies["gatehouse-csrf"] = cookie
            send(mine, answer)
            return signed_in(mine)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(knock, range(16))) == 1


def test_an_address_that_tries_and_tries_waits(key: Authenticator, client: Client) -> None:
    browser(client)
    for _ in range(10):
        send(client, "{}")
    assert refused(client, send(client, key.prove(asked(client, LOGIN_OPTIONS))))
    # A flood leaves no more in the trail than what was looked at.
    assert AuditEvent.objects.filter(action="session.sign_in_failed").count() == 10
    elsewhere = browser(Client(REMOTE_ADDR="10.9.9.9"))
    send(elsewhere, key.prove(asked(elsewhere, LOGIN_OPTIONS)))
    assert signed_in(elsewhere)


def test_it_can_be_switched_off(key: Authenticator, client: Client) -> None:
    options = asked(browser(client), LOGIN_OPTIONS)
    change_setting(
        actor=None, key="accounts.second_factor.passkey_sign_in", environment="production", value="false", reason=""
    )
    assert "data-passkey" not in client.get("/login/").content.decode()
    assert client.post(LOGIN_OPTIONS).status_code == 404
    assert refused(client, send(client, key.prove(options)))


def test_a_planted_session_is_dead_afterwards(key: Authenticator) -> None:
    attacker = browser(client_of(make_user()))
    planted = attacker.cookies["gatehouse-session"].value
    victim = browser()
    victim.cookies["gatehouse-session"] = planted
    send(victim, key.prove(asked(victim, LOGIN_OPTIONS)))
    assert victim.cookies["gatehouse-session"].value != planted
    assert not signed_in(attacker)
    assert signed_in(victim)


def test_nobody_is_sent_elsewhere_and_links_do_nothing(key: Authenticator, client: Client) -> None:
    browser(client)
    assert client.get(LOGIN).status_code == 405
    assert client.get(LOGIN_OPTIONS).status_code == 405
    assert (
        send(client, key.prove(asked(client, LOGIN_OPTIONS)), next="https://evil.example/").headers["Location"] == "/"
    )


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("127.0.0.1:8000", "http://localhost:8000/login/"),
        ("[::1]:8000", "http://localhost:8000/login/"),
        ("localhost:8000", "data-passkey"),
    ],
)
def test_a_number_is_no_name(client: Client, db: None, host: str, words: str) -> None:
    page = client.get("/login/", headers={"host": host}).content.decode()
    assert words in page
    assert ("data-passkey" in page) == (words == "data-passkey")
