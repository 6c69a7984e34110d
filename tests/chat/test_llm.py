from __future__ import annotations

import asyncio
import json
import socket

import pytest

from chat.llm import MAX_ANSWER_CHARACTERS, Delta, Endpoint, Patience, complete_chat, list_models, stream_chat
from chat.llm_errors import Kind, ProviderError, from_status, masked
from tests.chat.model_server import ModelServer
from tests.fake_model_server import KEY

QUICK = Patience(connect=2, silence=0.5, whole=20)
QUESTION = [{"role": "user", "content": "Hello?"}]


@pytest.fixture
def endpoint(model_server: ModelServer) -> Endpoint:
    return Endpoint(model_server.base_url, key=KEY, allow_private=True)


async def deltas(endpoint: Endpoint, model: str) -> list[Delta]:
    return [delta async for delta in stream_chat(endpoint, model=model, messages=QUESTION, patience=QUICK)]


async def refusal(endpoint: Endpoint, model: str) -> tuple[ProviderError, str]:
    """The error a model ends in, and the text that came before it."""
    text = ""
    try:
        async for delta in stream_chat(endpoint, model=model, messages=QUESTION, patience=QUICK):
            text += delta.text
    except ProviderError as error:
        return error, text
    pytest.fail(f"{model} answered {text!r}")


async def test_an_answer_comes_in_pieces_with_its_counts(endpoint: Endpoint) -> None:
    pieces = await deltas(endpoint, "good")
    assert [delta.text for delta in pieces if delta.text] == ["Hello", ", you", "."]
    assert (pieces[-1].tokens_in, pieces[-1].tokens_out) == (7, 3)


async def test_request_is_built_of_what_was_asked_and_nothing_else(endpoint: Endpoint) -> None:
    said = await complete_chat(endpoint, model="echo", messages=QUESTION, parameters={"max_tokens": 5})
    assert json.loads(said) == {
        "max_tokens": 5,
        "messages": QUESTION,
        "model": "echo",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("model", "kind", "text"),
    [
        ("busy", Kind.LIMITED, ""),
        ("broken", Kind.FAILED, ""),
        ("missing", Kind.UNKNOWN_MODEL, ""),
        ("strict", Kind.REJECTED, ""),
        ("too-long", Kind.TOO_LONG, ""),
        ("redirect", Kind.FORBIDDEN, ""),
        ("wrong-type", Kind.NONSENSE, ""),
        ("not-http", Kind.NONSENSE, ""),
        ("broken-json", Kind.NONSENSE, "Hello"),
        ("odd-json", Kind.NONSENSE, "Hello"),
        ("huge-line", Kind.NONSENSE, "Hello"),
        ("error-event", Kind.FAILED, "Hello"),
        ("cut", Kind.CUT, "Hello"),
        ("cut-character", Kind.CUT, "Hello"),
        ("nothing", Kind.CUT, ""),
        ("half-headers", Kind.SILENT, ""),
        ("silent", Kind.SILENT, ""),
        ("stall", Kind.SILENT, "Hello"),
    ],
)
async def test_misbehaviour_ends_in_a_sentence(endpoint: Endpoint, model: str, kind: Kind, text: str) -> None:
    error, before = await refusal(endpoint, model)
    assert (error.kind, before) == (kind, text), error.detail
    assert error.sentence.endswith(".")
    assert "Traceback" not in error.sentence


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("no-done", "Hello you"),
        ("drip", "naïve 😀 text"),
        ("halves", "ok 😀 \ufffd!"),
        ("nul", "ab\nc"),
        ("bad-bytes", "caf\ufffd!"),
    ],
)
async def test_odd_but_readable_streams_are_read(endpoint: Endpoint, model: str, text: str) -> None:
    assert "".join(delta.text for delta in await deltas(endpoint, model)) == text


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, "This model's maximum context length is 4096 tokens.", Kind.TOO_LONG),
        (400, "the request exceeds the available context size", Kind.TOO_LONG),
        (400, "The input (9000 tokens) is longer than the model's context length (8192 tokens).", Kind.TOO_LONG),
        (413, "", Kind.TOO_LONG),
        (400, '{"error":{"code":"model_not_found"}}', Kind.UNKNOWN_MODEL),
        (400, "The model `gone` does not exist.", Kind.UNKNOWN_MODEL),
        (404, 'model "gone" not found, try pulling it first', Kind.UNKNOWN_MODEL),
        (400, "temperature must be below 2", Kind.REJECTED),
        (402, "", Kind.LIMITED),
        (429, '{"error":{"code":"insufficient_quota"}}', Kind.LIMITED),
        (403, "", Kind.UNAUTHORISED),
        (503, "model is loading", Kind.FAILED),
    ],
)
def test_servers_say_the_same_in_different_words(status: int, body: str, kind: Kind) -> None:
    assert from_status(status, body).kind is kind


async def test_an_endless_answer_ends_politely_at_the_bound(endpoint: Endpoint) -> None:
    pieces = await deltas(endpoint, "endless")
    assert sum(len(delta.text) for delta in pieces) == MAX_ANSWER_CHARACTERS
    assert pieces[-1].finish == "length"


async def test_a_wrong_key_is_told_apart(model_server: ModelServer) -> None:
    wrong = Endpoint(model_server.base_url, key="wrong", allow_private=True)
    error, _text = await refusal(wrong, "good")
    assert error.kind is Kind.UNAUTHORISED
    assert "wrong" not in repr(wrong)
    with pytest.raises(ProviderError) as caught:
        await list_models(wrong)
    assert caught.value.kind is Kind.UNAUTHORISED


@pytest.mark.parametrize("model", ["echoed-key", "echoed-key-in-stream", "not-http"])
async def test_our_key_is_in_no_detail(endpoint: Endpoint, model: str) -> None:
    error, _text = await refusal(endpoint, model)
    assert error.detail
    assert KEY not in error.detail


async def test_our_key_is_in_no_detail_of_a_list_refused(model_server: ModelServer) -> None:
    with pytest.raises(ProviderError) as caught:
        await list_models(Endpoint(f"{model_server.address}/echo", key=KEY, allow_private=True))
    assert "Incorrect API key" in caught.value.detail
    assert KEY not in caught.value.detail


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("provided: sk-abcdef-0123456789.", "provided: •••."),
        ("provided: sk-abcde*****3456789.", "provided: •••*****3456789."),
        ("sk-abcdef-012sk-abcdef-0123456789", "••••••"),
        ("nothing of it", "nothing of it"),
    ],
)
def test_pieces_of_a_key_are_masked(text: str, shown: str) -> None:
    assert masked(text, "sk-abcdef-0123456789") == shown
    assert masked(text, "") == text


async def test_nobody_listening_and_no_such_name() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    error, _text = await refusal(Endpoint(f"http://127.0.0.1:{port}/v1", allow_private=True), "good")
    assert error.kind is Kind.REFUSED
    error, _text = await refusal(Endpoint("http://nobody.invalid/v1", allow_private=True), "good")
    assert error.kind is Kind.UNRESOLVED


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "10.0.0.1"])
async def test_private_addresses_are_not_called_unless_allowed(host: str) -> None:
    error, _text = await refusal(Endpoint(f"http://{host}:1/v1"), "good")
    assert error.kind is Kind.FORBIDDEN


async def test_models_are_listed(endpoint: Endpoint) -> None:
    names = await list_models(endpoint)
    assert "good" in names
    assert len(names) == len(set(names))


async def test_an_unreadable_list_is_a_sentence(model_server: ModelServer) -> None:
    with pytest.raises(ProviderError) as caught:
        await list_models(Endpoint(f"{model_server.address}/odd", allow_private=True))
    assert caught.value.kind is Kind.NONSENSE


async def test_an_address_without_an_api_is_told_from_a_missing_model(model_server: ModelServer) -> None:
    with pytest.raises(ProviderError) as caught:
        await list_models(Endpoint(f"{model_server.address}/wrong", allow_private=True))
    assert caught.value.kind is Kind.NO_API
    assert "/v1" in caught.value.sentence


async def test_sockets_are_given_back_when_a_reader_leaves(endpoint: Endpoint, model_server: ModelServer) -> None:
    stream = stream_chat(endpoint, model="count-1000-10ms", messages=QUESTION, patience=QUICK)
    assert (await anext(stream)).text
    assert await asyncio.to_thread(model_server.open_connections) == 1
    await stream.aclose()
    await asyncio.to_thread(model_server.wait_until_idle)
