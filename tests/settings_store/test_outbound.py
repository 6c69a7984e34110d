"""What the house connects to, and what it refuses however it is written."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError

from settings_store.actions import change_setting
from settings_store.outbound import OutboundRefused, Reach, check_url, reach_of, session

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "::1", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
]  # fmt: skip
NEVER = [
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "0.1.2.3", "169.254.169.254", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1", "203.0.113.1",
    "198.18.0.1", "::", "fe80::1", "fe80::1%eth0", "ff02::1", "fd00:ec2::254", "2002:7f00:1::", "2002:808:808::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2001:db8::1",
    "::ffff:169.254.169.254", "::ffff:0:7f00:1", "100::1", "fec0::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        *((address, Reach.PRIVATE) for address in PRIVATE),
        *((address, Reach.NEVER) for address in NEVER),
        *((address, Reach.PUBLIC) for address in PUBLIC),
    ],
)
def test_every_form_of_an_address_reaches_as_far_as_what_is_inside(address: str, reach: Reach) -> None:
    assert reach_of(ip_address(address)) is reach


@pytest.mark.parametrize(
    "url",
    [
        "", "models.example", "ftp://models.example/", "file:///etc/passwd", "javascript:alert(1)", "http://", "http:///x",
        "http://user@models.example/", "http://user:secret@models.example/", "http://models.example/?next=x",
        "http://models.example/#x", "http://models.example\\@10.0.0.1/", "http://mod els.example/", "http://a\0b/",
        "http://a\r\nHost: b/", "http://[::1", "http://models.example:99999/", "http://models.example:x/",
        "http://models.example/" + "x" * 600, "http://\ud800/", "//models.example/",
        "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/",
        "http://0x7f.1/", "http://127.0.0.1./", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/",
        "http://LOCALHOST./", "http://app.localhost:8080/", "http://10.0.0.5:11434/v1", "http://[fe80::1%25eth0]/",
        "http://169.254.169.254/latest/meta-data/", "http://①②⑦.0.0.1/", "http://127。0。0。1/",
    ],
)  # fmt: skip
def test_a_form_refuses_it_in_one_sentence(url: str) -> None:
    with pytest.raises(OutboundRefused) as refusal:
        check_url(url, allow_private=False)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/v1", "http://[::1]:8080", "http://localhost:1/", "http://10.0.0.5/"]
)
def test_private_servers_are_let_in_where_they_are_allowed(url: str) -> None:
    assert check_url(url, allow_private=True).host


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://0.0.0.0/", "http://0/"])
def test_some_addresses_stay_refused_even_then(url: str) -> None:
    with pytest.raises(OutboundRefused):
        check_url(url, allow_private=True)


@pytest.mark.parametrize("url", ["https://models.example/v1", "http://models.example:8443", "https://1.1.1.1/"])
def test_public_servers_are_let_in(url: str) -> None:
    assert check_url(url, allow_private=False)


def allow(hosts: str | None = None, networks: str | None = None) -> None:
    """What the house may call from here on."""
    for key, value in (("outbound.allowed_hosts", hosts), ("outbound.private_networks", networks)):
        if value is not None:
            change_setting(actor=None, key=key, environment="default", value=value)


@pytest.mark.parametrize(
    "host",
    [
        "api.example.org", "API.example.org.", "a.models.example", "a.b.models.example", "bücher.example", "1.1.1.1",
        "xn--bcher-kva.example", "[2606:4700:4700::1111]", "[::ffff:1.1.1.1]", "16843009",
    ],
)  # fmt: skip
def test_servers_that_the_settings_name_are_let_in(db: None, host: str) -> None:
    allow("api.example.org\r\n*.models.example\nBücher.example.\n1.1.1.1\n2606:4700:4700:0::1111")
    assert check_url(f"https://{host}/v1", allow_private=False)


@pytest.mark.parametrize(
    "host",
    [
        "example.org", "models.example", "evil-api.example.org", "api.example.org.evil.example", "notmodels.example",
        "1.1.1.2", "[2606:4700:4700::1112]", "buecher.example",
    ],
)  # fmt: skip
def test_others_are_refused_by_name(db: None, host: str) -> None:
    allow("api.example.org\n*.models.example\nbücher.example\n1.1.1.1")
    with pytest.raises(OutboundRefused, match="is not among the servers that the settings allow"):
        check_url(f"https://{host}/v1", allow_private=False)


def test_only_networks_that_the_settings_name_are_reached(db: None) -> None:
    allow(networks="10.20.0.0/16\nfd00::/8")
    for host in ("10.20.3.4", "[fd12::1]", "[::ffff:10.20.3.4]", "[64:ff9b::a14:304]"):
        assert check_url(f"http://{host}/v1", allow_private=True)
        with pytest.raises(OutboundRefused):
            check_url(f"http://{host}/v1", allow_private=False)
    for host in ("10.21.0.1", "127.0.0.1", "[::1]", "192.168.1.1", "[fc00::1]"):
        with pytest.raises(OutboundRefused, match="none of the private networks that the settings allow"):
            check_url(f"http://{host}/v1", allow_private=True)


def test_no_network_named_means_none(db: None) -> None:
    allow(networks="")
    with pytest.raises(OutboundRefused):
        check_url("http://127.0.0.1/v1", allow_private=True)


def test_a_network_never_opens_what_is_never_reached(db: None) -> None:
    allow(networks="0.0.0.0/0\n::/0")
    for address in ("169.254.169.254", "[fe80::1]", "0", "[fd00:ec2::254]"):
        with pytest.raises(OutboundRefused):
            check_url(f"http://{address}/", allow_private=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("allowed_hosts", "https://api.example.org"), ("allowed_hosts", "*"), ("allowed_hosts", "*.*.example.org"),
        ("allowed_hosts", "api.example.org/v1"), ("allowed_hosts", "api.example.org:443"),
        ("private_networks", "10.0.0.0"), ("private_networks", "300.0.0.0/8"), ("private_networks", "10.0.0.0/33"),
        ("private_networks", "office"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_not_taken(db: None, key: str, value: str) -> None:
    with pytest.raises(ValidationError, match="to a line"):
        change_setting(actor=None, key=f"outbound.{key}", environment="default", value=value)


class Names(AbstractResolver):
    """A resolver whose answers a test chooses, one after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, list[web.Request]]]:
    """A server on this machine that remembers what reached it."""
    heard: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request)
        if request.path == "/away":
            return web.Response(status=302, headers={"Location": "/"})
        return web.Response(text="hello", headers={"Set-Cookie": "a=b"})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}", heard
    await runner.cleanup()


# The wire itself refuses the old spellings of IPv4 that it can tell; the guard refuses the others.
@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "127.1", "0x7f.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_no_spelling_reaches_a_private_server(server: tuple[str, list[web.Request]], host: str) -> None:
    port = server[0].rpartition(":")[2]
    async with session(allow_private=False, timeout=5) as http:
        with pytest.raises((OutboundRefused, aiohttp.InvalidURL)):
            await http.get(f"http://{host}:{port}/")
    assert server[1] == []


async def test_a_private_server_is_reached_where_it_is_allowed(server: tuple[str, list[web.Request]]) -> None:
    async with session(allow_private=True, timeout=5) as http, http.get(server[0]) as response:
        assert await response.text() == "hello"


async def test_a_name_with_one_private_address_among_others_is_refused() -> None:
    async with session(allow_private=False, timeout=5, resolver=Names(["1.1.1.1", "10.0.0.1"])) as http:
        with pytest.raises(OutboundRefused):
            await http.get("http://models.example/")


async def test_a_name_that_changes_its_mind_is_asked_again(server: tuple[str, list[web.Request]]) -> None:
    port = server[0].rpartition(":")[2]
    names = Names(["169.254.169.254"], ["127.0.0.1"])
    async with session(allow_private=True, timeout=5, resolver=names) as http:
        with pytest.raises(OutboundRefused):
            await http.get(f"http://models.example:{port}/")
        async with http.get(f"http://models.example:{port}/") as response:
            assert response.status == 200


@pytest.mark.parametrize("host", ["models.example", "127.0.0.1"])
async def test_a_network_that_is_taken_away_is_not_connected_to(
    transactional_db: None, server: tuple[str, list[web.Request]], host: str
) -> None:
    address = f"http://{host}:{server[0].rpartition(':')[2]}/"
    async with session(allow_private=True, timeout=5, resolver=Names(["127.0.0.1"])) as http:
        async with http.get(address, headers={"Connection": "close"}) as response:
            assert response.status == 200
        await sync_to_async(allow)(networks="10.0.0.0/8")
        with pytest.raises(OutboundRefused):
            await http.get(address)
    assert len(server[1]) == 1


@pytest.mark.parametrize("host", ["other.example", "1.1.1.1", "[2606:4700:4700::1111]"])
async def test_a_public_server_that_is_not_named_is_not_connected_to(transactional_db: None, host: str) -> None:
    await sync_to_async(allow)("api.example.org")
    # Let into private networks, a public server is judged all the same, once it is known for one.
    async with session(allow_private=True, timeout=5, resolver=Names(["1.1.1.1"])) as http:
        with pytest.raises(OutboundRefused, match="not among the servers"):
            await http.get(f"http://{host}/")


async def test_redirects_are_not_followed_whatever_the_caller_says(server: tuple[str, list[web.Request]]) -> None:
    async with session(allow_private=True, timeout=5) as http:
        with pytest.raises(OutboundRefused, match="redirect"):
            await http.get(f"{server[0]}/away", allow_redirects=True)
    assert [request.path for request in server[1]] == ["/away"]


async def test_nothing_of_the_surroundings_goes_along(
    server: tuple[str, list[web.Request]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setenv("NO_PROXY", "")
    async with session(allow_private=True, timeout=5) as http:
        for _ in range(2):
            async with http.get(server[0]):
                await asyncio.sleep(0)
    heard = server[1][-1].headers
    assert heard["User-Agent"] == "Gatehouse"
    assert "Cookie" not in heard
    assert set(heard) <= {"Host", "User-Agent", "Accept", "Accept-Encoding"}
