"""The page of model servers: what is on them, switching them on and off, and asking them for their models."""

from __future__ import annotations

import time
import uuid

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat.actions.model import set_model_enabled
from chat.actions.provider import create_provider, record_check
from chat.health import note_call
from chat.models import Model, Provider
from settings_store.models import AuditEvent
from tests.chat.model_server import ModelServer
from tests.factories import client_of, make_user
from ui.guard import STEP_UP_SESSION_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return client_of(make_user(role="operator"))


def server(base_url: str = "http://127.0.0.1:9/v1", key: str = "") -> Provider:
    return create_provider(actor=None, name="Server", base_url=base_url, key=key, allow_private=True)


def test_checking_finds_the_models(client: Client, model_server: ModelServer) -> None:
    provider = server(model_server.base_url, key="right-key")
    client.post(f"/models/{provider.public_id}/check/")
    assert "good" in Model.objects.usable().values_list("name", flat=True)
    assert "good" in client.get("/models/").content.decode()
    event = AuditEvent.objects.get(action="provider.checked")
    assert "good" in (event.after or {})["added"]
    assert "right-key" not in str(event.after)


@pytest.mark.parametrize("fault", ["refused", "unauthorised", "odd", "sealed"])
def test_what_is_wrong_is_said_in_a_sentence(client: Client, model_server: ModelServer, fault: str) -> None:
    provider = {
        "refused": lambda: server(),
        "unauthorised": lambda: server(model_server.base_url, key="wrong-key"),
        "odd": lambda: server(f"{model_server.address}/odd"),
        "sealed": lambda: server(model_server.base_url, key="right-key"),
    }[fault]()
    if fault == "sealed":
        Provider.objects.update(sealed_key=b"from another installation")
    response = client.post(f"/models/{provider.public_id}/check/", follow=True)
    provider.refresh_from_db()
    assert provider.trouble.endswith(".")
    assert provider.trouble in response.content.decode().replace("&#x27;", "'")
    assert "wrong-key" not in provider.trouble
    assert provider.checked_at is not None


def test_a_failing_check_takes_no_model_away(client: Client) -> None:
    provider = server()
    record_check(actor=None, provider=provider, found=["kept"])
    client.post(f"/models/{provider.public_id}/check/")
    assert Model.objects.get().is_present


def test_a_model_that_is_gone_stays_by_name_and_returns_as_it_was() -> None:
    provider = server()
    record_check(actor=None, provider=provider, found=["a", "b"])
    set_model_enabled(actor=None, model=Model.objects.get(name="a"), is_enabled=False)
    record_check(actor=None, provider=provider, found=["b"])
    assert not Model.objects.get(name="a").is_present
    record_check(actor=None, provider=provider, found=["a", "b"])
    back = Model.objects.get(name="a")
    assert (back.is_present, back.is_enabled) == (True, False)


def test_a_check_nobody_asked_for_is_in_the_trail_only_with_news() -> None:
    provider = server()
    record_check(actor=None, provider=provider, found=["a"])
    record_check(actor=None, provider=provider, found=["a"])
    assert AuditEvent.objects.filter(action="provider.checked").count() == 1


def test_switching_a_model_off_takes_it_out_of_the_choice_and_twice_is_once(client: Client) -> None:
    provider = server()
    record_check(actor=None, provider=provider, found=["a", "b"])
    model = Model.objects.get(name="a")
    url = f"/models/{provider.public_id}/models/{model.public_id}/enabled/"
    for _press in range(2):
        assert client.post(url, {"enabled": "0"}).status_code == 302
    assert [usable.name for usable in Model.objects.usable()] == ["b"]
    assert AuditEvent.objects.filter(action="model.updated").count() == 1
    client.post(url, {"enabled": "1"})
    assert Model.objects.usable().count() == 2


def test_switching_a_server_off_takes_all_its_models_out(client: Client) -> None:
    provider = server()
    record_check(actor=None, provider=provider, found=["a"])
    client.post(f"/models/{provider.public_id}/enabled/", {"enabled": "0"})
    assert not Model.objects.usable().exists()
    assert "paused" in client.get("/models/").content.decode()


def test_a_model_is_found_under_its_own_server_alone(client: Client) -> None:
    record_check(actor=None, provider=server(), found=["a"])
    other = create_provider(actor=None, name="Other", base_url="https://models.example.com/v1")
    model = Model.objects.get()
    assert client.post(f"/models/{other.public_id}/models/{model.public_id}/enabled/").status_code == 404
    assert client.post(f"/models/{uuid.uuid4()}/models/{model.public_id}/enabled/").status_code == 404
    assert client.post(f"/models/{model.provider.public_id}/models/{uuid.uuid4()}/enabled/").status_code == 404
    model.refresh_from_db()
    assert model.is_enabled


def test_reading_changes_nothing(client: Client) -> None:
    provider = server()
    for act in ("check", "enabled"):
        assert client.get(f"/models/{provider.public_id}/{act}/").status_code == 405
    provider.refresh_from_db()
    assert provider.checked_at is None


def test_names_of_models_are_shown_as_text(client: Client) -> None:
    record_check(actor=None, provider=server(), found=["<script>alert(1)</script>"])
    page = client.get("/models/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_who_may_look_only_sees_no_buttons() -> None:
    server()
    page = client_of(make_user(role="manager")).get("/models/").content.decode()
    assert "Server" in page
    assert "Check now" not in page
    assert client_of(make_user(role="user")).get("/models/").status_code == 403


def test_without_any_server_the_page_says_what_to_do(client: Client) -> None:
    assert "No model server yet" in client.get("/models/").content.decode()


def test_the_number_of_queries_does_not_grow(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client.get("/models/")
    for number in range(3):
        provider = create_provider(actor=None, name=f"S{number}", base_url="https://models.example.com/v1")
        record_check(actor=None, provider=provider, found=[f"m{each}" for each in range(20)])
    with django_assert_num_queries(7):  # session, person, chooser, servers, models, their roles, health
        client.get("/models/")


def test_all_models_of_a_server_are_offered_and_withdrawn_at_once(client: Client) -> None:
    provider = server()
    record_check(actor=None, provider=provider, found=["a", "b", "c"])
    other = create_provider(actor=None, name="Other", base_url="https://models.example.com/v1")
    record_check(actor=None, provider=other, found=["untouched"])
    url = f"/models/{provider.public_id}/models/enabled/"
    page = client.post(url, {"enabled": "0"}, follow=True).content.decode()
    assert "3 models are offered no more." in page
    assert [model.name for model in Model.objects.usable()] == ["untouched"]
    client.post(url, {"enabled": "0"})
    event = AuditEvent.objects.get(action="provider.models_withdrawn")
    assert event.after == {"models": ["a", "b", "c"]}
    client.post(url, {"enabled": "1"})
    assert Model.objects.usable().count() == 4


def test_those_a_search_shows_are_switched_and_no_others(client: Client) -> None:
    provider = server()
    record_check(actor=None, provider=provider, found=["qwen3:4b", "qwen3:8b", "llama3"])
    response = client.post(f"/models/{provider.public_id}/models/enabled/", {"enabled": "0", "q": "QWEN"})
    assert response.headers["Location"].startswith("/models/?q=QWEN#")
    assert [model.name for model in Model.objects.usable()] == ["llama3"]


@pytest.mark.parametrize(("words", "found"), [("qwen 8b", True), ("QUICK", True), ("llama qwen", False), ("\0", False)])
def test_models_are_found_by_both_their_names(client: Client, words: str, found: bool) -> None:
    record_check(actor=None, provider=server(), found=["qwen3:8b", "llama3"])
    Model.objects.filter(name="qwen3:8b").update(label="Quick one")
    page = client.get("/models/", {"q": words}).content.decode()
    assert ("qwen3:8b" in page) == found
    assert ("No model has this name" in page) != found


def test_the_last_hour_is_drawn_and_said(client: Client) -> None:
    provider = server()
    assert "No calls in the last hour." in client.get("/models/").content.decode()
    note_call(provider.pk, ok=True, first_token_ms=800)
    page = client.get("/models/").content.decode()
    assert "1 call in the last hour, none failed, slowest first token 0.80 s." in page
    assert page.count("<rect") == 1
    note_call(provider.pk, ok=False, first_token_ms=None)
    page = client.get("/models/").content.decode()
    assert "2 calls in the last hour, 1 failed" in page
    assert page.count("<rect") == 2
    assert "Calls of Server in the last hour" in page


def test_the_page_says_with_which_model_conversations_begin(client: Client) -> None:
    assert "New conversations begin" not in client.get("/models/").content.decode()
    record_check(actor=None, provider=server(), found=["a", "b"])
    assert "New conversations begin with a on Server." in client.get("/models/").content.decode()
    Model.objects.update(is_enabled=False)
    assert "No model can be talked with now." in client.get("/models/").content.decode()


def test_patience_and_limit_of_a_server_are_kept_and_shown(client: Client) -> None:
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    fields = {"name": "Slow", "base_url": "http://127.0.0.1:9/v1", "allow_private": "on"}
    client.post("/models/new/", fields | {"silence_seconds": "120", "parallel_limit": "3"})
    provider = Provider.objects.get()
    assert (provider.silence_seconds, provider.parallel_limit) == (120, 3)
    assert "2 min" in client.get("/models/").content.decode()
    url = f"/models/{provider.public_id}/edit/"
    assert 'value="120"' in client.get(url).content.decode()
    for field, value in (("silence_seconds", "0"), ("parallel_limit", "-1"), ("parallel_limit", "65536")):
        assert client.post(url, fields | {field: value}).status_code == 422
    client.post(url, fields)
    provider.refresh_from_db()
    assert (provider.silence_seconds, provider.parallel_limit) == (None, None)
    event = AuditEvent.objects.get(action="provider.updated")
    assert event.before == {"silence_seconds": 120, "parallel_limit": 3}
