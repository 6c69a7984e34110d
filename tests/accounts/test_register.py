"""Registration: asked by an address, answered by a letter, done by its link."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import actions, asking, credentials, tokens
from accounts.models import Session, User
from rbac.models import Assignment
from settings_store.actions import change_setting
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user, role_named
from tests.letters import link_in

URL, CONFIRM = "/register/", "/register/confirm/"
PASSWORD = "a quite different sentence 7"
FIELDS = {"full_name": "Yuki Sato", "username": "yuki", "password": PASSWORD, "repeated": PASSWORD}
type Post = Callable[[], list[EmailMessage]]


def set_to(key: str, value: str) -> None:
    change_setting(actor=None, key=f"accounts.{key}", environment="production", value=value)


@pytest.fixture(autouse=True)
def open_house(db: None) -> None:
    role_named("user")
    set_to("registration.policy", "open")


def ask(email: str, client: Client | None = None) -> Any:
    return (client or Client()).post(URL, {"email": email})


def arrive(post: Post, email: str = "yuki@example.org") -> Client:
    """A browser on the page that the link of the letter leads to."""
    ask(email)
    client = Client()
    response = client.get(link_in(post()[-1]))
    assert response["Location"] == CONFIRM
    return client


def test_from_the_door_to_an_account(post: Post, trail: Trail) -> None:
    assert URL in Client().get("/login/").content.decode()
    response = ask("Yuki@Example.org")
    assert response["Location"] == f"{URL}?asked"
    assert "Look into your mail" in Client().get(response["Location"]).content.decode()
    (letter,) = post()
    assert letter.to == ["Yuki@Example.org"]
    client = Client()
    assert client.get(link_in(letter))["Location"] == CONFIRM
    page = client.get(CONFIRM).content.decode()
    assert "Yuki@Example.org" in page
    assert 'value="yuki"' in page
    assert client.post(CONFIRM, FIELDS)["Location"] == "/login/"
    user = User.objects.get(username="yuki")
    assert (user.email, user.is_verified, user.joined_by, user.must_change_password) == (
        "Yuki@Example.org",
        True,
        "registered",
        False,
    )
    assert user.password_changed_at is not None
    assert [each.role.name_key for each in Assignment.objects.filter(user=user)] == ["user"]
    assert credentials.check("yuki", PASSWORD) == user
    created = next(event for event in trail.events if event.action == "user.created")
    assert created.actor_id == user.pk
    assert PASSWORD not in str(list(AuditEvent.objects.values()))
    assert "Your account is ready" in client.get("/login/").content.decode()


def test_the_link_keeps_out_of_the_address_and_a_planted_session_is_dead(post: Post) -> None:
    ask("yuki@example.org")
    link = link_in(post()[-1])
    client, planted = Client(), Client()
    client.get(link)
    other = Client()
    # Somebody had put their own session into the browser before the link was followed.
    first = Client()
    first.get(link)
    planted.cookies["gatehouse-session"] = first.cookies["gatehouse-session"].value
    first.get(link)
    assert "This link does not work" in planted.get(CONFIRM).content.decode()
    assert "Make your account" in first.get(CONFIRM).content.decode()
    assert "This link does not work" in other.get(CONFIRM).content.decode()


def test_looking_changes_nothing(post: Post) -> None:
    ask("yuki@example.org")
    link = link_in(post()[-1])
    for _ in range(3):
        Client().get(link, follow=True)
    assert not User.objects.exists()
    client = Client()
    client.get(link)
    assert client.post(CONFIRM, FIELDS).status_code == 302


def test_somebody_known_is_told_so_by_letter_alone(post: Post) -> None:
    person = make_user(email="Ana.Ruiz@example.org")
    for spelling in ("ana.ruiz@EXAMPLE.org", "\uff41na.ruiz@example.org"):
        assert ask(spelling)["Location"] == f"{URL}?asked"
    letters = post()
    assert [letter.to for letter in letters] == [[person.email]] * 2
    assert "you have one" in letters[0].body
    assert User.objects.count() == 1


def test_nobody_gets_a_letter_who_may_not(post: Post) -> None:
    set_to("registration.policy", "domains")
    set_to("registration.domains", "example.net")
    make_user(email="gone@example.net", is_active=False)
    for email in ("yuki@example.org", "gone@example.net"):
        assert ask(email)["Location"] == f"{URL}?asked"
    assert post() == []
    ask("yuki@example.net")
    assert len(post()) == 1


def test_the_answer_costs_the_same_whatever_is_true() -> None:
    set_to("registration.policy", "domains")
    set_to("registration.domains", "example.org")
    make_user(email="known@example.org")
    ask("warm@example.org")
    counts = set()
    for number, email in enumerate(("known@example.org", "new@example.org", "new@example.net")):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            Client(REMOTE_ADDR=f"10.0.0.{number}").post(URL, {"email": email})
        counts.add(len(queries))
    assert len(counts) == 1


def test_where_nobody_registers_the_page_says_so() -> None:
    for policy, words in (("off", "by those who manage users"), ("invitation", "by invitation")):
        set_to("registration.policy", policy)
        for response in (Client().get(URL), ask("yuki@example.org")):
            assert response.status_code == 404
            assert words in response.content.decode()
        assert URL not in Client().get("/login/").content.decode()


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("", "This field is required"),
        ("nonsense", "valid email"),
        ("a@b@c", "valid email"),
        ("yuki@example.org\nBcc: all@example.org", "valid email"),
        ("y" * 300 + "@example.org", "at most 254"),
        ("yuki\x00@example.org", "Null characters"),
    ],
)
def test_what_is_no_address(email: str, sentence: str) -> None:
    response = ask(email)
    assert response.status_code == 422
    assert sentence in response.content.decode()


def test_asking_is_limited_by_mailbox_and_by_address(post: Post) -> None:
    answers = [ask("yuki@example.org", Client(REMOTE_ADDR=f"10.0.0.{number}")) for number in range(8)]
    assert [answer.status_code for answer in answers] == [302] * asking.TO_ONE_NAME + [429] * 3
    assert "asked for too often" in answers[-1].content.decode()
    client = Client(REMOTE_ADDR="10.1.0.1")
    statuses = [ask(f"person{number}@example.org", client).status_code for number in range(asking.FROM_ONE_SOURCE + 2)]
    assert statuses.count(302) == asking.FROM_ONE_SOURCE
    assert len(post()) == asking.TO_ONE_NAME + asking.FROM_ONE_SOURCE


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("username", "ANA.RUIZ", "looks the same"),
        ("username", "a b", "Use letters"),
        ("username", "", "This field is required"),
        ("username", "x" * 200, "at most 150"),
        ("full_name", "x" * 200, "At most 150"),
        ("password", "short", "too short"),
        ("password", "yuki@example.org", "too similar"),
        ("password", "abcabcabcabcabcabc", "too easy to guess"),
        ("password", "qwerty123456", "too common"),
        ("password", "x" * 1001, "at most 1000"),
        ("repeated", "something else 123", "differ"),
    ],
)
def test_what_is_refused_and_why(post: Post, person: User, field: str, value: str, sentence: str) -> None:
    client = arrive(post)
    fields = {**FIELDS, field: value}
    if field == "password":
        fields["repeated"] = value
    response = client.post(CONFIRM, fields)
    assert response.status_code == 422
    page = response.content.decode()
    assert sentence in page
    assert PASSWORD not in page
    assert User.objects.count() == 1
    assert client.post(CONFIRM, FIELDS).status_code == 302


def test_a_link_used_twice_finds_its_address_taken(post: Post) -> None:
    ask("yuki@example.org")
    link = link_in(post()[-1])
    first, second = Client(), Client()
    first.get(link)
    second.get(link)
    assert first.post(CONFIRM, FIELDS).status_code == 302
    page = second.post(CONFIRM, {**FIELDS, "username": "another"}).content.decode()
    assert "Somebody has this email address" in page
    assert User.objects.count() == 1
    assert "Somebody has this email address" in Client().get(link, follow=True).content.decode()


def test_a_name_taken_between_the_page_and_the_form(post: Post) -> None:
    client = arrive(post)
    make_user(username="YUKI")
    assert "looks the same" in client.post(CONFIRM, FIELDS).content.decode()


def test_a_policy_closed_meanwhile_is_asked_again(post: Post) -> None:
    client = arrive(post)
    set_to("registration.policy", "off")
    assert "may not register any more" in client.post(CONFIRM, FIELDS).content.decode()
    assert not User.objects.exists()


def test_a_link_is_over_in_time(post: Post) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        ask("yuki@example.org")
        link = link_in(post()[-1])
        clock.shift(timedelta(hours=23))
        assert Client().get(link).status_code == 302
        clock.shift(timedelta(hours=2))
        assert "This link does not work" in Client().get(link).content.decode()


@pytest.mark.parametrize("token", ["", "x", "é", "\ud800", "a:b:c", "x" * 5000, "eyJ9:1:2"])
def test_what_is_no_token_is_told_so(token: str) -> None:
    for url in (CONFIRM, "/invitation/", "/password/reset/"):
        response = Client().get(url, {"token": token.encode("utf-8", "replace")})
        assert response.status_code == 200
        assert "does not work" in response.content.decode()
    assert not Session.objects.exists()


def test_a_token_counts_for_its_own_purpose_alone(person: User) -> None:
    client = client_of(person)
    # Signing in is one of the things that end a link for a new password.
    person.refresh_from_db()
    every = {
        CONFIRM: tokens.for_registration("yuki@example.org"),
        "/password/reset/": tokens.for_reset(person),
        "/profile/email/verify/": tokens.for_address(person, "b@example.org"),
    }
    for url in every:
        for purpose, token in every.items():
            response = client.get(url, {"token": token})
            works = response.status_code == 302 or "does not work" not in response.content.decode()
            assert works is (purpose == url), (url, purpose)
            altered = token[:-3] + ("AAA" if not token.endswith("AAA") else "BBB")
            assert "does not work" in client.get(url, {"token": altered}).content.decode()


def test_of_two_with_one_link_one_comes(post: Post) -> None:
    token = tokens.for_registration("yuki@example.org")
    names = {"full_name": "", "password": PASSWORD}
    assert actions.register(token=token, username="one", **names)
    with pytest.raises(Exception, match="email address"):
        actions.register(token=token, username="two", **names)


def test_where_passwords_are_kept_elsewhere_nobody_chooses_one(post: Post) -> None:
    client = arrive(post)
    set_to("password.elsewhere", "example.org")
    assert "not kept here" in client.get(CONFIRM).content.decode()
    assert "not kept here" in client.post(CONFIRM, FIELDS).content.decode()
    with pytest.raises(ValidationError, match="not kept here"):
        actions.register(
            token=tokens.for_registration("yuki@example.org"), username="yuki", full_name="", password=PASSWORD
        )
    assert not User.objects.named("yuki@example.org").exists()


def test_the_door_says_what_came_true_and_knows_the_username(post: Post) -> None:
    client = arrive(post)
    assert client.post(CONFIRM, FIELDS).status_code == 302
    door = client.get("/login/").content.decode()
    assert "Your account is ready" in door
    assert 'value="yuki"' in door
    assert "Your account is ready" not in client.get("/login/").content.decode()
