"""Databases of their own for a measurement or a proof: made under a fresh name, and dropped at the end.

SQLite is a file. PostgreSQL and MariaDB are used where TEST_DATABASE_URL and TEST_MARIADB_URL point, or else a server
of this machine that lets its administrator in without a password.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

SERVERS = {
    "PostgreSQL": ("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres"),
    "MariaDB": ("TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/mysql"),
}
EVERY = ("SQLite", *SERVERS)


@contextmanager
def fresh_database(name: str, *, folder: str) -> Iterator[str]:
    """The address of a new database on SQLite, PostgreSQL or MariaDB; an empty one where no such server answers."""
    if name == "SQLite":
        yield f"sqlite:///{folder}/{secrets.token_hex(4)}.sqlite3"
        return
    variable, usual = SERVERS[name]
    server = os.environ.get(variable) or usual
    database = f"gatehouse_{secrets.token_hex(6)}"
    run = _on_postgresql if name == "PostgreSQL" else _on_mariadb
    try:
        run(server, f"CREATE DATABASE {database}{' CHARACTER SET utf8mb4' if name == 'MariaDB' else ''}")
    except OSError as error:
        print(f"{name} is left out: {error}.")
        yield ""
        return
    try:
        yield urlsplit(server)._replace(path=f"/{database}").geturl()
    finally:
        with suppress(OSError):
            run(server, f"DROP DATABASE {database}{' WITH (FORCE)' if name == 'PostgreSQL' else ''}")


def _on_postgresql(server: str, statement: str) -> None:
    import psycopg

    try:
        with psycopg.connect(server, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())
    except psycopg.OperationalError as error:
        raise OSError("no server answers") from error


def _on_mariadb(server: str, statement: str) -> None:
    import pymysql

    parts = urlsplit(server)
    try:
        connection = pymysql.connect(
            host=parts.hostname, port=parts.port or 3306, user=parts.username, password=parts.password or ""
        )
    except pymysql.err.OperationalError as error:
        raise OSError("no server answers") from error
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
