"""Where words are looked up: a table beside the messages with the full text index that each database has.

It holds a row for each conversation, with its title and description, and one for each finished message; the owner is
in the index as one word more, so that a search of one's own never goes through what others said. Triggers write it:
whatever changes a message or an owner changes it too, and an answer gets in when it has ended. Accents and case make
no difference anywhere. A migration makes it; nothing in the product takes it away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, cast

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from chat.search import mariadb, postgresql, sqlite
from chat.search.tables import WORDS

# So many rows are read at once when the table is made.
BATCH = 5000


class Vendor(Protocol):
    """What the module of a database offers: statements, and those that read rows `BETWEEN %s AND %s` into the table."""

    def table(self) -> Iterator[str]: ...
    def triggers(self) -> Iterator[str]: ...
    def filling(self) -> dict[str, str]: ...
    def index(self) -> Iterator[str]: ...
    def drop(self) -> Iterator[str]: ...


def create_words(connection: BaseDatabaseWrapper) -> None:
    """Make the table and fill it from what was said so far."""
    vendor = _vendor(connection)
    drop_words(connection)
    _run(connection, vendor.table())
    # Before the first row is read, so that nothing said meanwhile is missed.
    _run(connection, vendor.triggers())
    with connection.cursor() as cursor:
        for table, statement in vendor.filling().items():
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")  # noqa: S608 - a constant of this package
            (last,) = cursor.fetchone()
            for first in range(1, last + 1, BATCH):
                cursor.execute(statement, [first, first + BATCH - 1])
    _run(connection, vendor.index())


def drop_words(connection: BaseDatabaseWrapper) -> None:
    _run(connection, _vendor(connection).drop())


def mend_words(*, using: str, **_signal: object) -> None:
    """After a migration: put back the triggers that a table of SQLite loses when it is made anew."""
    connection = connections[using]
    if connection.vendor == "sqlite" and WORDS in connection.introspection.table_names():
        _run(connection, sqlite.triggers())


def empty_words(connection: BaseDatabaseWrapper) -> None:
    """Forget the words of conversations that were emptied by TRUNCATE, of which MariaDB tells no trigger."""
    if connection.vendor == "mysql":
        _run(connection, [f"TRUNCATE TABLE {WORDS}"])


def _vendor(connection: BaseDatabaseWrapper) -> Vendor:
    modules = {"sqlite": sqlite, "postgresql": postgresql, "mysql": mariadb}
    return cast(Vendor, modules[connection.vendor])


def _run(connection: BaseDatabaseWrapper, statements: Iterable[str]) -> None:
    # All or none, where the database can take back such statements.
    together: AbstractContextManager[None] = nullcontext()
    if connection.features.can_rollback_ddl:
        together = transaction.atomic(using=connection.alias)
    with together, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
