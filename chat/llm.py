"""The wire to a model server: the OpenAI format over aiohttp, with an end and a sentence for all it may do wrong.

Nothing here touches the database. Every call goes through ``settings_store.outbound``, so that addresses are checked
and headers are built from nothing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from django.utils.translation import gettext as _

from chat.llm_errors import ProviderError, cut, from_event, from_exception, from_status, masked, no_api, nonsense
from settings_store import outbound

# Longer answers end politely; a line this long is no event of this format; a stream this long is no answer.
MAX_ANSWER_CHARACTERS = 200_000
MAX_LINE_BYTES = 1_000_000
MAX_STREAM_BYTES = 100_000_000
MAX_ERROR_BYTES = 65_536
MAX_LIST_BYTES = 4_000_000
MAX_MODELS = 1_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model server is and what opens it; `base_url` goes up to and with /v1."""

    base_url: str
    key: str = ""
    allow_private: bool = False

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url!r}, key={'•••' if self.key else ''!r})"

    def url(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a server may take: to connect, between two signs of life, and for a whole answer."""

    connect: float = 10
    silence: float = 60
    whole: float = 1800


@dataclass(slots=True)
class Delta:
    """A piece of an answer, or the counts that come after the last piece."""

    text: str = ""
    finish: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None


type ChatMessage = Mapping[str, str]


async def list_models(endpoint: Endpoint, *, patience: Patience | None = None) -> list[str]:
    """The names of the models the server offers, as it spells them, each once; raises ProviderError."""
    patience = patience or Patience(silence=10, whole=20)
    async with _request(endpoint, "GET", "models", patience=patience) as response:
        if response.status == 404:
            raise no_api(str(response.status))
        if response.status != 200:
            raise await _refusal(response)
        body = await _read(response, MAX_LIST_BYTES)
    try:
        # Ollama says null where it has none.
        rows = json.loads(body)["data"] or []
        names = [row["id"] for row in rows[:MAX_MODELS]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise nonsense(_("The model server's list of models cannot be read."), body) from error
    clean = [name for name in names if isinstance(name, str) and 0 < len(name) <= 200 and name.isprintable()]
    return list(dict.fromkeys(clean))


async def stream_chat(
    endpoint: Endpoint,
    *,
    model: str,
    messages: Sequence[ChatMessage],
    parameters: Mapping[str, Any] | None = None,
    patience: Patience | None = None,
) -> AsyncGenerator[Delta, None]:
    """Yield an answer as it comes; raises ProviderError. Close the iterator to leave the server."""
    payload = {
        **(parameters or {}),
        "model": model,
        "messages": list(messages),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    async with _request(
        endpoint, "POST", "chat/completions", patience=patience or Patience(), body=payload
    ) as response:
        if response.status != 200:
            raise await _refusal(response)
        if response.content_type != "text/event-stream":
            raise nonsense(_("The model server did not answer in the format of a chat model."), response.content_type)
        async for delta in _deltas(response):
            yield delta


async def complete_chat(endpoint: Endpoint, *, model: str, messages: Sequence[ChatMessage], **more: Any) -> str:
    """The whole text of one answer."""
    return "".join([delta.text async for delta in stream_chat(endpoint, model=model, messages=messages, **more)])


@asynccontextmanager
async def _request(
    endpoint: Endpoint,
    method: str,
    path: str,
    *,
    patience: Patience,
    body: dict[str, Any] | None = None,
) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = {"Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    timeout = aiohttp.ClientTimeout(
        total=patience.whole,
        sock_connect=patience.connect,
        sock_read=patience.silence,
    )
    try:
        async with (
            outbound.session(allow_private=endpoint.allow_private, timeout=timeout) as session,
            session.request(method, endpoint.url(path), headers=headers, json=body, allow_redirects=False) as response,
        ):
            yield response
    except (ProviderError, aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        failure = from_exception(error)
        failure.detail = masked(failure.detail, endpoint.key)
        if failure is error:
            raise
        raise failure from error


async def _deltas(response: aiohttp.ClientResponse) -> AsyncGenerator[Delta, None]:
    length = 0
    half = ""
    finished = False
    async for line in _lines(response):
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        delta = _delta(data)
        if delta is None:
            continue
        # An emoji may come as two halves of a surrogate pair in two events; alone they are no characters.
        delta.text, half = _whole_characters(half + delta.text)
        length += len(delta.text)
        if length > MAX_ANSWER_CHARACTERS:
            delta.text = delta.text[: len(delta.text) - (length - MAX_ANSWER_CHARACTERS)]
            delta.finish = "length"
            yield delta
            return
        finished = finished or bool(delta.finish)
        yield delta
    if not finished:
        raise cut("the stream ended without finish_reason or [DONE]")


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    # Split as bytes: a line end never lies inside a UTF-8 character, so each whole line decodes by itself.
    rest = b""
    total = 0
    async for chunk in response.content.iter_any():
        total += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if len(line) > MAX_LINE_BYTES:
                raise nonsense(_("The model server sent a line that is too long."), line)
            yield line
        if len(rest) > MAX_LINE_BYTES or total > MAX_STREAM_BYTES:
            raise nonsense(_("The model server sent a line that is too long."), rest)


def _delta(data: bytes) -> Delta | None:
    try:
        event = json.loads(data.decode(errors="replace"))
        if event.get("error"):
            raise from_event(event["error"])
        usage = event.get("usage") or {}
        delta = Delta(tokens_in=_count(usage.get("prompt_tokens")), tokens_out=_count(usage.get("completion_tokens")))
        choices = event.get("choices") or ()
        if choices:
            text = (choices[0].get("delta") or {}).get("content")
            delta.text = text.replace("\0", "").replace("\r", "") if text else ""
            delta.finish = str(choices[0].get("finish_reason") or "")
    except (ValueError, AttributeError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise nonsense(_("The model server sent something that cannot be read."), data) from error
    return delta if choices or usage else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 2**31 else None


def _whole_characters(text: str) -> tuple[str, str]:
    if text.isascii():
        return text, ""
    half = ""
    if "\ud800" <= text[-1] <= "\udbff":
        text, half = text[:-1], text[-1]
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text, half


async def _refusal(response: aiohttp.ClientResponse) -> ProviderError:
    try:
        body = (await _read(response, MAX_ERROR_BYTES)).decode(errors="replace")
    except (ProviderError, aiohttp.ClientError, TimeoutError):
        body = ""
    return from_status(response.status, body)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise nonsense(_("The model server's answer is too long."), body)
    return body
