"""A cookie that somebody else knows is dead as soon as more is proved: each moment at which that happens, one table.

The doors with a planted id of a stranger's session are tried in test_login, test_login_factor and test_passkey_login.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Totp, User
from tests.accounts.authenticator import Authenticator, asked, browser
from tests.accounts.factors import first_step, give_app, give_codes
from tests.accounts.passkeys import (
    LOGIN,
    LOGIN_OPTIONS,
    NEW,
    NEW_OPTIONS,
    STEP_UP,
    STEP_UP_OPTIONS,
    passkey_of,
    proved_client,
    signed_in,
)
from tests.factories import PASSWORD, client_of

COOKIE = "gatehouse-session"
NEW_PASSWORD = "seven herons on a wire"

# Each brings a browser to the moment before, and answers what proves more.
type Moment = Callable[[User], tuple[Client, Callable[[], object]]]


def second_step_by_code(person: User) -> tuple[Client, Callable[[], object]]:
    app, client = give_app(person), browser()
    first_step(client, person)
    return client, lambda: client.post("/login/factor/", {"code": app.now()})


def second_step_by_recovery_code(person: User) -> tuple[Client, Callable[[], object]]:
    give_app(person)
    code, client = give_codes(person)[0], browser()
    first_step(client, person)
    return client, lambda: client.post("/login/factor/", {"with": "recovery", "code": code})


def second_step_by_passkey(person: User) -> tuple[Client, Callable[[], object]]:
    key, client = passkey_of(person), browser()
    first_step(client, person)
    options = asked(client, LOGIN_OPTIONS)
    return client, lambda: client.post("/login/factor/passkey/", {"credential": key.prove(options)})


def passkey_alone_between_the_steps(person: User) -> tuple[Client, Callable[[], object]]:
    """Somebody who gave the password and then takes the other door."""
    key, client = passkey_of(person), browser()
    first_step(client, person)
    options = asked(client, LOGIN_OPTIONS)
    return client, lambda: client.post(LOGIN, {"credential": key.prove(options)})


def step_up_by_password(person: User) -> tuple[Client, Callable[[], object]]:
    client = client_of(person)
    return client, lambda: client.post("/step-up/", {"password": PASSWORD})


def step_up_by_code(person: User) -> tuple[Client, Callable[[], object]]:
    app, client = give_app(person), client_of(person)
    Totp.objects.update(last_step=0)
    return client, lambda: client.post("/step-up/", {"with": "app", "code": app.now()})


def step_up_by_passkey(person: User) -> tuple[Client, Callable[[], object]]:
    key, client = passkey_of(person), browser(client_of(person))
    options = asked(client, STEP_UP_OPTIONS)
    return client, lambda: client.post(STEP_UP, {"credential": key.prove(options)})


def new_passkey(person: User) -> tuple[Client, Callable[[], object]]:
    client = proved_client(person)
    made = Authenticator().make(asked(client, NEW_OPTIONS))
    return client, lambda: client.post(NEW, {"name": "x", "credential": made})


def new_password(person: User) -> tuple[Client, Callable[[], object]]:
    client = client_of(person)
    data = {"present": PASSWORD, "password": NEW_PASSWORD, "repeated": NEW_PASSWORD}
    return client, lambda: client.post("/password/", data)


@pytest.mark.parametrize(
    "moment",
    [
        second_step_by_code,
        second_step_by_recovery_code,
        second_step_by_passkey,
        passkey_alone_between_the_steps,
        step_up_by_password,
        step_up_by_code,
        step_up_by_passkey,
        new_passkey,
        new_password,
    ],
)
def test_what_was_known_before_is_dead_afterwards(person: User, moment: Moment) -> None:
    client, prove = moment(person)
    attacker = browser()
    attacker.cookies[COOKIE] = before = client.cookies[COOKIE].value
    prove()
    assert signed_in(client)
    assert client.cookies[COOKIE].value != before
    assert not signed_in(attacker)
