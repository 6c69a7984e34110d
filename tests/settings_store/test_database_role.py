"""The role docs/operations.md gives the server on PostgreSQL: it owns nothing, so it can take no guard away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from settings_store import audit
from settings_store.actions import change_setting
from settings_store.models import AuditEvent

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="the statements for this role are PostgreSQL's"),
]

TRAIL, VERSIONS, HEAD = "settings_store_auditevent", "settings_store_settingversion", "settings_store_audithead"
ROLE = "gatehouse_server_of_the_suite"


@pytest.fixture
def as_server() -> Iterator[None]:
    """Act as the role that the document makes, by the very statements that stand there."""
    text = (Path(settings.BASE_DIR) / "docs" / "operations.md").read_text()
    found = re.search(r"```sql\n-- PostgreSQL[^\n]*\n(.*?)```", text, re.DOTALL)
    assert found
    with connection.cursor() as cursor:
        cursor.execute(f"DROP ROLE IF EXISTS {ROLE}")
        for statement in filter(None, map(str.strip, found.group(1).split(";"))):
            wanted = re.sub(r"\bgatehouse_server\b", ROLE, statement)
            wanted = wanted.replace("LOGIN PASSWORD '…'", "NOLOGIN").replace("DATABASE gatehouse", _database())
            cursor.execute(wanted)
        # What is still to be checked at the end of the transaction is checked as the owner.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"SET ROLE {ROLE}")
        yield
        cursor.execute("RESET ROLE")


def _database() -> str:
    return f"DATABASE {connection.ops.quote_name(str(connection.settings_dict['NAME']))}"


def test_what_the_product_writes_it_may_write(as_server: None) -> None:
    change_setting(actor=None, key="settings_store.reason_required", environment="staging", value="true")
    audit.record("a.b", actor=None)
    assert AuditEvent.objects.filter(action="a.b").exists()
    assert list(audit.verify()) == []


@pytest.mark.parametrize(
    "statement",
    [
        *(
            form.format(table=table)
            for table in (TRAIL, VERSIONS)
            for form in (
                "UPDATE {table} SET reason = 'other'",
                "DELETE FROM {table}",
                "TRUNCATE {table} CASCADE",
                "ALTER TABLE {table} DISABLE TRIGGER {table}_no_update",
                "ALTER TABLE {table} ADD COLUMN more int",
                "DROP TRIGGER {table}_no_update ON {table}",
                "DROP TABLE {table} CASCADE",
            )
        ),
        f"DELETE FROM {HEAD}",
        f"INSERT INTO {HEAD} (id, sequence, hash) VALUES (2, 0, '')",
        f"DROP TRIGGER {HEAD}_no_update ON {HEAD}",
        (
            "CREATE OR REPLACE FUNCTION settings_store_refuse() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RETURN NULL; END $$"
        ),
        "DROP FUNCTION settings_store_refuse() CASCADE",
        "SET session_replication_role = replica",
        "CREATE TABLE another (id int)",
    ],
)
def test_what_would_take_a_guard_away_it_may_not(as_server: None, statement: str) -> None:
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
        connection.cursor().execute(statement)
