"""Who may let the house into private networks, and what becomes of whoever may not."""

from __future__ import annotations

import time

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User
from chat.actions.provider import create_provider, update_provider
from chat.models import Provider
from rbac.models import Assignment, Role
from rbac.role_map import changing_roles
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user, role_named
from ui.guard import STEP_UP_SESSION_KEY

pytestmark = pytest.mark.django_db
SENTENCE = "need the permission models:private."
INSIDE = "http://127.0.0.1:9/v1"


@pytest.fixture
def keeper() -> User:
    """Somebody who looks after model servers, but may not reach into private networks."""
    person = make_user(role=None)
    operator = role_named("operator")
    with changing_roles():
        group = type(operator.group).objects.create(name="Keepers")
        role = Role.objects.create(name="Keepers", name_key="keepers", group=group)
        names = ("models.read", "models.write")
        group.permissions.set(operator.group.permissions.filter(codename__in=names))
    Assignment.objects.create(user=person, role=role)
    return User.objects.get(pk=person.pk)


def sure(user: User) -> Client:
    client = client_of(user)
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    return client


def test_the_keeper_is_one(keeper: User) -> None:
    assert keeper.has_perms(["models.read", "models.write"])
    assert not keeper.has_perm("models.private")


def test_a_new_server_is_public_without_it(keeper: User) -> None:
    fields = {"name": "Inside", "base_url": INSIDE, "allow_private": "on", "key": ""}
    for address in ("/models/new/", "/models/try/"):
        response = sure(keeper).post(address, fields)
        if response.status_code != 404:
            assert response.status_code == 422
            assert SENTENCE in response.content.decode()
            assert INSIDE in response.content.decode()
    assert not Provider.objects.exists()
    assert create_provider(actor=keeper, name="Outside", base_url="https://models.example/v1")


def test_a_public_server_is_not_let_in_later(keeper: User) -> None:
    provider = create_provider(actor=None, name="Outside", base_url="https://models.example/v1")
    events = AuditEvent.objects.count()
    with pytest.raises(ValidationError, match=SENTENCE):
        update_provider(actor=keeper, provider=provider, name="Outside", base_url=provider.base_url, allow_private=True)
    provider.refresh_from_db()
    assert not provider.allow_private
    assert AuditEvent.objects.count() == events


def test_one_that_is_let_in_is_renamed_and_shut_out_but_not_moved(keeper: User) -> None:
    provider = create_provider(actor=None, name="Inside", base_url=INSIDE, allow_private=True)
    with pytest.raises(ValidationError, match=SENTENCE):
        update_provider(
            actor=keeper, provider=provider, name="Inside", base_url="http://127.0.0.1:10/v1", allow_private=True
        )
    update_provider(actor=keeper, provider=provider, name="Renamed", base_url=INSIDE, allow_private=True)
    update_provider(
        actor=keeper, provider=provider, name="Renamed", base_url="https://models.example/v1", allow_private=False
    )
    provider.refresh_from_db()
    assert (provider.name, provider.allow_private) == ("Renamed", False)


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_who_runs_the_house_may(role: str) -> None:
    person = make_user(role=role)
    assert create_provider(actor=person, name="Inside", base_url=INSIDE, allow_private=True).allow_private
