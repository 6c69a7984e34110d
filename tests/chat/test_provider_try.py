"""Trying a server before it is saved: what happened in words, and nothing that was typed lost."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from chat.actions.provider import create_provider
from chat.models import HealthSample, Provider
from settings_store.models import AuditEvent
from tests.chat.model_server import ModelServer
from tests.factories import client_of, make_user
from tests.fake_model_server import KEY
from ui.guard import STEP_UP_SESSION_KEY

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client() -> Client:
    client = client_of(make_user(role="operator"))
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    return client


def words_of(client: Client, fields: dict[str, str], url: str = "/models/try/") -> str:
    response = client.post(url, fields, headers=HTMX)
    assert response.status_code in {200, 422}
    page: str = response.content.decode().replace("&#x27;", "'")
    assert "<html" not in page
    return page


def test_a_server_that_answers_says_how_many_models_and_how_long(client: Client, model_server: ModelServer) -> None:
    page = words_of(client, {"base_url": model_server.base_url, "key": KEY, "allow_private": "on"})
    assert "It answers in" in page
    assert "good" in page
    assert KEY not in page
    assert not Provider.objects.exists()
    assert not HealthSample.objects.exists()
    assert not AuditEvent.objects.filter(action__startswith="provider").exists()


@pytest.mark.parametrize(
    ("address", "key", "sentence"),
    [
        ("http://127.0.0.1:9/v1", "", "cannot be reached"),
        ("http://no-such-name.invalid/v1", "", "name cannot be found"),
        ("{server}/v1", "wrong-key", "does not accept our key"),
        ("{server}/wrong", "", "check that it ends in /v1"),
        ("{server}/odd", "", "list of models cannot be read"),
    ],
)
def test_each_failure_has_its_sentence(
    client: Client, model_server: ModelServer, address: str, key: str, sentence: str
) -> None:
    url = address.format(server=model_server.address)
    page = words_of(client, {"name": "X", "base_url": url, "key": key, "allow_private": "on"})
    assert sentence in page
    assert "That took" in page
    assert "wrong-key" not in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"base_url": "http://127.0.0.1:9/v1"}, "private"),
        ({"base_url": "http://169.254.169.254/v1", "allow_private": "on"}, "."),
        ({"base_url": "ftp://models.example.com/v1"}, "."),
        ({"base_url": ""}, "Base URL: This field is required."),
        ({"base_url": "https://models.example.com/v1", "key": "with space"}, "no spaces"),
        ({"base_url": "https://models.example.com/v1", "key": "nul\0"}, "."),
        ({}, "Base URL: This field is required."),
    ],
)
def test_what_is_not_called_at_all_says_why(client: Client, fields: dict[str, str], sentence: str) -> None:
    page = words_of(client, fields)
    assert "Nothing was asked yet." in page
    assert sentence in page


def test_a_kept_key_is_used_at_its_own_address_alone(client: Client, model_server: ModelServer) -> None:
    provider = create_provider(
        actor=None, name="Kept", base_url=model_server.base_url, key="wrong-key", allow_private=True
    )
    url = f"/models/{provider.public_id}/try/"
    fields = {"base_url": model_server.base_url, "allow_private": "on"}
    assert "does not accept our key" in words_of(client, fields, url)
    assert "It answers in" in words_of(client, fields | {"remove_key": "on"}, url)
    assert "It answers in" in words_of(client, fields | {"key": KEY}, url)
    for address in (f"{model_server.address}/tenant/v1", "http://127.0.0.1:9/v1", "https://evil.example.net/v1"):
        assert "This is another address." in words_of(client, fields | {"base_url": address}, url)


def test_a_key_sealed_elsewhere_is_a_sentence(client: Client, model_server: ModelServer) -> None:
    provider = create_provider(actor=None, name="Kept", base_url=model_server.base_url, key=KEY, allow_private=True)
    Provider.objects.update(sealed_key=b"from another installation")
    fields = {"base_url": model_server.base_url, "allow_private": "on"}
    assert "cannot be opened" in words_of(client, fields, f"/models/{provider.public_id}/try/")


def test_without_scripts_everything_but_the_key_is_still_there(client: Client, model_server: ModelServer) -> None:
    typed = {
        "name": "Typed",
        "base_url": model_server.base_url,
        "key": KEY,
        "allow_private": "on",
        "silence_seconds": "30",
        "parallel_limit": "4",
    }
    page = client.post("/models/try/", typed).content.decode()
    for shown in ("It answers in", 'value="Typed"', model_server.base_url, "checked", 'value="30"', 'value="4"'):
        assert shown in page
    assert KEY not in page
    assert "Enter it once more before you save." in page
    assert 'action="/models/new/"' in page


def test_without_a_fresh_password_it_is_asked_for_beside_the_button(model_server: ModelServer) -> None:
    client = client_of(make_user(role="operator"))
    page = words_of(client, {"base_url": model_server.base_url, "allow_private": "on"})
    assert "Confirm that it is you" in page
    assert "It answers" not in page


def test_who_may_only_read_tries_nothing(model_server: ModelServer) -> None:
    provider = create_provider(actor=None, name="Kept", base_url=model_server.base_url, key=KEY, allow_private=True)
    for role in ("manager", "supervisor", "user"):
        client = client_of(make_user(role=role))
        assert client.post("/models/try/", {"base_url": model_server.base_url}).status_code == 403
        assert client.post(f"/models/{provider.public_id}/try/").status_code == 403


def test_looking_is_no_trying(client: Client) -> None:
    assert client.get("/models/try/").status_code == 405
