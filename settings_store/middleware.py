"""The first thing that sees a request: who is calling from where, and under which request id."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from settings_store import circumstances
from settings_store.addresses import client_address, trusted_networks
from settings_store.circumstances import Circumstances

USER_AGENT_LENGTH = 300


class CircumstancesMiddleware(MiddlewareMixin):
    """Sets the circumstances of the request and answers with its id in ``X-Request-ID``."""

    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]],
    ) -> None:
        super().__init__(get_response)
        # A network that cannot be read must stop the start, not the first request.
        trusted_networks()

    def process_request(self, request: HttpRequest) -> None:
        request_id = f"req_{secrets.token_hex(8)}"
        # Whatever the client sent under this name ends here; the request log reads ours in its place.
        request.META["HTTP_X_REQUEST_ID"] = request_id
        agent = request.META.get("HTTP_USER_AGENT", "")
        address = client_address(request)
        circumstances.begin(
            Circumstances(
                address=address,
                user_agent=readable(agent, USER_AGENT_LENGTH),
                request_id=request_id,
                came=time.monotonic(),
            )
        )
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, address=address)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers["X-Request-ID"] = request.META["HTTP_X_REQUEST_ID"]
        circumstances.begin()
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        # Neither half waits for anything, so neither needs the thread that the framework's own form would take.
        self.process_request(request)
        response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]  # asynchronous here
        return self.process_response(request, response)


def readable(text: str, length: int) -> str:
    """`text` without what a database refuses (NUL, half surrogate pairs), cut to `length`."""
    return text[:length].replace("\0", "").encode("utf-8", "replace").decode("utf-8")
