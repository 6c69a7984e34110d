"""Trying two texts of a prompt beside each other."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from html import unescape
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.db.models import Sum
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client

from accounts.models import User
from chat import trying
from chat.actions.prompt import create_prompt, update_prompt
from chat.models import Conversation, HealthSample, Message, Model, Provider, SystemPrompt
from settings_store.actions import change_setting
from settings_store.models import AuditEvent
from tests.chat.conftest import MakeModel
from tests.chat.model_server import ModelServer
from tests.factories import client_of, make_user

# The house asks the database from threads of its own, which would wait for a transaction around the test.
pytestmark = pytest.mark.django_db(transaction=True)

LINES = "application/x-ndjson"


@pytest.fixture
def prompt(transactional_db: None) -> SystemPrompt:
    return create_prompt(actor=None, name="Letters", content="Live for {{name}}.")


@pytest.fixture
def writer(transactional_db: None) -> User:
    return make_user(username="maren", role="manager", full_name="Maren Holt")


@pytest.fixture
def as_writer(writer: User) -> Client:
    return client_of(writer)


def asked(prompt: SystemPrompt, model: Model, **changes: str) -> dict[str, str]:
    given = {"message": "Hello", "model": str(model.pk), "left": str(prompt.version), "right": "draft"}
    return given | {"content": "Edited on {{date}}."} | changes


def url_of(prompt: SystemPrompt) -> str:
    return f"/prompts/{prompt.public_id}/try/"


def shown(page: bytes) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page.decode()))


def test_both_texts_are_sent_as_a_conversation_would_send_them(
    prompt: SystemPrompt, make_model: MakeModel, as_writer: Client
) -> None:
    model = make_model("echo")
    model.parameters = {"temperature": 0.1}
    model.save()
    response = as_writer.post(url_of(prompt), asked(prompt, model))
    page = shown(response.content)
    assert response.status_code == 200
    assert '{"content": "Live for Maren Holt.", "role": "system"}, {"content": "Hello", "role": "user"}' in page
    assert re.search(r'{"content": "Edited on \d{4}-\d\d-\d\d\.", "role": "system"}', page)
    assert page.count('"temperature": 0.1') == 2
    assert "Version 1, live" in page


def test_time_tokens_and_cost_are_told(prompt: SystemPrompt, good: Model, as_writer: Client) -> None:
    good.price_in, good.price_out = Decimal(1_000_000), Decimal(1_000_000)
    good.save()
    page = shown(as_writer.post(url_of(prompt), asked(prompt, good)).content)
    assert page.count("Hello, you.") == 2
    assert page.count("7 in · 3 out") == 2
    assert page.count("first token") == 2
    assert page.count("€10.00") == 2


def test_nothing_of_it_is_kept(prompt: SystemPrompt, good: Model, as_writer: Client) -> None:
    events = AuditEvent.objects.count()
    as_writer.post(url_of(prompt), asked(prompt, good, message="a word of mine"))
    prompt.refresh_from_db()
    assert (prompt.content, prompt.version) == ("Live for {{name}}.", 1)
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()
    assert AuditEvent.objects.count() == events


def test_each_failure_is_told_in_its_column(prompt: SystemPrompt, make_model: MakeModel, as_writer: Client) -> None:
    page = shown(as_writer.post(url_of(prompt), asked(prompt, make_model("cut"))).content)
    assert page.count("The connection to the model server ended early.") == 2
    page = shown(as_writer.post(url_of(prompt), asked(prompt, make_model("too-long"))).content)
    assert page.count("This is longer than the model can read.") == 2


def test_old_versions_can_be_tried(prompt: SystemPrompt, make_model: MakeModel, as_writer: Client) -> None:
    update_prompt(actor=None, prompt=prompt, name="Letters", description="", content="Second.")
    prompt.refresh_from_db()
    given = asked(prompt, make_model("echo"), left="1", right="2", content="")
    page = shown(as_writer.post(url_of(prompt), given).content)
    assert "Live for Maren Holt." in page
    assert "Second." in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"message": ""}, "Write a message first."),
        ({"message": "x" * 8_001}, "At most 8000 characters; these are 8001."),
        ({"message": "nul\0"}, "Null characters are not allowed."),
        ({"content": ""}, "Write the text that is to be tried."),
        ({"content": "x" * 32_001}, "At most 32000 characters; these are 32001."),
        ({"content": "Hi {{nmae}}"}, "There is no variable {{nmae}}. Did you mean {{name}}?"),
        ({"model": "999999"}, "This model is not there any more. Choose another."),
        ({"left": "7"}, "Select a valid choice."),
        ({"right": "nonsense"}, "Select a valid choice."),
    ],
)
def test_bad_input_is_told_and_nothing_is_lost(
    prompt: SystemPrompt, good: Model, as_writer: Client, change: dict[str, str], sentence: str
) -> None:
    response = as_writer.post(url_of(prompt), asked(prompt, good) | change)
    assert response.status_code == 422
    assert sentence in shown(response.content).replace(",", "")
    assert "Hello, you." not in response.content.decode()


def test_a_model_for_others_cannot_be_tried_with(prompt: SystemPrompt, good: Model, as_writer: Client) -> None:
    Model.objects.filter(pk=good.pk).update(for_everybody=False)
    response = as_writer.post(url_of(prompt), asked(prompt, good))
    assert response.status_code == 422
    assert "No model is there to try it with." in response.content.decode()


def test_each_text_counts_as_a_message(prompt: SystemPrompt, good: Model, as_writer: Client) -> None:
    change_setting(actor=None, key="chat.messages_per_minute", environment="production", value="3")
    assert as_writer.post(url_of(prompt), asked(prompt, good)).status_code == 200
    response = as_writer.post(url_of(prompt), asked(prompt, good))
    assert response.status_code == 409
    assert "You have sent many messages in a short time." in response.content.decode()
    assert "Edited on {{date}}." in response.content.decode()


def test_a_server_that_takes_one_at_a_time_is_asked_one_after_the_other(
    prompt: SystemPrompt, good: Model, provider: Provider, as_writer: Client
) -> None:
    Provider.objects.update(parallel_limit=1)
    page = shown(as_writer.post(url_of(prompt), asked(prompt, good)).content)
    assert page.count("Hello, you.") == 2


def test_a_key_that_does_not_open_is_told(prompt: SystemPrompt, good: Model, as_writer: Client) -> None:
    Provider.objects.update(sealed_key=b"nonsense")
    response = as_writer.post(url_of(prompt), asked(prompt, good))
    assert response.status_code == 409
    assert "The key of this model server cannot be opened here." in response.content.decode()


def test_who_may_only_read_tries_nothing(prompt: SystemPrompt, good: Model, as_ana: Client) -> None:
    assert as_ana.get(url_of(prompt)).status_code == 403
    assert as_ana.post(url_of(prompt), asked(prompt, good)).status_code == 403


def test_a_text_goes_to_the_page_and_back_unsaved(prompt: SystemPrompt, good: Model, as_writer: Client) -> None:
    page = as_writer.post(url_of(prompt), {"carry": "1", "content": "half a {{thought"})
    assert page.status_code == 200
    assert "half a {{thought" in page.content.decode()
    assert "Hello, you." not in page.content.decode()


@dataclass(frozen=True)
class Trying:
    """Somebody who tries prompts by a page that reads answers as they come."""

    client: AsyncClient
    prompt: SystemPrompt

    async def open(self, model: Model) -> StreamingHttpResponse:
        response = await self.client.post(url_of(self.prompt), asked(self.prompt, model), headers={"Accept": LINES})
        assert response.status_code == 200, response.content.decode()
        assert response.headers["Content-Type"] == LINES
        return cast(StreamingHttpResponse, response)


@pytest.fixture
async def trying_now(transactional_db: None, provider: Provider) -> AsyncIterator[Trying]:
    client = AsyncClient()
    writer = await sync_to_async(make_user)(username="maren", role="manager")
    await client.aforce_login(writer)
    yield Trying(client, await sync_to_async(create_prompt)(actor=None, name="P", content="Live."))
    await sync_to_async(connections.close_all)()


async def lines_of(response: StreamingHttpResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in response:
        yield json.loads(line)


async def test_both_answers_come_piece_by_piece_and_end_as_html(trying_now: Trying, provider: Provider) -> None:
    model = await Model.objects.acreate(provider=provider, name="slow-markdown")
    async with asyncio.timeout(20):
        lines = [line async for line in lines_of(await trying_now.open(model))]
    kinds = [(line["place"], "text" in line) for line in lines]
    assert {(0, True), (1, True), (0, False), (1, False)} == set(kinds)
    first, second = kinds.index((0, False)), kinds.index((1, False))
    assert {(0, True), (1, True)} <= set(kinds[: min(first, second)]), "one waited for the other"
    for place in (0, 1):
        whole = "".join(line["text"] for line in lines if line["place"] == place and "text" in line)
        html = next(line["html"] for line in lines if line["place"] == place and "html" in line)
        assert "Here it is:" in whole
        assert "<li>one</li>" in html
        assert "<script>" not in html


async def test_what_came_of_it_counts_for_the_server(trying_now: Trying, provider: Provider) -> None:
    for name in ("good", "cut", "too-long"):
        model = await Model.objects.acreate(provider=provider, name=name)
        async with asyncio.timeout(20):
            assert len([line async for line in lines_of(await trying_now.open(model)) if "html" in line]) == 2
    counted = await HealthSample.objects.aaggregate(good=Sum("succeeded"), bad=Sum("failed"))
    assert counted == {"good": 2, "bad": 2}


async def test_whoever_stops_leaves_the_server(
    trying_now: Trying, provider: Provider, model_server: ModelServer
) -> None:
    model = await Model.objects.acreate(provider=provider, name="count-10000-10ms")
    begun = asyncio.Event()

    async def read() -> None:
        async for _line in lines_of(await trying_now.open(model)):
            begun.set()

    reading = asyncio.create_task(read())
    await asyncio.wait_for(begun.wait(), 10)
    # As the server does with who is gone.
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    await asyncio.to_thread(model_server.wait_until_idle)


async def test_whoever_is_shut_out_sees_no_more(
    trying_now: Trying, provider: Provider, monkeypatch: pytest.MonkeyPatch, model_server: ModelServer
) -> None:
    monkeypatch.setattr(trying, "WATCH_SECONDS", 0.05)
    model = await Model.objects.acreate(provider=provider, name="count-10000-10ms")
    stream = lines_of(await trying_now.open(model))
    await anext(stream)
    await User.objects.filter(username="maren").aupdate(is_active=False)
    async with asyncio.timeout(10):
        last = [line async for line in stream][-2:]
    assert all("You may not try prompts any more." in line["html"] for line in last)
    await asyncio.to_thread(model_server.wait_until_idle)


def test_the_page_costs_a_fixed_number_of_queries(
    prompt: SystemPrompt, good: Model, as_writer: Client, django_assert_max_num_queries: Any
) -> None:
    as_writer.get(url_of(prompt))
    with django_assert_max_num_queries(9):
        assert cast(HttpResponse, as_writer.get(url_of(prompt))).status_code == 200
