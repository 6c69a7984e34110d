"""Who plays in the tests of accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.models import User
from settings_store.models import AuditEvent
from tests.accounts.oidc import OidcServer, running_oidc_server
from tests.factories import client_of, make_user


@pytest.fixture
def person(db: None) -> User:
    return make_user(username="ana.ruiz", email="Ana.Ruiz@example.org", full_name="Ana Ruiz")


@pytest.fixture
def admin(db: None) -> User:
    return make_user(username="maren", role="admin", full_name="Maren Holt")


@pytest.fixture
def manager(db: None) -> User:
    return make_user(username="lena", role="manager", full_name="Lena Vogt")


@pytest.fixture
def supervisor(db: None) -> User:
    return make_user(username="kofi", role="supervisor", full_name="Kofi Mensah")


@pytest.fixture
def as_person(person: User) -> Client:
    return client_of(person)


@pytest.fixture
def as_admin(admin: User) -> Client:
    return client_of(admin)


@pytest.fixture
def as_manager(manager: User) -> Client:
    return client_of(manager)


@pytest.fixture
def as_supervisor(supervisor: User) -> Client:
    return client_of(supervisor)


class Trail:
    """What was recorded since the test began."""

    def __init__(self) -> None:
        self.start = AuditEvent.objects.count()

    @property
    def actions(self) -> list[str]:
        return [event.action for event in self.events]

    @property
    def events(self) -> list[AuditEvent]:
        return list(AuditEvent.objects.order_by("sequence")[self.start :])


@pytest.fixture
def trail(db: None) -> Trail:
    """Begins when asked for: name it last, after the people."""
    return Trail()


@pytest.fixture(scope="session")
def _oidc_server() -> Iterator[OidcServer]:
    with running_oidc_server() as server:
        yield server


@pytest.fixture
def oidc_server(_oidc_server: OidcServer) -> OidcServer:
    """The identity provider that does what a test tells it; at first, what it should."""
    _oidc_server.behave()
    return _oidc_server
