"""Each address answers the methods it says and no other, and only looks where it is only asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import models
from django.http import HttpResponse

from accounts.models import Session, User
from settings_store.models import AuditEvent, AuditHead, LimitCounter
from tests.access.asking import Browser
from tests.access.rows import Rows, rows_of
from tests.access.table import ALL_METHODS, Line
from tests.factories import make_user

pytestmark = pytest.mark.once
UNKNOWN = "BREW"
# What is noted about looking itself: who looked when, how often, and in the trail whose conversation it was.
ABOUT_LOOKING = (Session, LimitCounter, AuditEvent, AuditHead)
# Whoever leaves for a provider finds out whether it answers.
ABOUT_LEAVING = {"accounts.IdentityProvider": {"trouble", "updated_at"}}
KEPT = [model for model in apps.get_models() if model not in ABOUT_LOOKING and model._meta.managed]


@pytest.fixture
def person(house: Rows) -> User:
    """Somebody whom everything is open to."""
    return make_user(role="admin")


@pytest.fixture
def browser(person: User) -> Browser:
    return Browser(person, fresh=True)


@pytest.fixture
def rows(house: Rows, person: User) -> Rows:
    """Those of the one who looks, so that all that is their own is there."""
    return house | rows_of(person)


def test_each_address_answers_the_methods_it_says_and_no_other(
    browser: Browser, rows: Rows, every_line: list[Line]
) -> None:
    wrong = []
    for line in every_line:
        for method in (*ALL_METHODS, UNKNOWN):
            if method in {"GET", "POST"}:
                # Asked by every role elsewhere.
                continue
            answer = browser.ask(method, rows.path(line.route))
            may = method in line.methods or line.methods == ALL_METHODS
            if answer.status_code >= 500 or (answer.status_code != 405) is not may:
                wrong.append(f"{method} {line.route.route}: {answer.status_code}")
            elif not may and {each.strip() for each in answer["Allow"].split(",")} != set(line.methods):
                wrong.append(f"{method} {line.route.route}: Allow is {answer['Allow']}")
    assert not wrong, "\n".join(wrong)


def state() -> dict[str, Counter[str]]:
    """Everything that is kept, row by row."""
    return {model._meta.label: Counter(map(repr, _values(model))) for model in KEPT}


def _values(model: type[models.Model]) -> Iterator[tuple[object, ...]]:
    left_out = ABOUT_LEAVING.get(model._meta.label, set())
    columns = [field.attname for field in model._meta.concrete_fields if field.attname not in left_out]
    yield from model._default_manager.order_by().values_list(*columns)


def test_looking_changes_nothing(browser: Browser, rows: Rows, every_line: list[Line]) -> None:
    """By whoever may see everything; what a request changed is taken back, so each is compared with the beginning."""
    before, changed = state(), []

    def compare(answer: HttpResponse) -> None:
        if answer.streaming:
            # Read to its end, or as far as it goes without a reader who waits.
            return
        now = state()
        moved = [label for label in now if now[label] != before[label]]
        if moved:
            changed.append(f"{method} {path}: {', '.join(moved)}")

    looked = 0
    for line in every_line:
        for method in ("GET", "HEAD"):
            if method in line.methods:
                path = rows.path(line.route)
                browser.ask(method, path, seen=compare)
                looked += 1
    assert looked > 150
    assert not changed, "\n".join(changed)
