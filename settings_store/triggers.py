"""Triggers with which the database itself refuses to change what is written once: the trail and the versions.

A migration makes them. Nothing in the product drops them; the suite does, around the flush of its own database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TRAIL, VERSIONS, HEAD = "settings_store_auditevent", "settings_store_settingversion", "settings_store_audithead"
FUNCTION = "settings_store_refuse"
# The end of the trail only ever moves on.
BACKWARDS = "NEW.id <> OLD.id OR NEW.sequence < OLD.sequence OR (NEW.sequence = OLD.sequence AND NEW.hash <> OLD.hash)"


def create_triggers(connection: BaseDatabaseWrapper) -> None:
    _run(connection, _CREATE[connection.vendor]())


def drop_triggers(connection: BaseDatabaseWrapper) -> None:
    _run(connection, _DROP[connection.vendor]())


def _run(connection: BaseDatabaseWrapper, statements: Iterator[str]) -> None:
    # All or none, where the database can take back such statements.
    together: AbstractContextManager[None] = nullcontext()
    if connection.features.can_rollback_ddl:
        together = transaction.atomic(using=connection.alias)
    with together, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _sentence(table: str) -> str:
    return f"rows of {table} cannot be changed or deleted"


def _sqlite() -> Iterator[str]:
    # INSERT OR REPLACE deletes without asking the delete triggers of a connection that lacks recursive_triggers;
    # a trigger before the insertion is always asked.
    same = {
        TRAIL: "sequence = NEW.sequence",
        VERSIONS: "id = NEW.id OR (setting_id = NEW.setting_id AND version = NEW.version)",
        HEAD: "id = NEW.id",
    }
    for table, condition in same.items():
        refuse = f"BEGIN SELECT RAISE(ABORT, '{_sentence(table)}'); END"
        yield f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}"
        yield (
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608 - constants of this file
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {condition}) {refuse}"
        )
        when = f"WHEN {BACKWARDS} " if table == HEAD else ""
        yield f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {when}{refuse}"


def _postgresql() -> Iterator[str]:
    yield (
        f"CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'rows of % cannot be changed or deleted', TG_TABLE_NAME "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    execute = f"EXECUTE FUNCTION {FUNCTION}()"
    for table in (TRAIL, VERSIONS, HEAD):
        when = f"WHEN ({BACKWARDS}) " if table == HEAD else ""
        yield f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW {when}{execute}"
        yield f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW {execute}"
        yield f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {execute}"
        # session_replication_role = replica would silence an ordinary trigger.
        for act in ("update", "delete", "truncate"):
            yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_{act}"


def _mysql() -> Iterator[str]:
    for table in (TRAIL, VERSIONS, HEAD):
        signal = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_sentence(table)}'"
        yield f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW {signal}"
        if table == HEAD:
            signal = f"BEGIN IF {BACKWARDS} THEN {signal}; END IF; END"
        yield f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW {signal}"


def _drop_each(acts: tuple[str, ...], *, on_table: bool = False) -> Iterator[str]:
    for table in (TRAIL, VERSIONS, HEAD):
        for act in acts:
            yield f"DROP TRIGGER IF EXISTS {table}_no_{act}" + (f" ON {table}" if on_table else "")


def _drop_postgresql() -> Iterator[str]:
    yield from _drop_each(("update", "delete", "truncate"), on_table=True)
    yield f"DROP FUNCTION IF EXISTS {FUNCTION}()"


_CREATE: dict[str, Callable[[], Iterator[str]]] = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}
_DROP: dict[str, Callable[[], Iterator[str]]] = {
    "sqlite": lambda: _drop_each(("update", "delete", "replace")),
    "postgresql": _drop_postgresql,
    "mysql": lambda: _drop_each(("update", "delete")),
}
