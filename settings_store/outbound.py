"""The guard of every request the house sends out: to model servers, identity providers, webhooks.

An address is checked when a name resolves and again at the moment a socket is made for it, so that neither an address
written as a number nor a name that changes its mind in between gets past. Redirects end the request; cookies, proxies
and headers of the surroundings do not exist here.

Two settings narrow it down for the whole house: which public servers are called at all, and which private networks may
be reached by what is let into any. They hold for the next connection, whoever asks for it.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from django.utils.translation import gettext as _
from yarl import URL

from settings_store.setting_definitions import OUTBOUND_HOSTS, OUTBOUND_NETWORKS
from settings_store.store import get_setting

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
# For examples in books alone; not every release of Python knows it.
_DOCUMENTATION = ip_network("3fff::/20")
_GLOBAL_UNICAST = ip_network("2000::/3")


# A name as it travels; whatever ends in a label that begins with a digit is taken for an address by somebody.
_NAME = re.compile(r"([a-z0-9_-]{1,63}\.)*[a-z_][a-z0-9_-]{0,62}\.?", re.IGNORECASE | re.ASCII)


class OutboundRefused(aiohttp.ClientError):
    """The house does not connect there; the text is a sentence for people."""


class Reach(Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings allow; `hosts` is empty where every public server is."""

    hosts: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]

    def allow_host(self, host: str) -> bool:
        """Whether this public server, by its name or by its address, is one to call."""
        name = _plain_host(host)
        parts = name.split(".")
        above = ("*." + ".".join(parts[start:]) for start in range(1, len(parts)))
        return not self.hosts or name in self.hosts or any(each in self.hosts for each in above)

    def allow_private(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether an address of a private network is in one that may be reached."""
        return any(address.version == network.version and address in network for network in self.networks)


def rules_now() -> Rules:
    return _rules(get_setting(OUTBOUND_HOSTS.key), get_setting(OUTBOUND_NETWORKS.key))


@lru_cache(maxsize=16)
def _rules(hosts: str, networks: str) -> Rules:
    return Rules(frozenset(map(_plain_host, hosts.split())), tuple(filter(None, map(_network, networks.split()))))


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        # What is no network lets nobody in.
        return None


def _plain_host(host: str) -> str:
    """A host in the one form in which two are compared: an address in its short form, a name as it travels."""
    if literal := _literal(host):
        return str(_inner(ip_address(literal)))
    star, name = ("*.", host[2:]) if host.startswith("*.") else ("", host)
    try:
        return star + (URL.build(scheme="http", host=name.rstrip(".")).raw_host or "")
    except ValueError:
        return star + name.lower()


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The address that one of IPv6 merely stands for."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def reach_of(address: IPv4Address | IPv6Address) -> Reach:
    """How far away an address is: NEVER for those that no installation has a reason to call."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return Reach.NEVER
        address = _inner(address)
    # Tunnels that carry another address inside.
    if isinstance(address, IPv6Address) and (address.sixtofour or address.teredo):
        return Reach.NEVER
    if address in _METADATA or address.is_multicast or address.is_link_local or address in _DOCUMENTATION:
        return Reach.NEVER
    if any(address.version == network.version and address in network for network in _PRIVATE):
        return Reach.PRIVATE
    if not address.is_global or (address.version == 6 and address not in _GLOBAL_UNICAST):
        return Reach.NEVER
    return Reach.PUBLIC


def check_address(text: str, *, allow_private: bool) -> Reach:
    """How far away `text` is; raises OutboundRefused where it is not an address the house may connect to."""
    try:
        address = ip_address(text)
        reach = reach_of(address)
    except ValueError:
        reach = Reach.NEVER
    if reach is Reach.NEVER:
        raise OutboundRefused(_("The address %(address)s is never connected to.") % {"address": text})
    if reach is Reach.PRIVATE and not allow_private:
        raise OutboundRefused(
            _("The address %(address)s belongs to a private network, which is not allowed here.") % {"address": text}
        )
    if reach is Reach.PRIVATE and not rules_now().allow_private(_inner(address)):
        raise OutboundRefused(
            _("The address %(address)s is in none of the private networks that the settings allow.") % {"address": text}
        )
    return reach


def check_host(host: str) -> None:
    """Raises OutboundRefused where a public server is not among those that the settings allow."""
    if not rules_now().allow_host(host):
        raise OutboundRefused(_("%(host)s is not among the servers that the settings allow.") % {"host": host})


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
    if not _literal(parsed.host) and not (len(parsed.raw_host or "") <= 253 and _NAME.fullmatch(parsed.raw_host or "")):
        raise OutboundRefused(_("%(host)s is not the name of a server.") % {"host": parsed.host[:100]})
    _check_url_host(parsed.host, allow_private=allow_private)
    return parsed


def _check_url_host(host: str, *, allow_private: bool) -> None:
    if literal := _literal(host):
        if check_address(literal, allow_private=allow_private) is Reach.PUBLIC:
            check_host(host)
    elif not allow_private:
        if (host.rstrip(".").lower() + ".").endswith("localhost."):
            raise OutboundRefused(_("This machine itself is not allowed here."))
        # Where it may be private too, its addresses decide which rule is its own.
        check_host(host)


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
        reaches = {check_address(result["host"], allow_private=self._allow_private) for result in results}
        if Reach.PUBLIC in reaches:
            check_host(host)
        return results

    async def close(self) -> None:
        await self._resolver.close()


async def _guarded(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    literal = _literal(request.url.host or "")
    # A name is judged by what it resolves to; this is resolved already, and private ones are judged by their socket.
    if literal and reach_of(ip_address(literal)) is Reach.PUBLIC:
        check_host(literal)
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
        middlewares=(_guarded,),
    )
