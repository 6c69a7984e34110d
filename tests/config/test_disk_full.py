"""A full disk: said in words, nothing half done, and over as soon as there is room."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Session
from settings_store import audit
from settings_store.disk import SayOnce, is_full
from settings_store.models import AuditEvent, Setting, SettingVersion
from tests.factories import client_of, make_user

KEY = "settings_store.reason_required"
CHANGE = reverse("settings_store:setting_change", args=[KEY])

sqlite_only = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PRAGMA max_page_count is SQLite's")


@pytest.fixture
def full(transactional_db: None) -> Iterator[Client]:
    """A signed-in admin in front of a database that cannot grow by a page."""
    client = client_of(make_user(role="admin", username="ana"), raise_request_exception=False)
    client.get("/settings/")
    with connection.cursor() as cursor:
        # What is free already would be used before the end is met.
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
    yield client
    roomy()


def roomy() -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count = 1073741823")


def change(client: Client, version: int, **headers: str) -> Any:
    value = {} if version % 2 else {"value": "true"}
    return client.post(CHANGE, {"version": version, "reason": "x" * 400} | value, headers=headers)


def until_full(client: Client, **headers: str) -> tuple[int, Any]:
    """Change a setting back and forth until there is no room: how often that went well, and the answer then."""
    for _time in range(500):
        version = Setting.objects.filter(key=KEY).values_list("version", flat=True).first() or 0
        answer = change(client, version, **headers)
        if answer.status_code == 503:
            return version, answer
        assert answer.status_code < 400, answer.content.decode()
    raise AssertionError("The database never became full.")


@sqlite_only
@pytest.mark.django_db(transaction=True)
def test_it_is_said_in_words_and_goes_on_by_itself(full: Client) -> None:
    changed, answer = until_full(full)
    assert "There is no room left to save this" in answer.content.decode()
    assert answer["Retry-After"] == "30"
    # Nothing half done: as many versions as events, and a chain that holds.
    assert SettingVersion.objects.count() == changed
    assert AuditEvent.objects.filter(action__startswith="setting.").count() == changed
    assert not list(audit.verify())

    assert full.get("/settings/").status_code == 200
    assert full.get("/readyz").status_code == 200
    roomy()
    assert change(full, changed).status_code == 302
    assert Setting.objects.get(key=KEY).version == changed + 1
    assert not list(audit.verify())


@sqlite_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {"Accept": "application/json"}])
def test_scripts_and_htmx_get_one_plain_sentence(full: Client, headers: dict[str, str]) -> None:
    _changed, answer = until_full(full, **headers)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert (
        answer.content == b"The disk of the database is full; nothing was saved, and nothing saved before was harmed."
    )


@pytest.mark.django_db(transaction=True)
def test_reading_goes_on_where_activity_cannot_be_noted() -> None:
    client = client_of(make_user(role="admin"))
    Session.objects.update(last_activity=timezone.now() - timedelta(hours=1))

    def refuse(execute: object, sql: str, *rest: object) -> object:
        if sql.startswith("UPDATE"):
            raise OperationalError(1114, "The table is full")
        return execute(sql, *rest)  # type: ignore[operator]  # as Django gives it

    with connection.execute_wrapper(refuse):
        assert client.get("/settings/").status_code == 200


def _sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = code
    return error


class _DiskFull(Exception):
    sqlstate = "53100"


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (_sqlite_error(sqlite3.SQLITE_FULL), True),
        (_sqlite_error(sqlite3.SQLITE_BUSY), False),
        (_DiskFull(), True),
        (OperationalError(1021, "Disk full (/tmp/x); waiting for someone to free some space"), True),
        (OperationalError(1114, "The table 'x' is full"), True),
        (OperationalError(1030, 'Got error 28 "No space left on device" from storage engine InnoDB'), True),
        (OperationalError(1213, "Deadlock found"), False),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.ENOENT, "No such file"), False),
        (ValueError("full"), False),
    ],
)
def test_every_database_says_it_its_own_way(error: Exception, full: bool) -> None:
    wrapped = OperationalError("wrapped")
    wrapped.__cause__ = error
    assert is_full(error) is full
    assert is_full(wrapped) is full


def test_the_log_says_it_once_without_a_traceback() -> None:
    sieve, error = SayOnce(), _sqlite_error(sqlite3.SQLITE_FULL)

    def told(message: object, error: Exception) -> logging.LogRecord:
        return logging.LogRecord("x", logging.ERROR, "x", 1, message, (), (type(error), error, None))

    first, second = told("broken", error), told({"event": "broken"}, error)
    assert sieve.filter(first)
    assert first.exc_info is None
    assert "disk of the database is full" in first.getMessage()
    assert not sieve.filter(second)
    other = told("broken", ValueError("x"))
    assert sieve.filter(other)
    assert other.exc_info
