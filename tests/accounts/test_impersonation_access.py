"""Whoever acts as somebody reaches what that person reaches, route by route, but for what is the person's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from accounts.models import Session, User
from rbac.actions import seed_system_roles
from tests.factories import client_of, make_user
from tests.routes import Route, routes
from ui.guard import STEP_UP_SESSION_KEY, Kind

# These two end what the others are asked within.
LEAVING = {"act-as/leave/", "logout/"}
# Of the Django admin the first page stands for all: within its prefix it asks by the same person.
ROUTES = [
    route
    for route in routes()
    if route.access and route.route not in LEAVING and (not route.is_foreign or route.route == "admin/")
]


def answers(client_now: Callable[[], Client]) -> Iterator[tuple[Route, str, HttpResponseBase]]:
    client = client_now()
    for route in ROUTES:
        for method in ("get", "post"):
            response = getattr(client, method)(route.path)
            yield route, method, response
            if method == "post" and response.status_code < 400:
                client = client_now()


@pytest.mark.once
@pytest.mark.parametrize("role", ["user", "operator", "manager"])
def test_an_admin_acting_as_somebody_reaches_what_they_reach(role: str, db: None) -> None:
    seed_system_roles()
    admin = make_user(role="admin", password=None)
    person = make_user(role=role, password=None)

    def own() -> Client:
        return client_of(person, raise_request_exception=False)

    def acting() -> Client:
        client = client_of(admin, raise_request_exception=False)
        session = client.session
        # However fresh the admin's own password is, nothing of the person's opens by it.
        session[STEP_UP_SESSION_KEY] = timezone.now().timestamp()
        session.save()
        Session.objects.filter(user=admin).update(acting_as=person, acting_since=timezone.now())
        return client

    wrong = []
    for (route, method, theirs), (_route, _method, seen) in zip(answers(own), answers(acting), strict=True):
        access = route.access
        assert access is not None
        refused = access.in_person and access.kind is not Kind.PUBLIC
        expected = 403 if refused else theirs.status_code
        if seen.status_code != expected:
            wrong.append((route.route, method, theirs.status_code, seen.status_code))
    assert wrong == []


def test_the_walk_knows_what_is_in_person(db: None) -> None:
    found = {route.route for route in ROUTES if route.access and route.access.in_person}
    assert {"password/", "step-up/", "theme/", "users/<uuid:user_id>/act-as/"} <= found
    assert User.objects.count() == 0
