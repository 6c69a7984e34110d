"""The way to a provider and back: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1)."""

from __future__ import annotations

import base64
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core.claims import CodeIDToken
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, extract_compact

from accounts.oidc import claims
from accounts.oidc.discovery import ALGORITHMS, Metadata, Place, discover, signing_keys
from accounts.oidc.errors import OidcError, at_fault
from accounts.oidc.wire import Wire, open_wire

# Clocks may differ by as much.
LEEWAY = 60
CODE_LENGTH = 4096


class _Registry(JWSRegistry):
    """Algorithms of our list alone; "EdDSA" among them without a warning, for the key says which curve is meant."""

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(name[:20])
        return self.algorithms[name]


# Providers write headers of their own into tokens; one that must be understood is refused all the same.
REGISTRY = _Registry(strict_check_header=False)
# What RFC 6749 and OpenID Connect call errors; anything else a provider writes is not repeated.
_ERROR = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Client:
    """This house as a provider knows it, and what is asked there."""

    place: Place
    client_id: str
    secret: str
    scopes: str
    role_claim: str

    def __repr__(self) -> str:
        return f"Client({self.place!r}, {self.client_id!r}, secret={'•••' if self.secret else ''!r})"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the browser's session keeps while its person is at the provider."""

    nonce: str
    verifier: str
    redirect_uri: str
    # Whether they had to prove themselves anew there, and when that was asked (seconds since 1970).
    afresh: bool
    at: float


async def begin(client: Client, *, redirect_uri: str, afresh: bool = False) -> tuple[str, str, Asked]:
    """Where to send the browser, the state it must bring back, and what to keep; raises OidcError."""
    async with open_wire(allow_private=client.place.allow_private) as wire:
        metadata = await discover(wire, client.place)
    state = secrets.token_urlsafe(32)
    asked = Asked(secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect_uri, afresh, time.time())
    url = prepare_grant_uri(
        metadata.authorization_endpoint,
        client.client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=client.scopes,
        state=state,
        nonce=asked.nonce,
        code_challenge=create_s256_code_challenge(asked.verifier),
        code_challenge_method="S256",
        **({"prompt": "login", "max_age": "0"} if afresh else {}),
    )
    return cast(str, url), state, asked


async def finish(client: Client, asked: Asked, answer: Mapping[str, str]) -> claims.Vouched:
    """Whom the provider vouches for, by the answer the browser brought back; raises OidcError.

    That the state was this browser's is the caller's to have checked.
    """
    async with open_wire(allow_private=client.place.allow_private) as wire:
        metadata = await discover(wire, client.place)
        code = _code(metadata, answer)
        tokens = await _redeem(wire, client, metadata, asked, code)
        said = await _id_token(wire, client, metadata, asked, tokens)
        access_token = tokens.get("access_token")
        if metadata.userinfo_endpoint and isinstance(access_token, str) and _lacks(said, client.role_claim):
            more = await wire.get(metadata.userinfo_endpoint, bearer=_token(access_token))
            if more.get("sub") != said["sub"]:
                raise at_fault(_("The provider spoke of two different people."))
            said = _together(said, more)
    vouched = claims.read(said, role_claim=client.role_claim)
    if asked.afresh and (vouched.auth_time is None or vouched.auth_time < asked.at - LEEWAY):
        raise OidcError(_("The provider does not say that you proved yourself anew there."), detail="auth_time")
    return vouched


def _code(metadata: Metadata, answer: Mapping[str, str]) -> str:
    issuer = answer.get("iss")
    if (issuer is None and metadata.names_itself) or (issuer is not None and issuer != metadata.issuer):
        raise OidcError(_("This answer came from another provider. Begin again."), detail="iss")
    if error := answer.get("error"):
        if error == "access_denied":
            raise OidcError(_("You did not sign in at the provider."), detail="access_denied")
        raise at_fault(_("The provider refuses the sign-in."), error if _ERROR.fullmatch(error) else "odd error")
    code = answer.get("code", "")
    if not 0 < len(code) <= CODE_LENGTH or not code.isprintable():
        raise OidcError(_("The answer of the provider was not complete. Begin again."), detail="code")
    return code


async def _redeem(wire: Wire, client: Client, metadata: Metadata, asked: Asked, code: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked.redirect_uri,
        "code_verifier": asked.verifier,
    }
    headers = {}
    if client.secret and metadata.by_header:
        # Both are encoded as in a form before they are joined (RFC 6749, 2.3.1).
        pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form["client_id"] = client.client_id
        if client.secret:
            form["client_secret"] = client.secret
    status, body = await wire.post(metadata.token_endpoint, form, headers)
    if status == 200:
        return body
    error = body.get("error")
    said = error if isinstance(error, str) and _ERROR.fullmatch(error) else f"status {status}"
    if error == "invalid_grant":
        # Used twice, or too late; or the code of another: nothing is wrong with the provider.
        raise OidcError(_("The provider does not accept its answer any more. Begin again."), detail=said)
    if error == "invalid_client" or status == 401:
        raise at_fault(_("The provider does not accept the client id and secret kept here."), said)
    raise at_fault(_("The provider refuses to say who signed in."), said)


async def _id_token(
    wire: Wire, client: Client, metadata: Metadata, asked: Asked, tokens: Mapping[str, Any]
) -> dict[str, Any]:
    """The claims of the ID token, each checked as section 3.1.3.7 says."""
    text = tokens.get("id_token")
    if not isinstance(text, str):
        raise at_fault(_("The provider sent no ID token."))
    try:
        header = extract_compact(text.encode(), registry=REGISTRY).headers()
        kid = header.get("kid")
        if "crit" in header or header.get("alg") not in ALGORITHMS or not isinstance(kid, str | None):
            raise at_fault(_("The provider signs in a way that is not accepted."))
        keys = await signing_keys(wire, client.place, metadata, kid=kid)
        token = _verified(text, keys)
        said = CodeIDToken(
            token.claims,
            token.header,
            options={
                "iss": {"essential": True, "value": metadata.issuer},
                "aud": {"essential": True, "value": client.client_id},
            },
            params={
                "client_id": client.client_id,
                "nonce": asked.nonce,
                "access_token": tokens.get("access_token"),
            },
        )
        said.validate(leeway=LEEWAY)
    except OidcError:
        raise
    except (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError, OverflowError) as error:
        raise at_fault(_("The provider's ID token is not valid."), _reason(error)) from error
    nonce, subject = said.get("nonce"), said.get("sub")
    if not isinstance(nonce, str) or not constant_time_compare(nonce, asked.nonce):
        raise at_fault(_("The provider's ID token is not valid."), "nonce")
    if not isinstance(subject, str) or not 0 < len(subject) <= claims.SUBJECT_LENGTH or not subject.isprintable():
        raise at_fault(_("The provider's ID token is not valid."), "sub")
    # Whoever else it is meant for, it must have been made for this house (a list of one is no list).
    audience = said["aud"] if isinstance(said["aud"], list) else [said["aud"]]
    if len(audience) > 1 and said.get("azp") != client.client_id:
        raise at_fault(_("The provider's ID token is not valid."), "azp")
    return dict(said)


def _verified(text: str, keys: tuple[Key, ...]) -> jwt.Token:
    """The token, by whichever of these keys it was signed with."""
    failure: JoseError | ValueError | TypeError | None = None
    for key in keys:
        try:
            return jwt.decode(text, key, algorithms=list(ALGORITHMS), registry=REGISTRY)
        except (JoseError, ValueError, TypeError) as error:
            failure = error
    raise failure or JoseError("no key with this id")


def _lacks(said: Mapping[str, Any], role_claim: str) -> bool:
    """Whether something is wanted that the ID token does not say."""
    return "email" not in said or bool(role_claim and not claims.has(said, role_claim))


def _together(said: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """What the signed token says, and what it left to the other answer."""
    if "email" in said:
        # The address and whether it is verified belong together: never one from here and the other from there.
        more = {name: value for name, value in more.items() if name != "email_verified"}
    return {**more, **said}


def _token(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise at_fault(_("The provider's answer cannot be read."), "access_token")
    return text


def _reason(error: Exception) -> str:
    return error.error or "token" if isinstance(error, JoseError) else type(error).__name__
