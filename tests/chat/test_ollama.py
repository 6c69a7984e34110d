"""A server that speaks as Ollama does: added by its address, it is found, talked with, and its errors are told."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.test import Client

from chat.llm import Endpoint, complete_chat, list_models, stream_chat
from chat.llm_errors import Kind, ProviderError
from chat.models import Message, Model, Provider
from tests.chat.talk import Talk
from tests.factories import client_of, make_user
from tests.ollama_server import DYING, MODELS, WORDS
from ui.guard import STEP_UP_SESSION_KEY

ROOT = Path(__file__).resolve().parents[2]
HELLO = [{"role": "user", "content": "Where is the harbour?"}]


@contextmanager
def running(*options: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ollama_server", *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def ollama() -> Iterator[str]:
    with running() as address:
        yield address


def endpoint(address: str, key: str = "") -> Endpoint:
    return Endpoint(base_url=f"{address}/v1", key=key, allow_private=True)


@pytest.fixture
def operator(db: None) -> Client:
    client = client_of(make_user(role="operator"))
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    return client


def add(client: Client, base_url: str, **fields: str) -> Provider:
    sent = {"name": "Ollama", "base_url": base_url, "allow_private": "on", **fields}
    response = client.post("/models/new/", sent)
    assert response.status_code == 302, response.content.decode()
    return Provider.objects.get()


def test_its_models_are_found_by_its_address_alone(ollama: str, operator: Client) -> None:
    provider = add(operator, f"{ollama}/v1/")
    assert provider.trouble == ""
    assert set(provider.models.values_list("name", flat=True)) == set(MODELS)


def test_an_address_without_v1_is_told_apart(ollama: str, operator: Client) -> None:
    provider = add(operator, ollama)
    assert "/v1" in provider.trouble
    assert not Model.objects.exists()


def test_before_anything_was_pulled(operator: Client) -> None:
    with running("--empty") as address:
        assert add(operator, f"{address}/v1").trouble == "The server answers, but lists no model."


def test_behind_something_that_asks_for_a_key(operator: Client) -> None:
    with running("--key=right-key") as address:
        provider = add(operator, f"{address}/v1", key="wrong-key")
        assert "key" in provider.trouble
        assert "wrong-key" not in provider.trouble
        operator.post(
            f"/models/{provider.public_id}/edit/",
            {"name": "Ollama", "base_url": f"{address}/v1", "allow_private": "on", "key": "right-key"},
        )
        provider.refresh_from_db()
        assert (provider.trouble, provider.models.count()) == ("", len(MODELS))


async def test_an_answer_comes_with_its_counts(ollama: str) -> None:
    deltas = [delta async for delta in stream_chat(endpoint(ollama), model=MODELS[0], messages=HELLO)]
    assert "".join(delta.text for delta in deltas) == "".join(WORDS)
    assert [delta.finish for delta in deltas if delta.finish] == ["stop"]
    assert (deltas[-1].tokens_in, deltas[-1].tokens_out) == (4, len(WORDS))


async def test_an_answer_at_the_limit_says_so(ollama: str) -> None:
    said = stream_chat(endpoint(ollama), model=MODELS[0], messages=HELLO, parameters={"max_tokens": 3})
    deltas = [delta async for delta in said]
    assert "".join(delta.text for delta in deltas) == "".join(WORDS[:3])
    assert "length" in {delta.finish for delta in deltas}


async def test_each_name_it_lists_is_one_it_answers_to(ollama: str) -> None:
    for name in await list_models(endpoint(ollama)):
        assert await complete_chat(endpoint(ollama), model=name, messages=HELLO) == "".join(WORDS)


@pytest.mark.parametrize(
    ("model", "kind"), [("not-pulled:latest", Kind.UNKNOWN_MODEL), (DYING, Kind.FAILED)], ids=["unknown", "dying"]
)
async def test_its_errors_are_told_in_words(ollama: str, model: str, kind: Kind) -> None:
    with pytest.raises(ProviderError) as refusal:
        await complete_chat(endpoint(ollama), model=model, messages=HELLO)
    assert refusal.value.kind is kind
    assert refusal.value.sentence.endswith(".")
    assert "pulling" not in refusal.value.sentence


async def test_what_it_cannot_read_is_told(ollama: str) -> None:
    with pytest.raises(ProviderError) as refusal:
        await complete_chat(endpoint(ollama), model=MODELS[0], messages=[])
    assert refusal.value.kind is Kind.REJECTED


async def test_somebody_talks_with_it(talk: Talk, ollama: str) -> None:
    talk.provider.base_url = f"{ollama}/v1"
    talk.provider.sealed_key = None
    await talk.provider.asave()
    answer = await talk.finished(await talk.send("Where is the harbour?", MODELS[0]))
    assert (answer.status, answer.content) == (Message.Status.COMPLETE, "".join(WORDS))
    assert answer.tokens_out == len(WORDS)
    gone = await talk.finished(await talk.send("Where is the harbour?", "not-pulled:latest"))
    assert gone.status == Message.Status.FAILED
    assert gone.error.endswith(".")
