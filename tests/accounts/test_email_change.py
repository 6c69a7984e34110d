"""One's own address: verified, and changed for another one once that is proved."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from accounts import asking, tokens
from accounts.models import User
from settings_store.actions import change_setting
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user
from tests.letters import link_in
from ui.guard import STEP_UP_SESSION_KEY

URL, VERIFY, SEND = "/profile/email/", "/profile/email/verify/", "/profile/email/verification/"
type Post = Callable[[], list[EmailMessage]]


def set_to(key: str, value: str) -> None:
    change_setting(actor=None, key=f"accounts.{key}", environment="production", value=value)


def stepped_up(person: User) -> Client:
    client = client_of(person)
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    return client


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


def confirm(client: Client, token: str) -> Any:
    return client.post(VERIFY, {"token": token})


def test_the_present_address_is_verified(person: User, post: Post, trail: Trail) -> None:
    client = client_of(person)
    assert SEND in client.get("/profile/").content.decode()
    assert client.post(SEND)["Location"] == "/profile/"
    (letter,) = post()
    assert letter.to == [person.email]
    link = link_in(letter)
    # A look at it, as scanners of mail take, confirms nothing.
    assert "Confirm the address" in client.get(link).content.decode()
    assert not User.objects.get(pk=person.pk).is_verified
    assert confirm(client, token_of(link))["Location"] == "/profile/"
    person.refresh_from_db()
    assert person.is_verified
    assert trail.actions == ["user.address_confirmed"]
    assert SEND not in client.get("/profile/").content.decode()
    assert "does not work" in client.get(link).content.decode()
    assert "verified already" in client.post(SEND, follow=True).content.decode()
    assert client.get(SEND).status_code == 405


def test_sending_is_limited(person: User, post: Post) -> None:
    client = client_of(person)
    for _ in range(asking.TO_ONE_NAME + 3):
        answer = client.post(SEND, follow=True)
    assert "asked for too often" in answer.content.decode()
    assert len(post()) == asking.TO_ONE_NAME


def test_another_address_counts_once_it_is_proved(person: User, post: Post, trail: Trail) -> None:
    assert client_of(person).get(URL)["Location"].startswith("/step-up/")
    client = stepped_up(person)
    assert client.post(URL, {"email": "ana@example.net"})["Location"] == "/profile/"
    letters = {letter.to[0]: letter for letter in post()}
    assert letters.keys() == {"ana@example.net", "Ana.Ruiz@example.org"}
    assert "to ana@example.net" in letters["Ana.Ruiz@example.org"].body
    assert "token" not in letters["Ana.Ruiz@example.org"].body
    person.refresh_from_db()
    assert person.email == "Ana.Ruiz@example.org"
    link = link_in(letters["ana@example.net"])
    assert "ana@example.net" in client.get(link).content.decode()
    confirm(client, token_of(link))
    person.refresh_from_db()
    assert (person.email, person.email_key, person.is_verified) == ("ana@example.net", "ana@example.net", True)
    assert trail.actions == ["user.address_asked", "user.address_confirmed"]
    assert post()[-1].to == ["Ana.Ruiz@example.org"]
    assert "is ana@example.net from now on" in post()[-1].body


def test_only_its_own_person_uses_the_link(person: User) -> None:
    token = tokens.for_address(person, "ana@example.net")
    other = client_of(make_user())
    assert "another account" in other.get(VERIFY, {"token": token}).content.decode()
    assert "another account" in confirm(other, token).content.decode()
    sent = Client().get(VERIFY, {"token": token})["Location"]
    assert sent.startswith("/login/?next=")
    person.refresh_from_db()
    assert not person.is_verified


@pytest.mark.parametrize("taken", ["MAREN@example.org", "\uff4daren@example.org"])
def test_that_an_address_is_taken_is_said_after_the_proof_alone(
    person: User, admin: User, post: Post, taken: str
) -> None:
    client = stepped_up(person)
    answers = [client.post(URL, {"email": email}, follow=True) for email in (taken, "free@example.org")]
    assert len({answer.content.count(b"A link is on its way") for answer in answers}) == 1
    token = tokens.for_address(User.objects.get(pk=person.pk), taken)
    answer = confirm(client, token)
    assert answer.status_code == 422
    assert "Somebody has this email address" in answer.content.decode()
    person.refresh_from_db()
    assert person.email == "Ana.Ruiz@example.org"


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("", "This field is required"),
        ("nonsense", "valid email"),
        ("Ana.Ruiz@example.org", "your email address already"),
        ("x" * 300 + "@example.org", "at most 254"),
    ],
)
def test_what_is_refused_and_why(person: User, post: Post, email: str, sentence: str) -> None:
    answer = stepped_up(person).post(URL, {"email": email})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert post() == []


def test_nobody_leaves_the_listed_domains(person: User) -> None:
    set_to("registration.policy", "domains")
    set_to("registration.domains", "example.org")
    client = stepped_up(person)
    assert "one of the domains" in client.post(URL, {"email": "ana@example.net"}).content.decode()
    assert client.post(URL, {"email": "ana@example.org"}).status_code == 302


def test_accounts_kept_elsewhere_keep_their_address(person: User, post: Post) -> None:
    set_to("password.elsewhere", "example.org")
    client = stepped_up(person)
    assert "kept elsewhere" in client.get(URL).content.decode()
    client.post(URL, {"email": "ana@example.net"})
    assert post() == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"password.elsewhere": "example.org"}, "kept elsewhere"),
        ({"registration.policy": "domains", "registration.domains": "example.org"}, "one of the domains"),
    ],
)
def test_what_is_set_meanwhile_counts_when_it_is_confirmed(
    person: User, changes: dict[str, str], sentence: str
) -> None:
    token, present = tokens.for_address(person, "ana@example.net"), tokens.for_address(person, person.email)
    for key, value in changes.items():
        set_to(key, value)
    answer = confirm(client_of(person), token)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    person.refresh_from_db()
    assert person.email == "Ana.Ruiz@example.org"
    # That the present one is theirs, they may still prove.
    assert confirm(client_of(person), present)["Location"] == "/profile/"


def test_a_link_is_over_in_time_and_with_the_address_it_left(person: User) -> None:
    client = stepped_up(person)
    older, newer = tokens.for_address(person, "one@example.net"), tokens.for_address(person, "two@example.net")
    assert confirm(client, newer).status_code == 302
    assert "does not work" in confirm(client, older).content.decode()
    person.refresh_from_db()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client, token = client_of(person), tokens.for_address(person, "three@example.net")
        clock.shift(timedelta(hours=25))
        client = client_of(person)
        person.refresh_from_db()
        assert "does not work" in confirm(client, token).content.decode()
