"""What every test stands on: the triggers of the trail survive transactional tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connection
from django_tasks_db.management.commands import db_worker
from pytest_django import DjangoDbBlocker
from pytest_django.plugin import blocking_manager_key

from chat.search.words import empty_words as empty_search
from settings_store import store
from settings_store.crypto import keyring
from settings_store.definitions import definitions
from settings_store.trail import chain
from settings_store.trail.words import empty_words
from settings_store.triggers import create_triggers, drop_triggers

TRANSACTIONAL_FIXTURES = {"transactional_db", "live_server", "django_db_reset_sequences"}
DATABASE_FIXTURES = {"db", *TRANSACTIONAL_FIXTURES}


def _is_transactional(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return bool(marker and marker.kwargs.get("transaction")) or bool(TRANSACTIONAL_FIXTURES.intersection(fixtures))


def _asks_database(item: pytest.Item) -> bool:
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return bool(item.get_closest_marker("django_db")) or not DATABASE_FIXTURES.isdisjoint(fixtures)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fit tests to the database they run on.

    Those that change tables or triggers commit, and are cleaned up after, where that cannot be taken back. What asks
    no database, and long ones to which none makes a difference, are left to SQLite.
    """
    for item in items:
        if connection.vendor != "sqlite" and (item.get_closest_marker("once") or not _asks_database(item)):
            item.add_marker(pytest.mark.skip(reason="Runs once, on SQLite: no database makes a difference to it."))
        if item.get_closest_marker("schema") and not connection.features.can_rollback_ddl:
            item.add_marker(pytest.mark.django_db(transaction=True), append=False)


@pytest.fixture(autouse=True)
def _triggers_stand_aside(request: pytest.FixtureRequest) -> Iterator[None]:
    """Take the triggers of the trail away before the tables of a transactional test are emptied."""
    if _is_transactional(request.node):
        request.getfixturevalue("_django_db_helper")  # torn down after this fixture, and it is what empties
        yield
        drop_triggers(connection)
    else:
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Read the settings and look at the key once, so that no test is the one that pays for the first time."""
    with django_db_blocker.unblock():
        store.refresh()
        chain.check_key(keyring().newest)
    yield
    if connection.vendor != "postgresql":
        return
    # Threads that outlive their test keep a connection, and a database in use cannot be dropped.
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Put them back once the tables are empty; after the very last test there are no tables any more."""
    yield
    if nextitem is not None and _is_transactional(item):
        blocker: DjangoDbBlocker = item.config.stash[blocking_manager_key]
        with blocker.unblock():
            drop_triggers(connection)
            create_triggers(connection)
            empty_words(connection)
            empty_search(connection)
            # The copy of all settings that every test reads from must not outlive the rows it was made of.
            store.refresh()
            connection.close()


@pytest.fixture(scope="session", autouse=True)
def _settings_as_declared() -> None:
    """What asks no database finds every setting at the default that code declares, until one is asked."""
    if store._version is None:
        store._values = {each.key: each.default for each in definitions() if isinstance(each.default, str | int)}


@pytest.fixture
def post(db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[EmailMessage]]:
    """Does what waits in the queue of tasks, as a worker does, and answers the letters sent so far."""
    if connection.in_atomic_block:
        # A worker drops connections that are in a transaction, and that of a test is.
        monkeypatch.setattr(db_worker, "close_old_connections", lambda: None)

    def work_off() -> list[EmailMessage]:
        db_worker.Worker(
            queue_names=["*"],
            interval=0,
            batch=True,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id="tests",
            excluded_queue_names=[],
        ).run()
        return list(mail.outbox)

    return work_off


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Note what was skipped and why, for the command that runs the suite on several databases."""
    notes = os.environ.get("GATEHOUSE_TEST_SKIPPED")
    if not notes:
        return
    lines = []
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        lines.append(f"{report.nodeid}\t{' '.join(reason.removeprefix('Skipped: ').split())}\n")
    Path(notes).write_text("".join(lines))
