"""Who talks in these tests, and with what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient, Client

from accounts.models import User
from chat import generation
from chat.actions.provider import create_provider
from chat.models import Model, Provider
from tests.chat.model_server import ModelServer, running_model_server
from tests.chat.talk import Talk
from tests.factories import client_of, make_user
from tests.fake_model_server import KEY

type MakeModel = Callable[[str], Model]


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    with running_model_server() as server:
        yield server


@pytest.fixture
def provider(db: None, model_server: ModelServer) -> Provider:
    return create_provider(actor=None, name="Misbehaving", base_url=model_server.base_url, key=KEY, allow_private=True)


@pytest.fixture
def make_model(provider: Provider) -> MakeModel:
    """A model by its misbehaviour (see tests.fake_model_server)."""
    return lambda name: Model.objects.get_or_create(provider=provider, name=name)[0]


@pytest.fixture
def good(make_model: MakeModel) -> Model:
    return make_model("good")


@pytest.fixture
def ana(db: None) -> User:
    return make_user(username="ana.ruiz", full_name="Ana Ruiz")


@pytest.fixture
def as_ana(ana: User) -> Client:
    return client_of(ana)


@pytest.fixture
def stranger(db: None) -> User:
    return make_user(username="bo.lind", full_name="Bo Lind")


@pytest.fixture
def as_stranger(stranger: User) -> Client:
    return client_of(stranger)


@pytest.fixture
async def talk(transactional_db: None, ana: User, provider: Provider) -> AsyncIterator[Talk]:
    """Ana at her keyboard; what she began is ended with the test."""
    client = AsyncClient()
    await client.aforce_login(ana)
    yield Talk(client, provider)
    await generation.finish_all(0)
    # The thread that asgiref keeps for the database outlives the test, its connection must not.
    await sync_to_async(connections.close_all)()
