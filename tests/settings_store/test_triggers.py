"""The database itself refuses to change what is written once, whoever sends the statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from settings_store import audit
from settings_store.actions import change_setting
from settings_store.crypto import open_sealed
from settings_store.models import AuditEvent, SealedVersion, SettingVersion
from settings_store.store import secret_context
from settings_store.triggers import create_triggers, drop_triggers

pytestmark = pytest.mark.django_db

TRAIL, VERSIONS, HEAD = "settings_store_auditevent", "settings_store_settingversion", "settings_store_audithead"


@pytest.fixture(autouse=True)
def _written() -> None:
    change_setting(actor=None, key="settings_store.reason_required", environment="staging", value="true")
    with transaction.atomic():
        audit.record("a.b", actor=None)
    # PostgreSQL alters no table while checks of its foreign keys are still to come.
    connection.check_constraints()


def refused(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return "cannot be changed or deleted" in str(error)
    return False


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {TRAIL} SET reason = 'other'",
        f"UPDATE {TRAIL} SET sequence = sequence + 100",
        f"DELETE FROM {TRAIL}",
        f"UPDATE {VERSIONS} SET reason = 'other'",
        f"DELETE FROM {VERSIONS}",
        f"DELETE FROM {HEAD}",
        f"UPDATE {HEAD} SET sequence = sequence - 1",
        f"UPDATE {HEAD} SET hash = 'other'",
        f"UPDATE {HEAD} SET id = 2",
    ],
)
def test_raw_statements_are_refused(statement: str) -> None:
    assert refused(statement)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="TRUNCATE is a statement of PostgreSQL here")
@pytest.mark.parametrize("table", [TRAIL, VERSIONS, HEAD])
def test_truncate_is_refused(table: str) -> None:
    assert refused(f"TRUNCATE {table} CASCADE")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="roles of replication are PostgreSQL's")
def test_posing_as_a_replica_does_not_silence_the_triggers() -> None:
    assert refused(f"SET LOCAL session_replication_role = replica; DELETE FROM {TRAIL}")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="INSERT OR REPLACE is SQLite's")
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize("table", [TRAIL, VERSIONS, HEAD])
def test_replacing_a_row_is_refused_whatever_the_connection_set(table: str, recursive: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA recursive_triggers = {recursive}")
    try:
        assert refused(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA recursive_triggers = ON")


def test_the_models_are_refused_just_the_same() -> None:
    event = AuditEvent.objects.latest("sequence")
    event.reason = "other"
    with pytest.raises(DatabaseError), transaction.atomic():
        event.save()
    with pytest.raises(DatabaseError), transaction.atomic():
        SettingVersion.objects.all().delete()
    event.refresh_from_db()
    assert event.reason == ""


@pytest.mark.schema
def test_triggers_go_and_come_back_with_their_migration() -> None:
    drop_triggers(connection)
    assert not refused(f"UPDATE {TRAIL} SET reason = 'other'")
    create_triggers(connection)
    assert refused(f"UPDATE {TRAIL} SET reason = 'third'")


@pytest.mark.django_db(transaction=True)
def test_triggers_stay_when_what_came_after_them_is_taken_back(declare: Callable[..., Any]) -> None:
    declare("suite.secret", type="secret", default="")
    change_setting(actor=None, key="suite.secret", environment="production", value="opensesame")
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    try:
        MigrationExecutor(connection).migrate([("settings_store", "0002_triggers")])
        for table in (TRAIL, VERSIONS):
            assert refused(f"UPDATE {table} SET reason = 'other'"), table
            assert refused(f"DELETE FROM {table}"), table
        assert refused(f"DELETE FROM {HEAD}")
        if connection.vendor == "sqlite":
            assert refused(f"INSERT OR REPLACE INTO {VERSIONS} SELECT * FROM {VERSIONS} LIMIT 1")
    finally:
        MigrationExecutor(connection).migrate(leaves)
    assert refused(f"UPDATE {VERSIONS} SET reason = 'other'")
    kept = SealedVersion.objects.get()
    context = secret_context("suite.secret", 1)
    assert open_sealed(bytes(kept.sealed), context=context, environment="production") == b"opensesame"
