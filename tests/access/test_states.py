"""Whoever is kept out, or has something to do first, gets nothing but the doors that the table declares for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import Session, User
from accounts.obstacles import FACTOR, PASSWORD_CHANGE
from settings_store.store import get_setting
from tests.access.asking import Browser, leads_to
from tests.access.rows import Rows, rows_of
from tests.access.table import Cell, Line, granted_to
from tests.accounts.factors import ask_of_role
from tests.factories import PASSWORD, make_user
from ui.guard import Kind

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("plain_refusals")]
METHODS = ("GET", "POST")

type IsRight = Callable[[Line, HttpResponse], bool]


@pytest.fixture
def admin(house: Rows) -> User:
    """Somebody whom everything is open to, were it not for what a test puts before them."""
    return make_user(role="admin")


@pytest.fixture
def rows(house: Rows) -> Rows:
    return house | rows_of(make_user(username="somebody"))


def wrong(browser: Browser, lines: list[Line], rows: Rows, is_right: IsRight) -> Iterator[str]:
    for line in lines:
        for method in METHODS:
            answer = browser.ask(method, rows.path(line.route))
            if not is_right(line, answer):
                yield f"{method} {line.route.route}: {answer.status_code} {answer.headers.get('Location', '')}"


def closed_to_strangers(line: Line, answer: HttpResponse) -> bool:
    """What nobody signed in is told: where the door is, or as a program that it stands before one."""
    if line.access.kind is Kind.PUBLIC:
        return answer.status_code not in {401, 403} and answer.status_code < 500
    if line.access.api:
        return answer.status_code == 401 and "json" in answer["Content-Type"]
    return leads_to(answer, "login")


def closed_by(obstacle: str, page: str) -> IsRight:
    """What somebody is told who must do something first."""

    def is_right(line: Line, answer: HttpResponse) -> bool:
        if line.access.kind is Kind.PUBLIC or obstacle in line.access.before:
            # Open as ever: to leave, and to clear away what stands there.
            return answer.status_code < 500 and answer.status_code != 401
        if line.access.api:
            return answer.status_code == 403 and "json" in answer["Content-Type"]
        return leads_to(answer, page)

    return is_right


def test_nobody_signed_in(rows: Rows, every_line: list[Line]) -> None:
    assert list(wrong(Browser(None), every_line, rows, closed_to_strangers)) == []


def test_the_deactivated_are_nobody_from_their_next_request_on(admin: User, rows: Rows, every_line: list[Line]) -> None:
    browser = Browser(admin, fresh=True)
    assert browser.ask("GET", "/settings/").status_code == 200
    User.objects.filter(pk=admin.pk).update(is_active=False)
    assert list(wrong(browser, every_line, rows, closed_to_strangers)) == []


def test_the_locked_do_not_get_in_by_the_right_password(admin: User, rows: Rows, every_line: list[Line]) -> None:
    client = Client()
    for _ in range(get_setting("accounts.lockout.attempts")):
        client.post("/login/", {"username": admin.username, "password": "wrong"})
    assert client.post("/login/", {"username": admin.username, "password": PASSWORD}).status_code == 422
    browser = Browser(None)
    browser.cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    assert list(wrong(browser, every_line, rows, closed_to_strangers)) == []


def test_a_factor_that_a_role_asks_for_comes_first(admin: User, rows: Rows, every_line: list[Line]) -> None:
    ask_of_role(admin)
    # The password alone, however fresh.
    browser = Browser(admin, fresh=True, factor=None)
    assert list(wrong(browser, every_line, rows, closed_by(FACTOR, "factor_due"))) == []


def test_a_password_that_others_know_comes_first(admin: User, rows: Rows, every_line: list[Line]) -> None:
    User.objects.filter(pk=admin.pk).update(must_change_password=True)
    browser = Browser(admin, fresh=True)
    assert list(wrong(browser, every_line, rows, closed_by(PASSWORD_CHANGE, "password_change"))) == []


def test_what_asks_for_the_password_again_opens_to_nobody_without(
    admin: User, rows: Rows, every_line: list[Line]
) -> None:
    asking = [line for line in every_line if line.access.step_up]
    assert len(asking) > 20
    assert list(wrong(Browser(admin), asking, rows, lambda line, answer: leads_to(answer, "step_up"))) == []


@pytest.mark.parametrize("role", ["user", "supervisor"])
def test_acting_as_somebody_one_reaches_what_they_reach_and_nothing_of_their_own(
    role: str, house: Rows, admin: User, every_line: list[Line]
) -> None:
    person = make_user(role=role, password=None)
    rows = house | rows_of(person)
    browser = Browser(admin, fresh=True)
    Session.objects.filter(user=admin).update(acting_as=person, acting_since=timezone.now())

    def is_right(line: Line, answer: HttpResponse) -> bool:
        if line.access.kind is Kind.PUBLIC or line.name in {"logout", "accounts:impersonation_end"}:
            return answer.status_code < 500
        if line.access.in_person or line.cell(granted_to(role)) is Cell.NO:
            return answer.status_code == 403
        return answer.status_code < 500 and not any(leads_to(answer, door) for door in ("login", "step_up"))

    assert list(wrong(browser, every_line, rows, is_right)) == []
