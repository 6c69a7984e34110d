"""The one reader of the client's address, believing only the proxies the installation names."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

# More hops than any real chain of proxies has; a longer header is somebody's experiment.
MAX_HOPS = 30


def parse_address(text: str) -> Address | None:
    """The address in its one form (IPv4 hidden in IPv6 brought out), or None for anything that is not one."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text.strip(), strict=False) for text in texts if text.strip())
    except ValueError as error:
        raise ImproperlyConfigured(f"TRUSTED_PROXIES must be a comma-separated list of networks: {error}.") from error


def trusted_networks() -> tuple[Network, ...]:
    """The networks of TRUSTED_PROXIES; raises ImproperlyConfigured where one cannot be read."""
    return _networks(tuple(settings.TRUSTED_PROXIES))


def client_address(request: HttpRequest) -> str | None:
    """Where the request came from: the first address, read from the right, that is no trusted proxy.

    None where it cannot be known (a local socket, or a proxy that passed on something unreadable), which every list
    of addresses treats as belonging to nobody.
    """
    address = parse_address(request.META.get("REMOTE_ADDR") or "")
    networks = trusted_networks()
    if address is None or not _trusted(address, networks):
        return str(address) if address else None
    # Each proxy appends the address it heard from, so only the part to the right of a stranger can be believed.
    for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[: -MAX_HOPS - 1 : -1]:
        if not hop.strip():
            continue
        address = parse_address(hop)
        if address is None:
            return None
        if not _trusted(address, networks):
            break
    return str(address)


def _trusted(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
