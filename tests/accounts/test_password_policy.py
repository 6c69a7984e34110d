"""What a new password must be: by the settings of the moment, in every form that takes one."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from threading import BoundedSemaphore
from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # the package has no types

from accounts import actions, credentials, hashing, link_session, password_policy, tokens
from accounts.models import Device, User
from accounts.password_policy import rules_in_words, strength_of
from settings_store.actions import change_setting
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of, make_user

NEW = "a quite different sentence 7"
METER = "/password/strength/"


def set_to(key: str, value: str) -> None:
    change_setting(actor=None, key=f"accounts.password.{key}", environment="production", value=value)


def refusals(password: str, user: User | None = None) -> str:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def test_the_length_is_a_setting(db: None) -> None:
    assert refusals("kelp wombat 7") == ""
    set_to("min_length", "16")
    assert "at least 16 characters" in refusals("kelp wombat 7")
    assert "At least 16 characters;" in rules_in_words()


def test_the_strength_is_a_setting(db: None) -> None:
    weak, fair = "abcabcabcabcabc", "mountain river"
    assert "too easy to guess" in refusals(weak)
    set_to("min_score", "0")
    assert refusals(weak) == ""
    set_to("min_score", "4")
    assert strength_of(fair).score < 4
    assert "too easy to guess" in refusals(fair)
    assert refusals(NEW) == ""


def test_names_of_the_person_make_it_weak(db: None) -> None:
    person = User(username="zorblax.quint", email="zorblax.quint@vexmere.example", full_name="Zorblax Quintavius")
    assert strength_of("zorblaxquintavius", person.full_name).score < strength_of("zorblaxquintavius").score
    for password in ("Zorblax Quintavius", "zorblax.quint@vexmere", "quintavius zorblax"):
        assert refusals(password, person)


@pytest.mark.parametrize("password", ["a" * 1000, "\U0001f600" * 300, "é" * 12, "Tr0ub4dor&3 " * 80, "\u202e" * 40])
def test_odd_passwords_are_looked_at_in_bounded_time(password: str) -> None:
    assert 0 <= strength_of(password, "x" * 10_000).score <= 4


def test_no_more_is_handed_over_than_can_be_looked_at_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    handed = list[str]()

    def spy(password: str, user_inputs: list[str], max_length: int) -> Any:
        handed.extend([password, *user_inputs])
        return zxcvbn(password, user_inputs=user_inputs, max_length=max_length)

    monkeypatch.setattr(password_policy, "zxcvbn", spy)
    look_alikes = "".join(random.Random(3).choices("4@8({[<369&#!1/|0$5+7%2xX", k=100))  # noqa: S311 - no secret
    assert strength_of(look_alikes, "x" * 1000).score == 4
    assert max(len(text) for text in handed) == 40


def test_whoever_chooses_one_waits_for_their_turn(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "turns", turns := BoundedSemaphore(1))
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.01)
    with turns, pytest.raises(hashing.Crowded):
        validate_password(NEW)
    assert refusals(NEW) == ""


def test_the_help_of_the_field_says_the_rules(as_person: Client) -> None:
    set_to("min_length", "17")
    page = as_person.get("/password/").content.decode()
    assert "At least 17 characters;" in page
    assert "Hard to guess" in page


def test_the_meter_says_a_word_and_keeps_nothing(person: User, trail: Trail, caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(person)
    secret = "qwertyuiop-canary-7d1"
    answer = client.post(METER, {"password": secret})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "<meter" in page
    assert secret not in page
    assert secret not in caplog.text
    assert trail.actions == []
    weak = client.post(METER, {"password": "ana.ruiz"}).content.decode()
    assert "weak" in weak
    assert client.post(METER, {"password": ""}).status_code == 204
    assert client.post(METER, {"password": "a\x00b"}).status_code == 204
    assert client.post(METER, {"password": "x" * 50_000}).status_code == 200
    assert client.get(METER).status_code == 405


def test_strangers_have_no_meter(db: None) -> None:
    assert Client().post(METER, {"password": NEW}).status_code == 404
    invited = Client()
    invited.get("/register/confirm/", {"token": tokens.for_registration("yuki@example.org")})
    assert invited.session[f"link:{link_session.REGISTER}"]
    word = "zorblaxquintavius"
    assert "strong" in invited.post(METER, {"password": word}).content.decode()
    # What stands in the fields beside it counts.
    assert "weak" in invited.post(METER, {"password": word, "username": word}).content.decode()


def test_where_passwords_are_kept_elsewhere_nobody_changes_one(person: User) -> None:
    client = client_of(person)
    set_to("elsewhere", "*.example.org\nEXAMPLE.org")
    assert "not kept here" in client.get("/password/").content.decode()
    fields = {"present": PASSWORD, "password": NEW, "repeated": NEW}
    assert client.post("/password/", fields).status_code == 403
    with pytest.raises(ValidationError, match="not kept here"):
        actions.change_password(actor=person, user=person, password=NEW)
    assert credentials.check("ana.ruiz", PASSWORD) == person


def test_what_an_admin_gives_them_opens_without_a_change(person: User, admin: User) -> None:
    set_to("elsewhere", "example.org")
    actions.give_password(actor=admin, user=person, password=NEW)
    client = Client()
    client.post("/login/", {"username": "ana.ruiz", "password": NEW})
    assert client.get("/profile/").status_code == 200
    set_to("elsewhere", "")
    assert client.get("/profile/")["Location"].startswith("/password/")


def test_changing_ends_remembered_devices_and_sends_word(
    person: User, admin: User, post: Callable[[], list[EmailMessage]]
) -> None:
    device = Device.objects.create(
        user=person, token_hash="1" * 64, trusted_since=timezone.now(), trusted_until=timezone.now() + timedelta(days=3)
    )
    client = client_of(person)
    client.post("/password/", {"present": PASSWORD, "password": NEW, "repeated": NEW})
    device.refresh_from_db()
    person.refresh_from_db()
    assert device.trusted_until is None
    assert person.password_changed_at is not None
    (letter,) = post()
    assert (letter.to, letter.subject) == ([person.email], "Your password was changed")
    actions.give_password(actor=admin, user=person, password=credentials.one_time_password())
    assert "Maren Holt gave your account" in post()[-1].body


def test_a_forced_change_goes_on_to_where_the_person_wanted(db: None) -> None:
    client = client_of(make_user(must_change_password=True))
    sent = client.get("/profile/sessions/")["Location"]
    page = client.get(sent).content.decode()
    assert 'name="next" value="/profile/sessions/"' in page
    fields = {"present": PASSWORD, "password": NEW, "repeated": NEW, "next": "/profile/sessions/"}
    assert client.post("/password/", fields)["Location"] == "/profile/sessions/"


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/password/", "javascript:alert(1)"])
def test_a_forced_change_leads_nowhere_else(db: None, wanted: str) -> None:
    client = client_of(make_user(must_change_password=True))
    fields = {"present": PASSWORD, "password": NEW, "repeated": NEW, "next": wanted}
    assert client.post("/password/", fields)["Location"] in {"/", "/password/"}
