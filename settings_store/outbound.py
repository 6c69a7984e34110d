"""The guard of every request the house sends out: to model servers, identity providers, webhooks.

An address is checked when a name resolves and again at the moment a socket is made for it, so that neither an address
written as a number nor a name that changes its mind in between gets past. Redirects end the request; cookies, proxies
and headers of the surroundings do not exist here.
"""

from __future__ import annotations

import socket
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from django.utils.translation import gettext as _
from yarl import URL

MAX_URL_LENGTH = 500
USER_AGENT = "Gatehouse"
REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})

_PRIVATE = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "::1/128", "fc00::/7")
)
# Where clouds answer questions about the machine itself, secrets included; some lie in private or even public ranges.
_METADATA = frozenset(
    ip_address(text) for text in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ip_network("2000::/3")


class OutboundRefused(aiohttp.ClientError):
    """The house does not connect there; the text is a sentence for people."""


class Reach(Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


def reach_of(address: IPv4Address | IPv6Address) -> Reach:
    """How far away an address is: NEVER for those that no installation has a reason to call."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return Reach.NEVER
        if address.ipv4_mapped:
            return reach_of(address.ipv4_mapped)
        if address in _NAT64:
            return reach_of(IPv4Address(int(address) & 0xFFFFFFFF))
        # Tunnels that carry another address inside.
        if address.sixtofour or address.teredo:
            return Reach.NEVER
    if address in _METADATA or address.is_multicast or address.is_link_local:
        return Reach.NEVER
    if any(address.version == network.version and address in network for network in _PRIVATE):
        return Reach.PRIVATE
    if not address.is_global or (address.version == 6 and address not in _GLOBAL_UNICAST):
        return Reach.NEVER
    return Reach.PUBLIC


def check_address(text: str, *, allow_private: bool) -> None:
    """Raises OutboundRefused where `text` is not an address the house may connect to."""
    try:
        reach = reach_of(ip_address(text))
    except ValueError:
        reach = Reach.NEVER
    if reach is Reach.NEVER:
        raise OutboundRefused(_("The address %(address)s is never connected to.") % {"address": text})
    if reach is Reach.PRIVATE and not allow_private:
        raise OutboundRefused(
            _("The address %(address)s belongs to a private network, which is not allowed here.") % {"address": text}
        )


def check_url(url: str, *, allow_private: bool) -> URL:
    """Refuse what can be refused before a connection is tried; names are checked again when they resolve.

    Raises OutboundRefused with a sentence for the form.
    """
    if len(url) > MAX_URL_LENGTH:
        raise OutboundRefused(_("The address is too long."))
    if not url.isprintable() or any(character in url for character in "\\ "):
        raise OutboundRefused(_("The address holds characters that do not belong there."))
    try:
        parsed = URL(url)
        port = parsed.port
    except ValueError:
        raise OutboundRefused(_("This is not a web address.")) from None
    if parsed.scheme not in ("http", "https") or not parsed.host or not port:
        raise OutboundRefused(_("The address must begin with http:// or https:// and name a server."))
    if parsed.user is not None or parsed.password is not None:
        raise OutboundRefused(_("The address must not hold a name or password; give the key in its own field."))
    if parsed.query_string or parsed.fragment:
        raise OutboundRefused(_("The address must not hold a question mark or a number sign."))
    literal = _literal(parsed.host)
    if literal:
        check_address(literal, allow_private=allow_private)
    elif not allow_private and (parsed.host.rstrip(".").lower() + ".").endswith("localhost."):
        raise OutboundRefused(_("This machine itself is not allowed here."))
    return parsed


def _literal(host: str) -> str:
    """The address a host stands for without any look-up: written out, or as one of the old spellings of IPv4."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        pass
    if host.rstrip(".").rpartition(".")[2][:1].isdigit():
        try:
            return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
        except (OSError, UnicodeError):
            return ""
    return ""


class GuardedResolver(AbstractResolver):
    """Resolves a name, and refuses it where any one of its addresses is refused."""

    def __init__(self, *, allow_private: bool, resolver: AbstractResolver | None = None) -> None:
        self._allow_private = allow_private
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            check_address(result["host"], allow_private=self._allow_private)
        return results

    async def close(self) -> None:
        await self._resolver.close()


async def _no_redirects(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    response = await handler(request)
    if response.status in REDIRECTS:
        response.close()
        raise OutboundRefused(_("The server answered with a redirect, which is not followed."))
    return response


def session(
    *, allow_private: bool, timeout: aiohttp.ClientTimeout | float, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """A session whose every connection passes the guard; made inside a running event loop, closed by the caller.

    What the guard refuses raises OutboundRefused, out of the request that would have gone there.
    """

    def checked_socket(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _name, address = info
        check_address(str(address[0]), allow_private=allow_private)
        return socket.socket(family, kind, protocol)

    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(allow_private=allow_private, resolver=resolver),
        socket_factory=checked_socket,
        use_dns_cache=False,
        limit=0,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout if isinstance(timeout, aiohttp.ClientTimeout) else aiohttp.ClientTimeout(total=timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        trust_env=False,
        middlewares=(_no_redirects,),
    )
