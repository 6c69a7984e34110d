"""What holds for every route: it says who may call it, and answers whatever it is asked in words.

Each test walks all routes and lists those that answer otherwise, so a route added later is covered without a word. Who
reaches what, with real rows, is asked in `tests/access/`.
"""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from rbac.actions import seed_system_roles
from tests.access.asking import Browser
from tests.factories import make_user
from tests.routes import routes
from ui.guard import Kind
from ui.registry import registry

ROUTES = routes()
OWN = [route for route in ROUTES if not route.is_foreign]
ODD = ("%00", "9" * 40, "%F0%9F%90%99", "..%2f..%2f", "%ED%A0%80", "-1")


@pytest.fixture
def admin(db: None) -> User:
    seed_system_roles()
    return make_user(role="admin", password=None)


@pytest.fixture
def browser(admin: User) -> Browser:
    return Browser(admin)


def test_every_route_declares_who_may_call_it() -> None:
    assert [route.route for route in ROUTES if route.access is None] == []
    asked = {route.access.permission for route in ROUTES if route.access and route.access.kind is Kind.PERMISSION}
    assert asked <= set(registry.permissions)


def test_the_walk_finds_the_pages() -> None:
    found = {route.path for route in ROUTES}
    assert {"/", "/login/", "/users/", "/roles/", "/settings/", "/audit/", "/chat/", "/conversations/"} <= found
    assert "/admin/" in found


def test_only_these_routes_are_public() -> None:
    """A new name here is a decision, not an accident."""
    public = {route.route for route in ROUTES if route.access and route.access.kind is Kind.PUBLIC}
    assert public == {
        "login/",
        "login/factor/",
        "login/factor/passkey/",
        "login/passkey/",
        "login/passkey/options/",
        "login/with/<slug:slug>/",
        "login/with/<slug:slug>/back/",
        # Those who come have no account, or no password; what they do here needs the token of a letter.
        "register/",
        "register/confirm/",
        "invitation/",
        "password/forgotten/",
        "password/reset/",
        "password/strength/",
        "healthz",
        "readyz",
        "admin/login/",
    }


def test_what_is_not_there_is_not_found(browser: Browser) -> None:
    """An id of nothing is a 404 to whoever may ask at all, or the method was the wrong one."""
    named = [route for route in OWN if "<" in route.route and not (route.access and route.access.step_up)]
    wrong = [
        (route.route, method, status)
        for route in named
        for method in ("GET", "POST")
        if (status := browser.ask(method, route.path).status_code) not in {404, 405}
    ]
    assert named
    assert wrong == []


def test_odd_ids_and_queries_are_answered_in_words(browser: Browser) -> None:
    names = ("q", "after", "before", "sort", "page", "person", "model", "next")
    wrong = []
    for route in OWN:
        for odd in ODD:
            path = f"{route.path}?{'&'.join(f'{name}={odd}' for name in names)}"
            if route.parameters:
                path = route.path_to(**dict.fromkeys(route.parameters, odd))
            if (status := browser.ask("GET", path).status_code) >= 500:
                wrong.append((path, status))
    assert wrong == []


FIELDS = """
name full_name username email password new_password1 new_password2 role reason starts_at ends_at priority parent
permissions value version next theme text message title content description base_url key supervisor
""".split()  # noqa: SIM905 - as a list it fills a page
ODD_VALUES = ("\x00", "9" * 40, b"\xed\xa0\x80", "1e400", "2026-99-99T99:99")


def test_odd_forms_are_answered_in_words(browser: Browser) -> None:
    """Every field anybody asks for, filled with what no field expects."""
    wrong = []
    for route in OWN:
        for odd in ODD_VALUES:
            status = browser.ask("POST", route.path, dict.fromkeys(FIELDS, odd)).status_code
            if status >= 500:
                wrong.append((route.route, odd, status))
    assert wrong == []


def test_no_unsafe_request_passes_without_its_token(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert [route.route for route in ROUTES if client.post(route.path).status_code != 403] == []
