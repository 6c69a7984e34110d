"""Settings of the suite's own, of every type, declared for one test at a time."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from settings_store import definitions, flags, store
from settings_store.actions import Description, change_setting, create_flag
from settings_store.definitions import define
from settings_store.flag import snapshot
from settings_store.flag.rules import FlagType
from settings_store.models import Flag
from settings_store.realms import key_of_flag
from tests.factories import client_of, make_user
from ui.guard import STEP_UP_SESSION_KEY

SPARE_KEY = base64.b64encode(b"s" * 32).decode()


@pytest.fixture
def declare(db: None) -> Iterator[Callable[..., definitions.Definition]]:
    """Declares settings that exist until the end of the test."""
    declared: list[str] = []

    def declare(key: str, **options: Any) -> definitions.Definition:
        declared.append(key)
        definition = define(key, **({"label": "A setting of the suite", "category": "Suite"} | options))
        store.refresh()
        return definition

    yield declare
    for key in declared:
        definitions._definitions.pop(key, None)
    store.refresh()


@pytest.fixture
def every_type(declare: Callable[..., definitions.Definition]) -> None:
    declare("suite.string", type="string", default="quiet", pattern="[a-z]+", pattern_help="Small letters only.")
    declare("suite.text", type="text", default="", required=False, max_length=50)
    declare("suite.integer", type="integer", default=60, minimum=1, maximum=1000, unit="a minute")
    declare("suite.decimal", type="decimal", default=Decimal("0.5"), minimum=0, maximum=1)
    declare("suite.boolean", type="boolean", default=False)
    declare("suite.json", type="json", default={"mode": "log"})
    declare("suite.url", type="url", default="https://example.org/")
    declare("suite.email", type="email", default="a@example.org")
    declare("suite.duration", type="duration", default=timedelta(hours=12), minimum=60)
    declare("suite.choice", type="choice", default="off", choices=[("off", "Off"), ("on", "On")])
    declare("suite.secret", type="secret", default="")


@pytest.fixture
def admin(db: None) -> Client:
    return client_of(make_user(role="admin", username="ana"))


@pytest.fixture
def operator(db: None) -> Client:
    return client_of(make_user(role="operator", username="omar"))


@pytest.fixture
def viewer(db: None) -> Client:
    return client_of(make_user(role="viewer", username="vera"))


@pytest.fixture
def person(db: None) -> Client:
    return client_of(make_user(role="user", username="uma"))


@pytest.fixture
def step_up() -> Callable[[Client], None]:
    """Confirms the person of a client, as their password would."""

    def confirm(client: Client) -> None:
        session = client.session
        session[STEP_UP_SESSION_KEY] = time.time()
        session.save()

    return confirm


@pytest.fixture
def settle(db: None) -> Iterator[Callable[[], None]]:
    """Lets every process know what the test changed, as if its transaction had ended."""

    def settle() -> None:
        connection.run_on_commit = [hook for hook in connection.run_on_commit if hook[1] is not store._committed]
        store._committed()

    yield settle
    snapshot.forget()


@pytest.fixture
def make_flag(settle: Callable[[], None]) -> Iterator[Callable[..., Flag]]:
    """Makes flags as their pages do, or changes their rules; every process knows them by the time the test asks."""
    flags.unknown.clear()
    flags.unknown_outside.clear()

    def make(key: str, kind: str = "boolean", *, environment: str = "production", **rules: Any) -> Flag:
        flag = Flag.objects.filter(key=key).first()
        if flag is None:
            flag = create_flag(actor=None, key=key, kind=FlagType(kind), description=Description(label=key))
        if rules:
            value = json.dumps(rules)
            change_setting(actor=None, key=key_of_flag(key), environment=environment, value=value)
        settle()
        return flag

    yield make
    flags.unknown.clear()
    flags.unknown_outside.clear()
