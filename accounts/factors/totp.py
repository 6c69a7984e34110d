"""Codes of an authenticator app (RFC 6238): SHA-1, six digits, a new one every thirty seconds."""

from __future__ import annotations

import base64
import os
import re
import time

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.utils.crypto import constant_time_compare

from accounts.models import Totp, User
from settings_store import crypto

SECRET_BYTES, DIGITS, SECONDS = 20, 6, 30
# A code counts one step before and after its own, for clocks that differ and people who type.
DRIFT = 1
# How far off a phone's clock may be for the sentence that says by how much.
FAR_DRIFT = 240

_CODE = re.compile(r"[0-9]{6}", re.ASCII)


def new_secret() -> bytes:
    return os.urandom(SECRET_BYTES)


def cleaned(typed: str) -> str | None:
    """The code that somebody typed, without the spaces between; None where it cannot be one."""
    code = "".join(typed.split())
    return code if _CODE.fullmatch(code) else None


def matching_step(secret: bytes, code: str, *, drift: int = DRIFT) -> int | None:
    """The newest step around this moment whose code this is; compares each of them, whatever the first ones say."""
    now, found = int(time.time()) // SECONDS, None
    for step in range(now - drift, now + drift + 1):
        if step >= 0 and constant_time_compare(code_at(secret, step), code):
            found = step
    return found


def minutes_off(secret: bytes, code: str) -> int | None:
    """By how many minutes the clock is off that made this code, where that explains it."""
    step = matching_step(secret, code, drift=FAR_DRIFT)
    return None if step is None else max(1, round(abs(step * SECONDS - time.time()) / 60))


def code_at(secret: bytes, step: int) -> str:
    return _codes(secret).generate(step * SECONDS).decode()


def context(user: User) -> str:
    """What a sealed secret is bound to: nobody else's row opens it."""
    return f"totp:{user.public_id}"


def seal(secret: bytes, user: User) -> bytes:
    return crypto.seal(secret, context=context(user))


def secret_of(row: Totp, user: User) -> bytes:
    """The secret of an app; raises CannotOpen where its key is gone."""
    return crypto.open_sealed(bytes(row.sealed_secret), context=context(user))


def uri(secret: bytes, user: User) -> str:
    """What the QR code says to the app."""
    issuer = "Gatehouse" if settings.ENVIRONMENT == "production" else f"Gatehouse ({settings.ENVIRONMENT})"
    return _codes(secret).get_provisioning_uri(user.username, issuer)


def in_groups(secret: bytes) -> str:
    """The secret for people who type it: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _codes(secret: bytes) -> TOTP:
    # The algorithm is the one that every authenticator app knows; HMAC does not lean on collisions.
    return TOTP(secret, DIGITS, SHA1(), SECONDS)  # noqa: S303
