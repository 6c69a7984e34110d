"""Who calls from where: the client's address, the request id, and what the browser may claim."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory

from settings_store.addresses import client_address
from settings_store.circumstances import Circumstances, circumstances, current, update
from settings_store.middleware import CircumstancesMiddleware


def address_of(forwarded: str | None, *, remote: str = "10.0.0.1") -> str | None:
    headers: dict[str, Any] = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=remote, **headers))


@pytest.mark.parametrize(
    ("forwarded", "remote", "expected"),
    [
        (None, "198.51.100.7", "198.51.100.7"),
        # A stranger's own header is not believed.
        ("192.0.2.1", "198.51.100.7", "198.51.100.7"),
        ("198.51.100.7", "10.0.0.1", "198.51.100.7"),
        # What the client wrote itself stands to the left of what the proxy appended.
        ("192.0.2.1, 198.51.100.7", "10.0.0.1", "198.51.100.7"),
        ("192.0.2.1, 198.51.100.7, 10.0.0.2", "10.0.0.1", "198.51.100.7"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.1", "10.0.0.3"),
        ("::ffff:198.51.100.7", "::ffff:10.0.0.1", "198.51.100.7"),
        ("2001:DB8:0::7", "10.0.0.1", "2001:db8::7"),
        (" , 198.51.100.7 ,", "10.0.0.1", "198.51.100.7"),
        # Unreadable is nobody, never the next best.
        ("198.51.100.7, unknown", "10.0.0.1", None),
        ("198.51.100.7:443", "10.0.0.1", None),
        ("0198.51.100.7", "10.0.0.1", None),
        ("fe80::1%eth0", "10.0.0.1", None),
        ("198.51.100.7\x00", "10.0.0.1", None),
        (None, "", None),
        ("198.51.100.7", "unix:", None),
    ],
)
def test_the_address_is_the_first_stranger_from_the_right(
    settings: Any, forwarded: str | None, remote: str, expected: str | None
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert address_of(forwarded, remote=remote) == expected


def test_without_trusted_proxies_no_header_is_believed() -> None:
    assert address_of("192.0.2.1", remote="127.0.0.1") == "127.0.0.1"


def test_an_endless_header_is_read_to_a_bound(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert address_of("192.0.2.1," + "10.0.0.9," * 100_000) == "10.0.0.9"


def test_a_header_with_underscores_is_not_the_header_with_hyphens(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "client": ("10.0.0.1", 80),
        "headers": [(b"x_forwarded_for", b"192.0.2.1")],
    }
    assert client_address(ASGIRequest(scope, BytesIO())) == "10.0.0.1"


def test_an_unreadable_network_stops_the_start(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "proxy.internal"]
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        CircumstancesMiddleware(lambda request: HttpResponse())


def test_a_request_has_its_own_id_whatever_the_client_sends() -> None:
    seen: list[Circumstances] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(current())
        return HttpResponse()

    request = RequestFactory().get("/", HTTP_X_REQUEST_ID="mine", HTTP_USER_AGENT="Fire\0fox\ud800" + "x" * 500)
    middleware: Any = CircumstancesMiddleware(view)
    response = middleware(request)

    assert seen[0].request_id.startswith("req_")
    assert response.headers["X-Request-ID"] == seen[0].request_id
    assert seen[0].user_agent.startswith("Firefox?")
    assert len(seen[0].user_agent) <= 300
    assert current() == Circumstances()


def test_circumstances_of_parallel_requests_do_not_mix() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        before = current().request_id
        update(session_id=request.path)
        await asyncio.sleep(0)
        return HttpResponse(f"{before == current().request_id} {current().session_id == request.path}")

    async def both() -> list[bytes]:
        middleware: Any = CircumstancesMiddleware(view)
        requests = [AsyncRequestFactory().get(f"/{number}") for number in range(20)]
        responses = await asyncio.gather(*(middleware(request) for request in requests))
        return [response.content for response in responses]

    assert set(asyncio.run(both())) == {b"True True"}


def test_a_block_of_changed_circumstances_ends_with_it() -> None:
    with circumstances(address="192.0.2.9"):
        assert current().address == "192.0.2.9"
    assert current().address is None


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        (None, "unknown"),
    ],
)
def test_limits_count_a_network_of_ipv6_as_one(address: str | None, source: str) -> None:
    assert Circumstances(address=address).source == source
