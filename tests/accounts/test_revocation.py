"""What ends somebody's way in counts at their next request: one table of all that does, and who stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import actions
from accounts.models import Session, User
from rbac.actions import assign_role, revoke_role
from tests.accounts.authenticator import Authenticator, asked
from tests.accounts.factors import ask_of_role, give_app, set_value
from tests.accounts.passkeys import NEW, NEW_OPTIONS, proved_client
from tests.factories import PASSWORD, client_of, make_user, role_named

PAGE = "/profile/sessions/"


def add_passkey(person: User, admin: User) -> None:
    client = proved_client(person)
    answer = client.post(NEW, {"name": "x", "credential": Authenticator().make(asked(client, NEW_OPTIONS))})
    assert answer.status_code == 302


def change_password(person: User, admin: User) -> None:
    new = "seven herons on a wire"
    answer = client_of(person).post("/password/", {"present": PASSWORD, "password": new, "repeated": new})
    assert answer.status_code == 302


def reset_factors(person: User, admin: User) -> None:
    give_app(person)
    actions.reset_factors(actor=admin, user=person, reason="lost phone")


def revoke_all(person: User, admin: User) -> None:
    assert client_of(person).post("/profile/sessions/all/revoke/")["Location"] == "/login/"


def revoke_others(person: User, admin: User) -> None:
    client_of(person).post("/profile/sessions/others/revoke/")


ENDS: dict[str, Callable[[User, User], object]] = {
    "a passkey added elsewhere": add_passkey,
    "the password changed elsewhere": change_password,
    "a one-time password given": lambda person, admin: actions.give_password(
        actor=admin, user=person, password="given by an admin 1"
    ),
    "the factors reset": reset_factors,
    "deactivated": lambda person, admin: actions.deactivate_user(actor=admin, user=person),
    "signed out by an admin": lambda person, admin: actions.revoke_other_sessions(actor=admin, user=person),
    "one session signed out by an admin": lambda person, admin: actions.revoke_session(
        actor=admin, session=Session.objects.get(user=person)
    ),
    "all others signed out": revoke_others,
    "signed out everywhere": revoke_all,
}


@pytest.mark.parametrize("how", ENDS)
def test_the_next_request_is_refused(person: User, admin: User, how: str) -> None:
    client, stranger = client_of(person), client_of(make_user())
    assert client.get(PAGE).status_code == 200
    ENDS[how](person, admin)
    assert client.get(PAGE).headers["Location"].startswith("/login/")
    assert client.post("/theme/", {"theme": "dark"}).headers["Location"].startswith("/login/")
    assert client.get("/chat/").headers["Location"].startswith("/login/")
    assert stranger.get(PAGE).status_code == 200


def test_a_role_given_and_taken_counts_at_the_next_request(person: User, admin: User) -> None:
    client = client_of(person)
    assert client.get("/users/").status_code == 403
    assign_role(actor=admin, user=person, role=role_named("manager"))
    assert client.get("/users/").status_code == 200
    revoke_role(actor=admin, user=person, role=role_named("manager"))
    assert client.get("/users/").status_code == 403
    assert client.get(PAGE).status_code == 200


def test_a_role_that_begins_to_ask_for_a_factor_stops_all_but_the_way_to_it(person: User) -> None:
    client = client_of(person)
    ask_of_role(person)
    for path in (PAGE, "/chat/", "/"):
        assert client.get(path).headers["Location"].startswith("/factor/")


def test_signing_out_everywhere_is_said_and_noted_once(person: User) -> None:
    first, second = client_of(person), client_of(person)
    page = first.get(PAGE).content.decode()
    assert "Sign out everywhere" in page
    first.post("/profile/sessions/all/revoke/")
    assert second.get(PAGE).status_code == 302
    assert "signed out everywhere" in first.get("/login/").content.decode()
    assert not Session.objects.filter(user=person).exists()
    assert first.post("/profile/sessions/all/revoke/").headers["Location"].startswith("/login/")


def test_a_link_signs_nobody_out(as_person: Client) -> None:
    assert as_person.get("/profile/sessions/all/revoke/").status_code == 405
    assert as_person.get(PAGE).status_code == 200


@pytest.mark.parametrize(("key", "value", "length"), [("idle_minutes", "30", 30), ("absolute_hours", "2", 120)])
def test_a_limit_ends_a_session_at_its_very_moment(person: User, key: str, value: str, length: int) -> None:
    """Also one made shorter while the session was open."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        before, after = client_of(person), client_of(person)
        set_value(f"accounts.session.{key}", value)
        clock.shift(timedelta(minutes=length) - timedelta(microseconds=1))
        assert before.get(PAGE).status_code == 200
        clock.shift(timedelta(microseconds=1))
        assert after.get(PAGE).status_code == 302


def test_a_limit_made_longer_keeps_what_was_promised(person: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        set_value("accounts.session.idle_minutes", "30")
        client = client_of(person)
        set_value("accounts.session.idle_minutes", "600")
        clock.shift(timedelta(minutes=31))
        assert client.get(PAGE).status_code == 302
