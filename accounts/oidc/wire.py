"""Requests to an identity provider: JSON of a bounded size, through the outbound guard, with an end to all patience."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from django.utils.translation import gettext as _
from yarl import URL

from accounts.oidc.errors import OidcError, at_fault, from_exception
from settings_store import outbound

MAX_BYTES = 262_144
# For one request, and for all that one sign-in asks.
REQUEST_SECONDS, WHOLE_SECONDS = 8, 20


class Wire:
    """A connection to one provider; `open_wire` makes it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, url: str, *, bearer: str = "") -> dict[str, Any]:
        """The JSON object at `url`; raises OidcError."""
        status, body = await self._ask("GET", url, {"Authorization": f"Bearer {bearer}"} if bearer else {})
        if status != 200:
            raise at_fault(_("The provider answered with the status %(status)d.") % {"status": status})
        return body

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object that answer a form; raises OidcError."""
        return await self._ask("POST", url, headers, form)

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        # Written as they stand: a query that a provider put into its own address is not encoded anew.
        address = URL(url, encoded=True)
        async with self._session.request(
            method, address, headers=headers, data=form, allow_redirects=False
        ) as response:
            if response.status >= 500:
                raise at_fault(_("The provider answered with the status %(status)d.") % {"status": response.status})
            if response.content_type != "application/json" and not response.content_type.endswith("+json"):
                raise at_fault(_("The provider answered something other than JSON."), f"status {response.status}")
            return response.status, _object(await _read(response))


@asynccontextmanager
async def open_wire(*, allow_private: bool) -> AsyncIterator[Wire]:
    """All that is asked within it takes WHOLE_SECONDS together; every failure leaves it as an OidcError."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=5)
    try:
        async with (
            asyncio.timeout(WHOLE_SECONDS),
            outbound.session(allow_private=allow_private, timeout=timeout) as session,
        ):
            yield Wire(session)
    except (OidcError, aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        failure = from_exception(error)
        if failure is error:
            raise
        raise failure from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            raise at_fault(_("The provider's answer is too long."))
    return body


def _object(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise at_fault(_("The provider's answer cannot be read."), type(error).__name__) from error
    if not isinstance(read, dict):
        raise at_fault(_("The provider's answer cannot be read."), "no object")
    return read
