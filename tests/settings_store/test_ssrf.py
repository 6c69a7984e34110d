"""Hundreds of ways to have the house connect where it must not: none of them opens a single connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from settings_store.outbound import OutboundRefused, check_url, session
from tests.settings_store.ssrf_urls import RESOLVING, TARGETS, URLS

# What a socket may be asked for is looked at here, and nothing leaves the machine whatever the guard says.
REFUSALS = (OutboundRefused, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError, OSError)


class Canary:
    """A server on this machine that nobody may reach, and every connection that was tried."""

    def __init__(self) -> None:
        self.tried: list[tuple[Any, ...]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]

    def reached(self) -> bool:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Canary]:
    canary = Canary()

    async def connect(_loop: object, _socket: socket.socket, address: tuple[Any, ...]) -> None:
        canary.tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", connect)
    yield canary
    canary.listener.close()


def test_there_are_enough_of_them() -> None:
    assert len(set(URLS.values())) >= 300


@pytest.mark.parametrize("name", URLS)
def test_a_form_refuses_it(name: str) -> None:
    with pytest.raises(OutboundRefused) as refusal:
        check_url(URLS[name].replace("PORT", "8080"), allow_private=False)
    assert str(refusal.value).endswith(".")


async def test_none_of_them_is_connected_to(canary: Canary) -> None:
    async with session(allow_private=False, timeout=5) as http:
        for name, url in URLS.items():
            with pytest.raises(REFUSALS):
                await http.get(url.replace("PORT", str(canary.port)))
            assert (canary.tried, canary.reached()) == ([], False), name


async def test_the_canary_would_hear_of_it(canary: Canary) -> None:
    async with session(allow_private=True, timeout=5) as http:
        with pytest.raises(OSError, match="127"):
            await http.get(f"http://127.0.0.1:{canary.port}/")
    assert canary.tried == [("127.0.0.1", canary.port)]


@pytest.mark.parametrize("name", RESOLVING)
async def test_no_name_leads_there(name: str, canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = list(RESOLVING[name])

    def look_up(host: str, port: int, *_args: Any, **_kwargs: Any) -> list[tuple[Any, ...]]:
        assert host == name
        addresses = (answers.pop(0) if len(answers) > 1 else answers[0]).split()
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with session(allow_private=False, timeout=5) as http:
        for _ in range(3):
            with pytest.raises(REFUSALS):
                await http.get(f"http://{name}:{canary.port}/")
    assert {address[0] for address in canary.tried} <= {"93.184.215.14"}
    assert not canary.reached()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
async def test_no_redirect_leads_there(status: int) -> None:
    heard: list[str] = []
    places = [f"http://{address}/" for address in TARGETS.values()] + ["/again", "//127.0.0.1/", "file:///etc/passwd"]

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.path_qs)
        return web.Response(status=status, headers={"Location": places[int(request.query.get("to", 0))]})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = URL(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    async with session(allow_private=True, timeout=5) as http:
        for number in range(len(places)):
            with pytest.raises(OutboundRefused, match="redirect"):
                await http.get(server.with_query(to=number), allow_redirects=True)
    await runner.cleanup()
    assert heard == [f"/?to={number}" for number in range(len(places))]
