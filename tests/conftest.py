"""What every test stands on: ground rows and triggers that survive transactional tests."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from importlib.util import find_spec

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker
from pytest_django.plugin import blocking_manager_key

TRANSACTIONAL_FIXTURES = {"transactional_db", "live_server", "django_db_reset_sequences"}


def _is_transactional(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return bool(marker and marker.kwargs.get("transaction")) or bool(TRANSACTIONAL_FIXTURES.intersection(fixtures))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give transactional tests the rows back that migrations laid down, which their flush takes away."""
    for item in items:
        if not _is_transactional(item):
            continue
        if marker := item.get_closest_marker("django_db"):
            kwargs = {**marker.kwargs, "serialized_rollback": True}
            item.add_marker(pytest.mark.django_db(*marker.args, **kwargs), append=False)
        else:
            item.fixturenames.append("django_db_serialized_rollback")  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _triggers_stand_aside(request: pytest.FixtureRequest) -> Iterator[None]:
    """Take the triggers of the trail away before the tables of a transactional test are emptied."""
    if _is_transactional(request.node) and find_spec("settings_store.triggers"):
        request.getfixturevalue("_django_db_helper")  # torn down after this fixture, and it is what empties
        yield
        from settings_store.triggers import drop_triggers

        drop_triggers(connection)
    else:
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Put them back once the tables are empty."""
    yield
    if _is_transactional(item) and find_spec("settings_store.triggers"):
        from settings_store.triggers import create_triggers

        blocker: DjangoDbBlocker = item.config.stash[blocking_manager_key]
        with blocker.unblock():
            create_triggers(connection)
            connection.close()
