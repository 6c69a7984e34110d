"""The wire to a model server: the OpenAI format over aiohttp, with an end and a sentence for all it may do wrong.

Nothing here touches the database. Every call goes through ``settings_store.outbound``, so that addresses are checked
and headers are built from nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
from django.utils.translation import gettext as _

from settings_store import outbound

# Longer answers end politely; a line this long is no event of this format; a stream this long is no answer.
MAX_ANSWER_CHARACTERS = 200_000
MAX_LINE_BYTES = 1_000_000
MAX_STREAM_BYTES = 100_000_000
MAX_ERROR_BYTES = 65_536
MAX_LIST_BYTES = 4_000_000
MAX_MODELS = 1_000


class Kind(StrEnum):
    """What went wrong, for code; the sentence beside it is for people."""

    FORBIDDEN = "forbidden"
    UNRESOLVED = "unresolved"
    REFUSED = "refused"
    UNAUTHORISED = "unauthorised"
    UNKNOWN_MODEL = "unknown model"
    LIMITED = "limited"
    TOO_LONG = "too long"
    REJECTED = "rejected"
    FAILED = "failed"
    NONSENSE = "nonsense"
    SILENT = "silent"
    CUT = "cut"


class ProviderError(Exception):
    """A model server did not do what was asked; `detail` is its own words, for the log only."""

    def __init__(self, sentence: str, kind: Kind, detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.kind = kind
        self.detail = detail[:2000]


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
        if response.status != 200:
            raise await _refusal(response)
        body = await _read(response, MAX_LIST_BYTES)
    try:
        rows = json.loads(body)["data"]
        names = [row["id"] for row in rows[:MAX_MODELS]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _nonsense(_("The model server's list of models cannot be read."), body) from error
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
            raise _nonsense(_("The model server did not answer in the format of a chat model."), response.content_type)
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
    except outbound.OutboundRefused as refused:
        raise _forbidden(refused) from refused
    except aiohttp.ConnectionTimeoutError as error:
        raise ProviderError(_("The model server cannot be reached."), Kind.REFUSED, repr(error)) from error
    except TimeoutError as error:
        raise ProviderError(_("The model server has gone silent."), Kind.SILENT, repr(error)) from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            sentence = _("The model server's name cannot be found.")
            raise ProviderError(sentence, Kind.UNRESOLVED, repr(error)) from error
        raise ProviderError(_("The model server cannot be reached."), Kind.REFUSED, repr(error)) from error
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError) as error:
        raise _cut(repr(error)) from error
    except (aiohttp.ClientError, ValueError, OSError) as error:
        raise _nonsense(_("The model server answered something that cannot be understood."), repr(error)) from error


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
        raise _cut("the stream ended without finish_reason or [DONE]")


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    # Split as bytes: a line end never lies inside a UTF-8 character, so each whole line decodes by itself.
    rest = b""
    total = 0
    async for chunk in response.content.iter_any():
        total += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if len(line) > MAX_LINE_BYTES:
                raise _nonsense(_("The model server sent a line that is too long."), line)
            yield line
        if len(rest) > MAX_LINE_BYTES or total > MAX_STREAM_BYTES:
            raise _nonsense(_("The model server sent a line that is too long."), rest)


def _delta(data: bytes) -> Delta | None:
    try:
        event = json.loads(data.decode(errors="replace"))
        if event.get("error"):
            raise _reported(event["error"])
        usage = event.get("usage") or {}
        delta = Delta(tokens_in=_count(usage.get("prompt_tokens")), tokens_out=_count(usage.get("completion_tokens")))
        choices = event.get("choices") or ()
        if choices:
            text = (choices[0].get("delta") or {}).get("content")
            delta.text = text.replace("\0", "").replace("\r", "") if text else ""
            delta.finish = str(choices[0].get("finish_reason") or "")
    except (ValueError, AttributeError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise _nonsense(_("The model server sent something that cannot be read."), data) from error
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
    """What to tell a person about an answer that is not 200."""
    status = response.status
    try:
        body = (await _read(response, MAX_ERROR_BYTES)).decode(errors="replace")
    except (ProviderError, aiohttp.ClientError, TimeoutError):
        body = ""
    detail = f"{status} {body}"
    if status in (401, 403):
        return ProviderError(_("The model server does not accept our key."), Kind.UNAUTHORISED, detail)
    if status == 429:
        return ProviderError(_("The model server is busy: too many requests at the moment."), Kind.LIMITED, detail)
    if _is_too_long(body):
        return _too_long(detail)
    if status == 404:
        return ProviderError(_("The model server does not have this model."), Kind.UNKNOWN_MODEL, detail)
    if status >= 500:
        return ProviderError(_("The model server reports a fault of its own."), Kind.FAILED, detail)
    return ProviderError(_("The model server does not accept the request."), Kind.REJECTED, detail)


def _reported(error: object) -> ProviderError:
    detail = str(error)
    if _is_too_long(detail):
        return _too_long(detail)
    return ProviderError(_("The model server reports a fault of its own."), Kind.FAILED, detail)


def _is_too_long(body: str) -> bool:
    # llama.cpp, OpenAI and vLLM each say it in their own words.
    return bool(re.search(r"exceed_context_size|context_length_exceeded|maximum context length", body))


def _too_long(detail: str) -> ProviderError:
    sentence = _("The conversation has grown longer than this model can read. Begin a new one.")
    return ProviderError(sentence, Kind.TOO_LONG, detail)


def _forbidden(refused: outbound.OutboundRefused) -> ProviderError:
    return ProviderError(str(refused), Kind.FORBIDDEN)


def _cut(detail: str) -> ProviderError:
    return ProviderError(_("The connection to the model server ended early."), Kind.CUT, detail)


def _nonsense(sentence: str, said: str | bytes) -> ProviderError:
    detail = said[:500].decode(errors="replace") if isinstance(said, bytes) else said
    return ProviderError(sentence, Kind.NONSENSE, detail)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise _nonsense(_("The model server's answer is too long."), body)
    return body
