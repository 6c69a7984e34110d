"""Reading settings: which value holds, at what cost, and inside and after transactions."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection, transaction
from django.db.models import F

from settings_store import store
from settings_store.actions import change_setting, clear_setting
from settings_store.actions.setting import bump
from settings_store.crypto import SealedElsewhere
from settings_store.definitions import Definition, UnknownSetting
from settings_store.models import OwnSetting, Setting, StoreVersion
from settings_store.store import get_setting
from tests.settings_store.conftest import SPARE_KEY


def change(key: str, value: str, environment: str = "production") -> None:
    change_setting(actor=None, key=key, environment=environment, value=value)


@pytest.mark.django_db
def test_the_nearest_value_holds(every_type: None, settings: Any) -> None:
    assert get_setting("suite.integer") == 60
    change("suite.integer", "70", store.DEFAULT)
    assert get_setting("suite.integer") == 70
    change("suite.integer", "80")
    assert get_setting("suite.integer") == 80
    change("suite.integer", "5", "staging")
    assert get_setting("suite.integer") == 80
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_INTEGER": "90"}
    assert get_setting("suite.integer") == 90
    settings.SETTING_LOCKS = {}
    clear_setting(actor=None, key="suite.integer", environment="production")
    assert get_setting("suite.integer") == 70
    clear_setting(actor=None, key="suite.integer", environment=store.DEFAULT)
    assert get_setting("suite.integer") == 60


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("suite.decimal", "0.25", Decimal("0.25")),
        ("suite.boolean", "true", True),
        ("suite.json", "[1, {}]", [1, {}]),
        ("suite.duration", "2 h", timedelta(hours=2)),
        ("suite.secret", "opensesame", "opensesame"),
    ],
)
def test_values_come_in_their_type(every_type: None, key: str, text: str, value: Any) -> None:
    change(key, text)
    assert get_setting(key) == value
    # The same from the copy that other requests read.
    store.refresh()
    store._writing.clear()
    assert get_setting(key) == value


@pytest.mark.django_db
def test_a_warm_reading_asks_no_database(every_type: None, django_assert_num_queries: Any) -> None:
    store.refresh()
    with django_assert_num_queries(0):
        for _ in range(100):
            get_setting("suite.integer")
            get_setting("suite.json")


@pytest.mark.django_db
def test_a_reader_who_changes_a_value_changes_nobody_elses(every_type: None) -> None:
    store.refresh()
    get_setting("suite.json")["mode"] = "broken"
    assert get_setting("suite.json") == {"mode": "log"}


def test_an_undeclared_key_is_a_clear_error(every_type: None) -> None:
    with pytest.raises(UnknownSetting, match=r"no setting 'suite.integr'. Near it: suite.integer"):
        get_setting("suite.integr")


@pytest.mark.django_db
def test_a_secret_whose_key_is_absent_fails_alone(every_type: None, settings: Any) -> None:
    change("suite.secret", "opensesame")
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: SPARE_KEY}
    store.refresh()
    store._writing.clear()
    with pytest.raises(SealedElsewhere):
        get_setting("suite.secret")
    assert get_setting("suite.integer") == 60


@pytest.mark.django_db
def test_a_value_that_breaks_tightened_rules_gives_way_to_the_next(
    declare: Callable[..., Definition], every_type: None
) -> None:
    change("suite.integer", "70", store.DEFAULT)
    change("suite.integer", "80")
    Setting.objects.filter(environment="production").update(value=5000)
    assert get_setting("suite.integer") == 70


@pytest.mark.django_db
def test_a_lock_that_breaks_the_rules_stops_the_start(every_type: None, settings: Any) -> None:
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_INTEGER": "many"}
    with pytest.raises(ImproperlyConfigured, match="GATEHOUSE_SETTING_SUITE_INTEGER"):
        store.check_locks()


class Undone(Exception):
    pass


@pytest.mark.django_db(transaction=True)
def test_a_transaction_reads_what_it_wrote_and_a_rollback_leaves_nothing(every_type: None) -> None:
    store.refresh()
    seen_elsewhere: list[int] = []

    def read_elsewhere() -> None:
        seen_elsewhere.append(get_setting("suite.integer"))
        connection.close()

    def act() -> None:
        with transaction.atomic():
            change("suite.integer", "80")
            assert get_setting("suite.integer") == 80
            thread = threading.Thread(target=read_elsewhere)
            thread.start()
            thread.join()
            raise Undone

    with pytest.raises(Undone):
        act()
    assert seen_elsewhere == [60]
    assert get_setting("suite.integer") == 60
    assert not store._writing


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_that_is_rolled_back_takes_its_change_along(every_type: None) -> None:
    with transaction.atomic():
        change("suite.integer", "70")
        savepoint = transaction.savepoint_create()
        change("suite.integer", "80")
        assert get_setting("suite.integer") == 80
        transaction.savepoint_rollback(savepoint)
        assert get_setting("suite.integer") == 70
    assert get_setting("suite.integer") == 70


@pytest.mark.django_db(transaction=True)
def test_after_the_commit_everybody_reads_the_new_value(every_type: None) -> None:
    store.refresh()
    change("suite.integer", "80")
    assert not store._writing
    assert store._values["suite.integer"] == 80


def _in_child(answers: Any) -> None:
    answers.put((store._version, store._values))


def test_a_fork_begins_with_nothing_read(every_type: None) -> None:
    store.refresh()
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(answers,))
    child.start()
    assert answers.get() == (None, {})
    child.join()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="the suite's SQLite lives in the memory of one connection")
def test_a_change_of_another_process_is_seen_by_the_watcher(every_type: None, settings: Any) -> None:
    settings.SETTINGS_POLL_SECONDS = 0.02
    store._version = None
    store._values = {}
    try:
        # The first reading may stand in asynchronous code: it waits for the thread's connection, not for its own.
        async def read() -> Any:
            return get_setting("suite.integer")

        assert asyncio.run(read()) == 60
        # As another process would leave it: the row and the version of all settings, and no word to this process.
        Setting.objects.create(key="suite.integer", environment="production", version=1, value=80)
        StoreVersion.objects.update(version=F("version") + 1)
        deadline = time.monotonic() + 1
        while get_setting("suite.integer") != 80 and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert get_setting("suite.integer") == 80
    finally:
        store.stop()


@pytest.mark.django_db
def test_a_setting_of_ones_own_is_read_like_any_other(settings: Any) -> None:
    with transaction.atomic():
        OwnSetting.objects.create(key="team.size", type="integer", default=4, label="Size", created_by_name="x")
        bump()
        # Nobody else knows of it yet; who declared it reads it all the same.
        assert get_setting("team.size") == 4
        change("team.size", "7")
        assert get_setting("team.size") == 7
    store.refresh()
    assert get_setting("team.size") == 7
    # A process that has read nothing so far knows it at the first reading.
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_TEAM_SIZE": "many"}
    store._forked()
    assert get_setting("team.size") == 7
    OwnSetting.objects.update(retired_at="2026-01-01T00:00Z")
    store.refresh()
    with pytest.raises(UnknownSetting):
        get_setting("team.size")


@pytest.mark.django_db
def test_readers_ask_nothing_while_all_is_read_anew_nor_after_that_failed() -> None:
    store.refresh()
    OwnSetting.objects.create(key="team.size", type="integer", default=4, label="Size", created_by_name="x")
    seen: list[object] = []

    def read_elsewhere() -> None:
        async def read() -> None:
            # A query would be refused here, and so be seen.
            try:
                seen.append(get_setting("team.size"))
            except Exception as error:
                seen.append(type(error))

        thread = threading.Thread(target=asyncio.run, args=(read(),))
        thread.start()
        thread.join()

    def interrupt(execute: Any, sql: str, *rest: Any) -> Any:
        if f'{Setting._meta.db_table}"' in sql.replace("`", '"'):
            read_elsewhere()
            raise OperationalError
        return execute(sql, *rest)

    with connection.execute_wrapper(interrupt), pytest.raises(OperationalError):
        store.refresh()
    read_elsewhere()
    store.refresh()
    read_elsewhere()
    assert seen == [UnknownSetting, UnknownSetting, 4]


WATCHING = """
import django
django.setup()
from settings_store import store
from settings_store.models import StoreVersion
store.watch()
store.get_setting("settings_store.reason_required")
for _each in range(3):
    StoreVersion.objects.get(pk=1)
    store.connection.close()
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has a pool of connections here")
def test_the_watcher_keeps_no_connection_of_a_pool() -> None:
    # The suite's own address, wherever its server listens, but for the name of the database.
    place = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    here = os.environ | {"DATABASE_URL": place.geturl(), "DATABASE_POOL_SIZE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHING], env=here, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
