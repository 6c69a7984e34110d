"""What stands before every page: requests nobody should have to read are answered in one sentence."""

from __future__ import annotations

import codecs
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.http import parse_header_parameters

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[Mapping[str, Any]]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TOO_MUCH = "This is more than can be sent at once, which is %s. Nothing was changed."
UNREADABLE = "The Content-Type of this request cannot be read: Gatehouse understands UTF-8 alone. Nothing was changed."


def guarded(pages: Application) -> Application:
    """`pages` behind a limit of DATA_UPLOAD_MAX_MEMORY_SIZE on bodies of any kind.

    Django measures only what it goes on to parse, after it has taken the whole body from the server and from anybody.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # Nobody here speaks it: a handshake closed at once is answered 403.
            await receive()
            await send({"type": "websocket.close"})
            return
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        taken = 0

        async def counted() -> Mapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                await _refuse_size(scope, send)
                # The pages leave at once, as if the client had: they need no further word.
                return {"type": "http.disconnect"}
            return message

        announced = _header(scope, b"content-length")
        if announced.isdecimal() and int(announced[:20]) > limit:
            await _refuse_size(scope, send)
        elif not _readable(_header(scope, b"content-type")):
            await _refuse(send, 400, UNREADABLE)
        else:
            await pages(scope, counted, send)

    return answer


def _header(scope: Scope, wanted: bytes) -> str:
    return ",".join(value.decode("latin1") for name, value in scope["headers"] if name == wanted)


def _readable(content_type: str) -> bool:
    """Whether it names no charset, or UTF-8: Python counts codecs among them that turn no bytes into text."""
    try:
        charset = parse_header_parameters(content_type)[1].get("charset")
        return charset is None or codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return False


async def _refuse_size(scope: Scope, send: Send) -> None:
    """A page for a person who sent a form, a sentence for everybody else; neither asks the database."""
    limit = filesizeformat(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if "text/html" in _header(scope, b"accept") and not _header(scope, b"hx-request"):
        await _refuse(send, 413, render_to_string("413.html", {"limit": limit, "back": _back(scope)}), "text/html")
    else:
        await _refuse(send, 413, TOO_MUCH % limit)


def _back(scope: Scope) -> str:
    """The page of this house that the form stood on, else Home."""
    try:
        page = urlsplit(_header(scope, b"referer"))
    except ValueError:
        return "/"
    # A path that begins with two slashes, or one and a backslash, would lead to another house.
    path = "/" + page.path.lstrip("/\\")
    return path if page.netloc == _header(scope, b"host") else "/"


async def _refuse(send: Send, status: int, answer: str, kind: str = "text/plain") -> None:
    body = answer.encode()
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"content-security-policy", b"default-src 'self'; base-uri 'none'; frame-ancestors 'none'"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        # What was not read would otherwise be taken for the next request.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
