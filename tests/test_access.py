"""Who reaches what: every route of the product by every role, from what the routes themselves declare.

Each test walks all routes and lists those that answer otherwise, so a route added later is covered without a word.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from accounts.models import User
from rbac.actions import seed_system_roles
from rbac.system_roles import SYSTEM_ROLES
from tests.factories import client_of, make_user
from tests.routes import Route, routes
from ui.guard import Kind
from ui.registry import registry

ROUTES = routes()
OWN = [route for route in ROUTES if not route.is_foreign]
ODD = ("%00", "9" * 40, "%F0%9F%90%99", "..%2f..%2f", "%ED%A0%80", "-1")


@pytest.fixture
def admin(db: None) -> User:
    seed_system_roles()
    return make_user(role="admin", password=None)


def leads_to(response: HttpResponseBase, name: str) -> bool:
    return response.headers.get("Location", "").startswith(reverse(name))


def browser(user: User | None) -> Client:
    return client_of(user, raise_request_exception=False) if user else Client(raise_request_exception=False)


def answers(user: User | None, walked: list[Route] = ROUTES) -> Iterator[tuple[Route, str, HttpResponseBase]]:
    """What each route says to a GET and to an empty POST."""
    client = browser(user)
    for route in walked:
        for method in ("get", "post"):
            response = getattr(client, method)(route.path)
            yield route, method, response
            if method == "post" and response.status_code < 400:
                # Some routes end sessions.
                client = browser(user)


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


def test_strangers_are_sent_to_the_door(admin: User) -> None:
    wrong = []
    for route, method, response in answers(None):
        assert route.access is not None
        open_to_all = route.access.kind is Kind.PUBLIC
        # The admin's own door leads on to that of the house.
        sent = leads_to(response, "login") or leads_to(response, "admin:login")
        # A program is told in words it reads.
        if route.access.api:
            sent = response.status_code == 401 and response["Content-Type"] == "application/json"
        if (
            response.status_code >= 500
            or (not open_to_all and not sent)
            or (open_to_all and response.status_code == 403)
        ):
            wrong.append((route.route, method, response.status_code))
    assert wrong == []
    assert leads_to(Client().get(reverse("admin:login")), "login")


@pytest.mark.parametrize("role", [*(role.key for role in SYSTEM_ROLES), None])
def test_each_role_reaches_what_it_may_and_nothing_else(role: str | None, admin: User) -> None:
    user = make_user(role=role, password=None)
    wrong = []
    for route, method, response in answers(user):
        access, status = route.access, response.status_code
        assert access is not None
        if access.lacking(user):
            right = status == 403
        elif access.step_up:
            right = leads_to(response, "step_up")
        else:
            # Within its prefix the admin refuses by the permissions of each model.
            right = status < 500 and (status != 403 or route.is_foreign)
        if not right:
            wrong.append((route.route, method, status))
    assert wrong == []


def test_what_is_not_there_is_not_found(admin: User) -> None:
    """An id of nothing is a 404 to whoever may ask at all, or the method was the wrong one."""
    named = [route for route in OWN if "<" in route.route and not (route.access and route.access.step_up)]
    wrong = [
        (route.route, method, response.status_code)
        for route, method, response in answers(admin, named)
        if response.status_code not in {404, 405}
    ]
    assert named
    assert wrong == []


def test_odd_methods_are_answered_in_words(admin: User) -> None:
    client = browser(admin)
    asked = [(route, method) for route in OWN for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "BREW")]
    wrong = [
        (route.route, method, status)
        for route, method in asked
        if (status := client.generic(method, route.path).status_code) >= 500
    ]
    assert wrong == []


def test_odd_ids_and_queries_are_answered_in_words(admin: User) -> None:
    client = browser(admin)
    names = ("q", "after", "before", "sort", "page", "person", "model", "next")
    wrong = []
    for route in OWN:
        for odd in ODD:
            asked = [f"{route.path}?{'&'.join(f'{name}={odd}' for name in names)}"]
            if route.parameters:
                asked = [route.path_to(**dict.fromkeys(route.parameters, odd))]
            wrong += [(path, status) for path in asked if (status := client.get(path).status_code) >= 500]
    assert wrong == []


FIELDS = """
name full_name username email password new_password1 new_password2 role reason starts_at ends_at priority parent
permissions value version next theme text message title content description base_url key supervisor
""".split()  # noqa: SIM905 - as a list it fills a page
ODD_VALUES = ("\x00", "9" * 40, b"\xed\xa0\x80", "1e400", "2026-99-99T99:99")


def test_odd_forms_are_answered_in_words(admin: User) -> None:
    """Every field anybody asks for, filled with what no field expects."""
    wrong = []
    for route in OWN:
        for odd in ODD_VALUES:
            status = browser(admin).post(route.path, dict.fromkeys(FIELDS, odd)).status_code
            if status >= 500:
                wrong.append((route.route, odd, status))
    assert wrong == []


def test_a_first_password_is_changed_before_anything_else(admin: User) -> None:
    User.objects.filter(pk=admin.pk).update(must_change_password=True)
    wrong = [
        (route.route, method, response.status_code)
        for route, method, response in answers(admin)
        if route.access
        and route.access.kind is not Kind.PUBLIC
        and "password_change" not in route.access.before
        and not (response.status_code == 403 if route.access.api else leads_to(response, "password_change"))
    ]
    assert wrong == []


def test_no_unsafe_request_passes_without_its_token(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert [route.route for route in ROUTES if client.post(route.path).status_code != 403] == []
