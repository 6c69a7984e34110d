"""Making a passkey: behind a fresh proof, for this person and this house, with the codes for the day it is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from accounts.models import Device, Passkey, RecoveryCode, User
from settings_store.actions import change_setting
from tests.accounts.authenticator import PRESENT, Authenticator, asked, browser, coded
from tests.accounts.conftest import Trail
from tests.accounts.passkeys import LOGIN, LOGIN_OPTIONS, NEW, NEW_OPTIONS, passkey_of, proved_client, signed_in
from tests.factories import PASSWORD, client_of, make_user


def make(client: Client, authenticator: Authenticator, name: str = "Laptop") -> Passkey | None:
    client.post(NEW, {"name": name, "credential": authenticator.make(asked(client, NEW_OPTIONS))})
    return Passkey.objects.filter(name=name).first()


def test_the_first_one_comes_with_recovery_codes(person: User) -> None:
    client, others = proved_client(person), [client_of(person), client_of(person)]
    Device.objects.create(
        user=person, token_hash="x", trusted_since=timezone.now(), trusted_until=timezone.now() + timedelta(days=1)
    )
    trail = Trail()
    options = asked(client, NEW_OPTIONS)
    assert options["rp"] == {"name": "Gatehouse", "id": "localhost"}
    assert options["user"]["id"] == coded(person.public_id.bytes)
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    answer = client.post(NEW, {"name": "  Laptop ", "credential": Authenticator().make(options)})
    assert answer.headers["Location"].startswith("/profile/security/codes/")
    assert RecoveryCode.objects.filter(user=person).unused().count() == 10
    passkey = Passkey.objects.get()
    assert (passkey.name, passkey.user, passkey.transports) == ("Laptop", person, ["internal", "hybrid"])
    assert [other.get("/profile/").status_code for other in others] == [302, 302]
    assert not Device.objects.trusted().exists()
    assert signed_in(client)
    (event,) = trail.events
    assert (event.action, event.actor_id, event.target_id) == ("factor.added", person.pk, str(person.public_id))
    assert event.after == {
        "kind": "passkey",
        "name": "Laptop",
        "sessions_ended": 2,
        "devices_forgotten": 1,
        "recovery_codes": 10,
    }


def test_the_cookie_changes(person: User) -> None:
    client, planted = proved_client(person), Client()
    planted.cookies["gatehouse-session"] = client.cookies["gatehouse-session"].value
    assert make(client, Authenticator())
    assert signed_in(client)
    assert not signed_in(planted)


def test_a_second_one_brings_no_codes_and_the_first_is_excluded(person: User) -> None:
    client, first = proved_client(person), Authenticator()
    make(client, first)
    digests = set(RecoveryCode.objects.values_list("digest", flat=True))
    options = asked(client, NEW_OPTIONS)
    assert [each["id"] for each in options["excludeCredentials"]] == [coded(first.credential_id)]
    answer = client.post(NEW, {"name": "Phone", "credential": Authenticator().make(options)})
    assert answer.headers["Location"] == "/profile/security/"
    assert set(RecoveryCode.objects.values_list("digest", flat=True)) == digests
    page = client.get("/profile/security/").content.decode()
    assert "Laptop" in page
    assert "Phone" in page


@pytest.mark.django_db(transaction=True)
def test_the_person_is_told(post: Callable[[], list[EmailMessage]]) -> None:
    person = make_user()
    passkey_of(person, name="Blue key")
    (letter,) = post()
    assert letter.to == [person.email]
    assert "Blue key" in letter.body


def test_the_name_is_proposed_in_words(person: User) -> None:
    client = proved_client(person)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
    assert 'value="Firefox 145 on Linux"' in client.get(NEW, headers={"user-agent": agent}).content.decode()


WRONG: dict[str, Callable[[Authenticator, dict[str, object]], str]] = {
    "nothing": lambda key, options: "",
    "no JSON": lambda key, options: "{",
    "deep": lambda key, options: "[" * 20_000,
    "huge": lambda key, options: json.dumps({"id": "x" * 1_000_000}),
    "another origin": lambda key, options: key.make(options, origin="https://evil.example"),
    "not verified": lambda key, options: key.make(options, flags=PRESENT),
    "a challenge of its own": lambda key, options: key.make({**options, "challenge": "AAAA"}),
    "another house": lambda key, options: key.make({**options, "rp": {"id": "evil.example"}}),
    "a proof": lambda key, options: key.prove({**options, "rpId": "localhost"}),
    "a long id": lambda key, options: Authenticator(credential_id=b"x" * 1024).make(options),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_passkey_is_answered_in_a_sentence(person: User, wrong: str) -> None:
    client = proved_client(person)
    options = asked(client, NEW_OPTIONS)
    answer = client.post(NEW, {"name": "My key", "credential": WRONG[wrong](Authenticator(), options)})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "The browser has made no passkey" in page or "is no passkey for here" in page
    assert 'value="My key"' in page
    assert not Passkey.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_broken_bytes_inside_are_refused(person: User) -> None:
    client = proved_client(person)
    for broken in ("", "!", "AAAA", "o2NmbXRkbm9uZQ", coded(b"\x9f" * 3000), 7, None):
        answer = json.loads(Authenticator().make(asked(client, NEW_OPTIONS)))
        answer["response"]["attestationObject"] = broken
        assert client.post(NEW, {"name": "x", "credential": json.dumps(answer)}).status_code == 422


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "\x00"])
def test_a_name_is_asked(person: User, name: str) -> None:
    client = proved_client(person)
    answer = client.post(NEW, {"name": name, "credential": Authenticator().make(asked(client, NEW_OPTIONS))})
    assert answer.status_code == 422
    assert not Passkey.objects.exists()


def test_one_that_is_kept_already_is_refused(person: User) -> None:
    key = passkey_of(make_user())
    client = proved_client(person)
    answer = client.post(NEW, {"name": "Mine", "credential": key.make(asked(client, NEW_OPTIONS))})
    assert answer.status_code == 422
    assert "kept here already" in answer.content.decode()
    assert not RecoveryCode.objects.filter(user=person).exists()


def test_an_answer_counts_once_and_not_late(person: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client, key = proved_client(person), Authenticator()
        options = asked(client, NEW_OPTIONS)
        clock.shift(timedelta(seconds=301))
        answer = client.post(NEW, {"name": "Late", "credential": key.make(options)})
        assert "took too long" in answer.content.decode()
        sent = {"name": "Once", "credential": key.make(asked(client, NEW_OPTIONS))}
        assert client.post(NEW, sent).status_code == 302
        assert client.post(NEW, sent).status_code == 422


def test_a_challenge_belongs_to_its_session_and_its_purpose(person: User) -> None:
    client, other = proved_client(person), proved_client(make_user())
    foreign = Authenticator().make(asked(other, NEW_OPTIONS))
    assert client.post(NEW, {"name": "x", "credential": foreign}).status_code == 422
    key = passkey_of(make_user())
    door = browser()
    made = asked(client, NEW_OPTIONS)["challenge"]
    options = {**asked(door, LOGIN_OPTIONS), "challenge": made}
    door.post(LOGIN, {"credential": key.prove(options)})
    assert not signed_in(door)


def test_it_asks_for_a_fresh_proof(person: User) -> None:
    client = browser(client_of(person))
    assert client.get(NEW).headers["Location"].startswith("/step-up/")
    assert client.post(NEW_OPTIONS).headers["Location"].startswith("/step-up/")


def test_a_session_that_did_not_prove_the_factor_adds_none(person: User) -> None:
    passkey_of(person)
    thief = browser(client_of(person))
    thief.post("/step-up/", {"password": PASSWORD})
    assert thief.get(NEW).headers["Location"].startswith("/factor/")
    assert thief.post(NEW_OPTIONS).headers["Location"].startswith("/factor/")
    assert thief.post(NEW, {"name": "x", "credential": "{}"}).headers["Location"].startswith("/factor/")


def test_nobody_keeps_more_than_twenty(person: User) -> None:
    client = proved_client(person)
    for number in range(20):
        Passkey.objects.create(user=person, name=str(number), credential_id=b"", credential_key=str(number))
    session = client.session
    session["factor"] = "passkey"
    session.save()
    answer = client.post(NEW, {"name": "More", "credential": Authenticator().make(asked(client, NEW_OPTIONS))})
    assert answer.status_code == 422
    assert "20 passkeys" in answer.content.decode()


def test_who_may_set_none_up_is_told(person: User) -> None:
    change_setting(
        actor=None,
        key="accounts.second_factor.domains",
        environment="production",
        value="elsewhere.example",
        reason="",
    )
    client = proved_client(person)
    assert client.get(NEW).status_code == 404
    assert client.post(NEW_OPTIONS).status_code == 404


def test_a_number_is_no_name(person: User) -> None:
    client = proved_client(person)
    page = client.get(NEW, headers={"host": "127.0.0.1:8000"}).content.decode()
    assert f"http://localhost:8000{NEW}" in page
    assert "data-passkey" not in page
