"""What a permission costs in a request: the person's own question, and no other."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from rbac import role_map
from rbac.models import Assignment, Role
from tests.access.asking import Browser
from tests.access.rows import Rows
from tests.factories import make_user, role_named
from ui.registry import registry

# Where much is asked: rails, tabs and buttons show what somebody may do.
PAGES = ("/", "/profile/", "/chat/", "/settings/", "/flags/", "/audit/", "/prompts/", "/models/")
VERSION, ASSIGNMENT = "rbac_rolemapversion", "rbac_assignment"


@pytest.fixture
def person(house: Rows) -> User:
    """Somebody of several roles, one of which inherits from two others."""
    person = make_user(role="admin")
    for key in ("operator", "viewer"):
        Assignment.objects.create(user=person, role=role_named(key))
    return person


def asked(browser: Browser, path: str) -> list[str]:
    """The statements of a request by a process that knows the roles."""
    browser.ask("GET", path)
    with CaptureQueriesContext(connection) as captured:
        assert browser.ask("GET", path).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_for_its_person_with_roles_and_version_once(path: str, person: User) -> None:
    statements = asked(Browser(person), path)
    about = [sql for sql in statements if VERSION in sql]
    assert len(about) == 1
    # All in that one: the person, the roles that count, and the version of what they grant.
    assert ASSIGNMENT in about[0]
    assert User._meta.db_table in about[0]
    assert [sql for sql in statements if "auth_group" in sql or "auth_permission" in sql] == []


@pytest.mark.parametrize("path", ["/profile/", "/chat/", "/models/"])
def test_how_many_roles_somebody_has_costs_nothing(path: str, person: User) -> None:
    browser = Browser(person)
    before = len(asked(browser, path))
    for role in Role.objects.exclude(assignments__user=person):
        Assignment.objects.create(user=person, role=role)
    assert len(asked(browser, path)) == before


def test_every_permission_there_is_costs_one_question(person: User) -> None:
    browser, seen = Browser(person), []
    asked(browser, "/profile/")
    with CaptureQueriesContext(connection) as captured:
        found = User.objects.get(pk=person.pk)
        seen = [found.has_perm(name) for name in registry.permissions]
        seen += [found.has_perm(name) for permission in registry.permissions.values() for name in permission.django]
    assert all(seen)
    # The person, and what they may once it is asked for the first time.
    assert len(captured) == 2


def test_an_edit_of_a_role_costs_each_process_one_reading_of_the_map(person: User) -> None:
    client = Browser(person).client
    client.get("/profile/")
    with transaction.atomic(), role_map.changing_roles():
        pass
    readings = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/profile/").status_code == 200
        readings.append(sum("auth_group_permissions" in query["sql"] for query in captured.captured_queries))
    assert readings == [1, 0, 0]
