"""What may go wrong on the way to a model server, and the one sentence for each."""

from __future__ import annotations

import re
from enum import StrEnum

import aiohttp
from django.utils.translation import gettext as _

from settings_store.outbound import OutboundRefused

MASK = "•••"
# Servers write keys with their middle left out; a shorter piece than this says nothing of the rest.
SHORTEST_PIECE = 8

# llama.cpp, OpenAI, vLLM, SGLang, LM Studio and Mistral each say it in their own words.
_TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|maximum (context|model) length|exceeds? the available context"
    r"|(longer|greater) than the (model's )?context length|prompt is too long",
    re.IGNORECASE,
)
_UNKNOWN_MODEL = re.compile(
    r"model_not_found|invalid_model|model [^{}]{0,200}(not found|does not exist)", re.IGNORECASE
)


class Kind(StrEnum):
    """What went wrong, for code; the sentence beside it is for people."""

    FORBIDDEN = "forbidden"
    UNRESOLVED = "unresolved"
    REFUSED = "refused"
    UNAUTHORISED = "unauthorised"
    NO_API = "no api"
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


def from_exception(error: Exception) -> ProviderError:
    """What an exception of the connection means."""
    detail = repr(error)
    match error:
        case ProviderError():
            return error
        case OutboundRefused():
            return ProviderError(str(error), Kind.FORBIDDEN)
        case aiohttp.ClientConnectorDNSError():
            return ProviderError(_("The model server's name cannot be found."), Kind.UNRESOLVED, detail)
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return ProviderError(_("The model server cannot be reached."), Kind.REFUSED, detail)
        case TimeoutError():
            return ProviderError(_("The model server has gone silent."), Kind.SILENT, detail)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | aiohttp.ClientPayloadError():
            return cut(detail)
    return nonsense(_("The model server answered something that cannot be understood."), detail)


def from_status(status: int, body: str) -> ProviderError:
    """What an answer other than 200 means."""
    detail = f"{status} {body}"
    if status == 402 or "insufficient_quota" in body:
        return ProviderError(_("The account at the model server has no credit left."), Kind.LIMITED, detail)
    if status in (401, 403):
        return ProviderError(_("The model server does not accept our key."), Kind.UNAUTHORISED, detail)
    if status == 429:
        return ProviderError(_("The model server is busy: too many requests at the moment."), Kind.LIMITED, detail)
    if status == 413 or _is_too_long(body):
        return _too_long(detail)
    if status == 404 or (status < 500 and _UNKNOWN_MODEL.search(body)):
        return ProviderError(_("The model server does not have this model."), Kind.UNKNOWN_MODEL, detail)
    if status >= 500:
        return ProviderError(_("The model server reports a fault of its own."), Kind.FAILED, detail)
    return ProviderError(_("The model server does not accept the request."), Kind.REJECTED, detail)


def no_api(detail: str) -> ProviderError:
    """What it means where not even the list of models is found."""
    sentence = _("No OpenAI API answers at this address; check that it ends in /v1.")
    return ProviderError(sentence, Kind.NO_API, detail)


def from_event(error: object) -> ProviderError:
    """What an error means that comes in the midst of an answer."""
    detail = str(error)
    if _is_too_long(detail):
        return _too_long(detail)
    return ProviderError(_("The model server reports a fault of its own."), Kind.FAILED, detail)


def cut(detail: str) -> ProviderError:
    return ProviderError(_("The connection to the model server ended early."), Kind.CUT, detail)


def nonsense(sentence: str, said: str | bytes) -> ProviderError:
    detail = said[:500].decode(errors="replace") if isinstance(said, bytes) else said
    return ProviderError(sentence, Kind.NONSENSE, detail)


def masked(text: str, key: str) -> str:
    """`text` without the key and without longer pieces of it: servers like to say which key they do not accept."""
    shortest = min(SHORTEST_PIECE, len(key))
    if not shortest:
        return text
    parts: list[str] = []
    at = 0
    while at < len(text):
        end = at + shortest
        if len(text) < end or text[at:end] not in key:
            parts.append(text[at])
            at += 1
            continue
        while end < len(text) and text[at : end + 1] in key:
            end += 1
        parts.append(MASK)
        at = end
    return "".join(parts)


def _is_too_long(body: str) -> bool:
    return bool(_TOO_LONG.search(body))


def too_long_sentence(*, knows_context: bool = False) -> str:
    """What to say where a server finds a conversation too long that was not, or could not be, fitted to it."""
    if knows_context:
        return _(
            "The conversation is longer than this model can read, though by the context size set for it, it should "
            "fit. Set a smaller one at Models, or begin a new conversation."
        )
    return _(
        "The conversation has grown longer than this model can read. Begin a new one, or have the context size of the "
        "model set at Models: then the oldest messages give way."
    )


def _too_long(detail: str) -> ProviderError:
    return ProviderError(too_long_sentence(), Kind.TOO_LONG, detail)
