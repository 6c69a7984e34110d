"""What a provider says of itself, and the keys it signs with: both kept in this process for a few minutes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from yarl import URL

from accounts.oidc.errors import at_fault
from accounts.oidc.wire import Wire, open_wire
from settings_store import outbound

WELL_KNOWN = "/.well-known/openid-configuration"
# How long what it said is believed.
SECONDS = 300
MAX_KEYS = 50
# Signatures that nobody can make who knows the public key alone: no "none", no HMAC.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
KEY_TYPES = ("RSA", "EC", "OKP")
# 2048 bits as they are written; shorter ones can be found out.
MODULUS_LENGTH = 341


@dataclass(frozen=True, slots=True)
class Place:
    """Which provider is meant: its issuer, and whether it may lie in a private network."""

    issuer: str
    allow_private: bool


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of a provider's document is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    # How it wants the client's secret: in a header, else in the form.
    by_header: bool
    # Whether its answers name it (RFC 9207).
    names_itself: bool
    scopes: tuple[str, ...]


_documents: dict[Place, tuple[float, Metadata]] = {}
_keys: dict[tuple[Place, str], tuple[float, tuple[Key, ...]]] = {}


def forget(place: Place) -> None:
    """Ask anew the next time, for instance because an admin wants to know how things stand."""
    _documents.pop(place, None)
    for known in [key for key in _keys if key[0] == place]:
        _keys.pop(known, None)


def check_address(url: str, *, allow_private: bool) -> None:
    """Refuse an address of a provider that may not be called; raises OutboundRefused with a sentence.

    Some providers tell their tenants apart by a query, so one may stand there; the issuer itself has none.
    """
    try:
        parsed = URL(url)
    except ValueError:
        raise outbound.OutboundRefused(_("This is not a web address.")) from None
    outbound.check_url(str(parsed.with_query(None)) if parsed.query_string else url, allow_private=allow_private)
    if parsed.scheme != "https" and not allow_private:
        raise outbound.OutboundRefused(
            _("The address must begin with https://, unless the provider may be in a private network.")
        )


async def discover(wire: Wire, place: Place) -> Metadata:
    """The provider's document, no older than SECONDS; raises OidcError."""
    known = _documents.get(place)
    if known and time.monotonic() - known[0] < SECONDS:
        return known[1]
    outbound.check_url(place.issuer, allow_private=place.allow_private)
    metadata = _read(await wire.get(place.issuer.rstrip("/") + WELL_KNOWN), place)
    _documents[place] = (time.monotonic(), metadata)
    return metadata


async def signing_keys(wire: Wire, place: Place, metadata: Metadata, *, kid: str | None) -> tuple[Key, ...]:
    """The keys a token with this key id may be signed with; asked anew once where none of those kept has the id."""
    slot = (place, metadata.jwks_uri)
    known = _keys.get(slot)
    if known and time.monotonic() - known[0] < SECONDS and (found := _fitting(known[1], kid)):
        return found
    keys = _read_keys(await wire.get(metadata.jwks_uri))
    _keys[slot] = (time.monotonic(), keys)
    return _fitting(keys, kid)


def _fitting(keys: tuple[Key, ...], kid: str | None) -> tuple[Key, ...]:
    return keys if kid is None else tuple(key for key in keys if key.kid == kid)


def _read(document: dict[str, Any], place: Place) -> Metadata:
    issuer = document.get("issuer")
    if issuer != place.issuer:
        raise at_fault(_("The provider calls itself by another issuer than the one entered here."))
    methods = document.get("token_endpoint_auth_methods_supported")
    return Metadata(
        issuer=place.issuer,
        authorization_endpoint=_endpoint(document, "authorization_endpoint", place),
        token_endpoint=_endpoint(document, "token_endpoint", place),
        jwks_uri=_endpoint(document, "jwks_uri", place),
        userinfo_endpoint=_endpoint(document, "userinfo_endpoint", place) if "userinfo_endpoint" in document else "",
        by_header=not isinstance(methods, list) or "client_secret_basic" in methods,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        scopes=_texts(document.get("scopes_supported")),
    )


def _endpoint(document: dict[str, Any], name: str, place: Place) -> str:
    url = document.get(name)
    if not isinstance(url, str):
        raise at_fault(_("The provider's document lacks %(name)s.") % {"name": name})
    try:
        check_address(url, allow_private=place.allow_private)
    except outbound.OutboundRefused as refusal:
        raise at_fault(
            _("The provider's %(name)s may not be called: %(reason)s") % {"name": name, "reason": refusal}
        ) from refusal
    return url


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _read_keys(document: dict[str, Any]) -> tuple[Key, ...]:
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise at_fault(_("The provider's list of keys cannot be read."))
    return tuple(key for item in listed[:MAX_KEYS] if (key := _key(item)) is not None)


def _key(item: object) -> Key | None:
    """One that signatures are checked with; a list may hold others, and kinds that are not known here."""
    if not isinstance(item, dict) or item.get("kty") not in KEY_TYPES or item.get("use", "sig") != "sig":
        return None
    if item["kty"] == "RSA" and len(str(item.get("n", ""))) < MODULUS_LENGTH:
        return None
    public = {name: value for name, value in item.items() if name in {"kty", "kid", "alg", "n", "e", "crv", "x", "y"}}
    try:
        return JWKRegistry.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


async def look(place: Place) -> tuple[Metadata, int]:
    """What a provider says of itself now, and how many keys it signs with; raises OidcError."""
    forget(place)
    async with open_wire(allow_private=place.allow_private) as wire:
        metadata = await discover(wire, place)
        return metadata, len(await signing_keys(wire, place, metadata, kid=None))
