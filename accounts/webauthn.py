"""Passkeys (WebAuthn): what a browser is asked, and whether its answer proves who answers.

A challenge is kept nowhere: it is signed here, for one purpose and one browser, is good for five minutes, and is looked
at once. So whoever merely looks at the sign-in page leaves no row behind.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

import webauthn
from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.middleware.csrf import get_token
from django.utils.translation import gettext as _
from webauthn.helpers import (
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.models import Passkey, Session, User
from settings_store import limits

SECONDS = 300
CHALLENGES = "accounts.passkey.challenge"
# The longest answer of a browser: an attestation with its certificates stays far below.
ANSWER_LENGTH = 50_000
ID_LENGTH, KEY_LENGTH = 1023, 2000


class Refused(Exception):
    """The answer proves nothing; the one word it carries is for the trail, never for a page."""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why no passkey can work at this address, in a sentence, and where one can, if that is known."""

    sentence: str
    url: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """What a browser made: a public key and its id."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_backed_up: bool
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """A right answer: the passkey, and how often it says that it has signed."""

    passkey: Passkey
    sign_count: int
    is_backed_up: bool


def hindrance(request: HttpRequest) -> Hindrance | None:
    """What keeps browsers from passkeys at the address this page is read at; None where nothing does."""
    domain, port = split_domain_port(request.get_host())
    try:
        address = ip_address(domain.strip("[]"))
    except ValueError:
        if request.is_secure() or domain == "localhost" or domain.endswith(".localhost"):
            return None
        return Hindrance(_("Passkeys need a connection by https."))
    if address.is_loopback and validate_host("localhost", settings.ALLOWED_HOSTS):
        host = f"localhost:{port}" if port else "localhost"
        place = f"{request.scheme}://{host}"
        return Hindrance(
            _("Passkeys belong to a name, and this page was opened by a number. Open %(place)s to use them.")
            % {"place": place},
            place + request.get_full_path(),
            host,
        )
    return Hindrance(_("Passkeys belong to a name, and this page was opened by a number. Open it by its name."))


def ask_for_new(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the browser is asked in order to make a passkey for this person, as its own functions take it."""
    return options_to_json_dict(
        webauthn.generate_registration_options(
            rp_id=_rp_id(request),
            rp_name="Gatehouse",
            user_id=user.public_id.bytes,
            user_name=user.username,
            user_display_name=str(user),
            challenge=_challenge(request, "create"),
            timeout=SECONDS * 1000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=_descriptors(user),
        )
    )


def ask_for_proof(request: HttpRequest, user: User | None) -> dict[str, Any]:
    """What the browser is asked in order to prove a passkey: one of this person's, or anybody's it knows."""
    return options_to_json_dict(
        webauthn.generate_authentication_options(
            rp_id=_rp_id(request),
            challenge=_challenge(request, "get"),
            timeout=SECONDS * 1000,
            allow_credentials=_descriptors(user) if user is not None else None,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def made(request: HttpRequest, answer: str) -> NewPasskey:
    """The passkey that the browser made; Refused where the answer is not one to what was asked.

    Must not be called inside a transaction: the challenge is used up whatever becomes of the rest.
    """
    try:
        credential = parse_registration_credential_json(_measured(answer))
        challenge = parse_client_data_json(credential.response.client_data_json).challenge
        _use_up(request, "create", challenge)
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_rp_id(request),
            expected_origin=_origin(request),
            require_user_verification=True,
        )
    except Refused:
        raise
    except Exception as error:
        # Whatever its decoders stumble over in bytes that anybody can send, the library lets through.
        raise Refused("answer") from error
    if len(verified.credential_id) > ID_LENGTH or len(verified.credential_public_key) > KEY_LENGTH:
        raise Refused("answer")
    return NewPasskey(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        is_backed_up=verified.credential_backed_up,
        transports=tuple(each.value for each in credential.response.transports or ()),
    )


def proved(request: HttpRequest, answer: str, *, user: User | None) -> Proof:
    """The passkey that the browser proved, one of `user`'s where they are known; else Refused.

    Whether its count of signatures may stand is for the action to say. Must not be called inside a transaction.
    """
    try:
        credential = parse_authentication_credential_json(_measured(answer))
        challenge = parse_client_data_json(credential.response.client_data_json).challenge
        _use_up(request, "get", challenge)
        passkey = _named(credential, user)
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_rp_id(request),
            expected_origin=_origin(request),
            credential_public_key=bytes(passkey.public_key),
            # The library looks at it before the signature, and anybody can send a low count without one.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Refused:
        raise
    except Exception as error:
        raise Refused("answer") from error
    return Proof(passkey, verified.new_sign_count, verified.credential_backed_up)


def _named(credential: AuthenticationCredential, user: User | None) -> Passkey:
    """The passkey of this id, one of `user`'s where they are known; else Refused."""
    passkey = Passkey.objects.select_related("user").filter(credential_key=key_of(credential.raw_id)).first()
    if passkey is None or (user is not None and passkey.user_id != user.pk):
        raise Refused("unknown")
    handle = credential.response.user_handle
    # Where no name was typed the answer itself must say whose it is; where it says so, it must be right.
    if handle != passkey.user.public_id.bytes and (user is None or handle):
        raise Refused("unknown")
    return passkey


def key_of(credential_id: bytes) -> str:
    """Under which a credential is looked up."""
    return sha256(credential_id).hexdigest()


def _challenge(request: HttpRequest, purpose: str) -> bytes:
    return _signer(request, purpose).sign(secrets.token_urlsafe(16)).encode()


def _use_up(request: HttpRequest, purpose: str, challenge: bytes) -> None:
    try:
        _signer(request, purpose).unsign(challenge.decode(), max_age=SECONDS)
    except signing.SignatureExpired as error:
        raise Refused("late") from error
    except (signing.BadSignature, UnicodeDecodeError) as error:
        raise Refused("challenge") from error
    if not limits.reserve(CHALLENGES, sha256(challenge).hexdigest(), limit=1, seconds=SECONDS).allowed:
        raise Refused("again")


def _signer(request: HttpRequest, purpose: str) -> signing.TimestampSigner:
    # Asked for anything, the session is loaded, and a cookie that names none is known for that.
    request.session.get("")
    row: Session | None = request.session.row  # type: ignore[attr-defined]  # our SessionStore's
    if row is None:
        # Nobody yet: this browser is known by the token of its forms.
        get_token(request)
    browser = f"session:{row.public_id}" if row is not None else f"browser:{request.META['CSRF_COOKIE']}"
    return signing.TimestampSigner(salt=f"accounts.webauthn:{purpose}:{browser}")


def _measured(answer: str) -> str:
    if len(answer) > ANSWER_LENGTH:
        raise Refused("answer")
    return answer


def _descriptors(user: User) -> list[PublicKeyCredentialDescriptor]:
    known = {each.value for each in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=bytes(passkey.credential_id),
            transports=[AuthenticatorTransport(each) for each in passkey.transports if each in known],
        )
        for passkey in Passkey.objects.filter(user=user).order_by("pk")
    ]


def _rp_id(request: HttpRequest) -> str:
    # Django has held the host against ALLOWED_HOSTS.
    return split_domain_port(request.get_host())[0]


def _origin(request: HttpRequest) -> str:
    domain, port = split_domain_port(request.get_host())
    # Browsers leave out the port that goes without saying.
    usual = {"https": "443", "http": "80"}[str(request.scheme)]
    return f"{request.scheme}://{domain}{f':{port}' if port and port != usual else ''}"
