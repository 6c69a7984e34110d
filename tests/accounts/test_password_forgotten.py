"""A forgotten password: asked for by name, answered by a letter, chosen anew by its link."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts import actions, asking, credentials, tokens
from accounts.models import Device, Identity, Passkey, RecoveryCode, Session, Totp, User
from rbac.actions import invite
from settings_store.actions import change_setting
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.accounts.oidc import make_provider
from tests.factories import PASSWORD, client_of, make_user, role_named
from tests.letters import link_in

URL, RESET = "/password/forgotten/", "/password/reset/"
NEW = "a quite different sentence 7"
type Post = Callable[[], list[EmailMessage]]


def set_to(key: str, value: str) -> None:
    change_setting(actor=None, key=f"accounts.{key}", environment="production", value=value)


def ask(name: str, client: Client | None = None) -> Any:
    return (client or Client()).post(URL, {"name": name})


def choose(client: Client, password: str = NEW, repeated: str | None = None) -> Any:
    return client.post(RESET, {"password": password, "repeated": password if repeated is None else repeated})


def arrive(person: User) -> Client:
    client = Client()
    assert client.get(RESET, {"token": tokens.for_reset(person)})["Location"] == RESET
    return client


@pytest.mark.parametrize("name", ["ana.ruiz", "ANA.RUIZ@example.org", "\uff41na.ruiz"])
def test_from_the_door_to_a_new_password(person: User, post: Post, trail: Trail, name: str) -> None:
    signed_in = client_of(person)
    remembered = Device.objects.create(
        user=person, token_hash="0" * 64, trusted_since=timezone.now(), trusted_until=timezone.now() + timedelta(days=9)
    )
    User.objects.filter(pk=person.pk).update(must_change_password=True)
    assert URL in Client().get("/login/").content.decode()
    answer = ask(name)
    assert answer["Location"] == f"{URL}?asked"
    assert "Look into your mail" in Client().get(answer["Location"]).content.decode()
    (letter,) = post()
    # Never to the spelling that was typed.
    assert letter.to == ["Ana.Ruiz@example.org"]
    client = Client()
    assert client.get(link_in(letter))["Location"] == RESET
    assert "ana.ruiz" in client.get(RESET).content.decode()
    assert choose(client)["Location"] == "/login/"
    assert "Your password is changed" in client.get("/login/").content.decode()
    assert signed_in.get("/profile/").status_code == 302
    person.refresh_from_db()
    remembered.refresh_from_db()
    assert (person.must_change_password, person.is_verified, remembered.trusted_until) == (False, True, None)
    assert person.password_changed_at is not None
    assert credentials.check("ana.ruiz", NEW) == person
    assert credentials.check("ana.ruiz", PASSWORD) is None
    assert trail.actions == ["password.reset_asked", "password.reset", "session.sign_in_failed"]
    assert NEW not in str(list(AuditEvent.objects.values()))
    assert post()[-1].subject == "Your password was changed"


def test_nothing_that_waits_holds_a_link(person: User, post: Post) -> None:
    ask("ana.ruiz")
    post()
    kept = json.dumps(list(DBTaskResult.objects.values_list("args_kwargs", "return_value", "traceback")))
    assert "token" not in kept
    assert "ana" not in kept
    assert person.password not in kept


def test_whoever_is_not_there_gets_no_letter_and_the_same_answer(person: User, post: Post) -> None:
    make_user(username="gone", is_active=False)
    ask("warm")
    seen = set()
    for number, name in enumerate(("ana.ruiz", "gone", "nobody", "nobody@example.org", "x" * 254)):
        client = Client(REMOTE_ADDR=f"10.0.0.{number}")
        with CaptureQueriesContext(connection) as queries:
            answer = client.post(URL, {"name": name})
        seen.add((answer.status_code, answer["Location"], len(queries)))
    assert len(seen) == 1
    assert [letter.to for letter in post()] == [[person.email]]


@pytest.mark.parametrize(
    ("name", "sentence"), [("", "This field is required"), ("x" * 255, "at most 254"), ("a\x00b", "Null characters")]
)
def test_what_is_no_name(db: None, name: str, sentence: str) -> None:
    answer = ask(name)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_asking_is_limited(person: User, post: Post) -> None:
    answers = [ask("ana.ruiz", Client(REMOTE_ADDR=f"10.0.0.{number}")) for number in range(7)]
    assert [answer.status_code for answer in answers] == [302] * asking.TO_ONE_NAME + [429] * 2
    assert len(post()) == asking.TO_ONE_NAME


def test_a_link_works_once(person: User) -> None:
    token = tokens.for_reset(person)
    first, second = arrive(person), arrive(person)
    assert choose(first).status_code == 302
    assert "does not work" in choose(second, "yet another sentence 8").content.decode()
    assert "does not work" in Client().get(RESET, {"token": token}).content.decode()
    assert credentials.check("ana.ruiz", NEW) == person


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_chooses() -> None:
    person = make_user(username="ana.ruiz")
    token = tokens.for_reset(person)

    def reset(number: int) -> bool:
        try:
            return actions.reset_password(token=token, password=f"{NEW} {number}") is not None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(reset, range(6))) == 1
    assert AuditEvent.objects.filter(action="password.reset").count() == 1


def test_a_link_is_over_in_time(person: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = arrive(person)
        clock.shift(timedelta(minutes=59))
        assert "Choose a new password" in client.get(RESET).content.decode()
        clock.shift(timedelta(minutes=2))
        assert "does not work" in choose(client).content.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"is_active": False},
        {"email": "other@example.org"},
        {"last_login": timezone.now()},
        {"password": "md5$x$y"},
    ],
)
def test_a_link_is_dead_once_the_row_has_changed(person: User, change: dict[str, Any]) -> None:
    client = arrive(person)
    User.objects.filter(pk=person.pk).update(**change)
    assert "does not work" in choose(client).content.decode()


@pytest.mark.parametrize(
    ("password", "repeated", "sentence"),
    [
        ("short", "short", "too short"),
        ("ana.ruiz@example", "ana.ruiz@example", "too similar"),
        (NEW, "x", "differ"),
        ("", "", "This field is required"),
    ],
)
def test_what_is_refused_and_why(person: User, password: str, repeated: str, sentence: str) -> None:
    client = arrive(person)
    answer = choose(client, password, repeated)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert choose(client).status_code == 302


def test_it_ends_the_lock_of_the_account(person: User) -> None:
    for _ in range(10):
        credentials.check("ana.ruiz", "wrong")
    assert credentials.check("ana.ruiz", PASSWORD) is None
    choose(arrive(person))
    with_other_address = Client(REMOTE_ADDR="10.9.9.9")
    assert with_other_address.post("/login/", {"username": "ana.ruiz", "password": NEW}).status_code == 302


@pytest.mark.parametrize(
    ("joined_by", "is_verified", "is_emptied"),
    [("provider", False, True), ("provider", True, False), ("created", False, False)],
)
def test_whoever_made_the_account_in_anothers_name_is_left_no_way_in(
    person: User, post: Post, trail: Trail, joined_by: str, is_verified: bool, is_emptied: bool
) -> None:
    """A provider may vouch for addresses that it never looked at; who made the account waits for its owner."""
    User.objects.filter(pk=person.pk).update(joined_by=joined_by, is_verified=is_verified)
    provider = make_provider("https://id.example")
    Identity.objects.create(user=person, provider=provider, subject="stranger")
    Passkey.objects.create(user=person, name="x", credential_id=b"1", credential_key="1", public_key=b"1")
    Totp.objects.create(user=person, sealed_secret=b"1")
    RecoveryCode.objects.create(user=person, digest="1")
    Device.objects.create(user=person, token_hash="1")
    left = [model.objects.filter(user=person) for model in (Identity, Passkey, Totp, RecoveryCode, Device)]
    assert choose(arrive(person)).status_code == 302
    assert [rows.exists() for rows in left] == [not is_emptied] * 5
    (letter,) = post()
    assert ("Until now nobody had proved" in letter.body) == is_emptied
    facts = trail.events[-1].after
    assert facts is not None
    assert facts.get("identities", 0) == facts.get("passkeys", 0) == int(is_emptied)


def test_it_lets_nobody_in_by_itself(person: User) -> None:
    client = arrive(person)
    choose(client)
    assert client.get("/profile/")["Location"].startswith("/login/")
    assert not Session.objects.filter(user=person).exists()


def test_whoever_is_signed_in_as_another_signs_out(person: User, as_admin: Client) -> None:
    as_admin.get(RESET, {"token": tokens.for_reset(person)})
    assert choose(as_admin).status_code == 302
    assert as_admin.get("/profile/").status_code == 302
    assert credentials.check("ana.ruiz", NEW) == person


def test_where_passwords_are_kept_elsewhere_the_letter_says_so(person: User, post: Post) -> None:
    client = arrive(person)
    set_to("password.elsewhere", "example.org")
    ask("ana.ruiz")
    (letter,) = post()
    assert "not kept here" in letter.body
    assert "token" not in letter.body
    assert "not kept here" in choose(client).content.decode()
    assert credentials.check("ana.ruiz", PASSWORD) == person


def test_whoever_is_invited_is_reminded_of_it(admin: User, post: Post) -> None:
    invite(actor=admin, emails=["yuki@example.org"], role=role_named("user"))
    ask("yuki@example.org")
    assert "have not accepted" in post()[-1].body
    assert "token" not in post()[-1].body
