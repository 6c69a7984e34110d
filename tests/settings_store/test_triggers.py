"""The database itself refuses to change what is written once, whoever sends the statement."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from settings_store import audit
from settings_store.actions import change_setting
from settings_store.models import AuditEvent, SettingVersion
from settings_store.triggers import create_triggers, drop_triggers

pytestmark = pytest.mark.django_db

TRAIL, VERSIONS, HEAD = "settings_store_auditevent", "settings_store_settingversion", "settings_store_audithead"


@pytest.fixture(autouse=True)
def _written() -> None:
    change_setting(actor=None, key="settings_store.reason_required", environment="staging", value="true")
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


def test_triggers_go_and_come_back_with_their_migration() -> None:
    drop_triggers(connection)
    assert not refused(f"UPDATE {TRAIL} SET reason = 'other'")
    create_triggers(connection)
    assert refused(f"UPDATE {TRAIL} SET reason = 'third'")
