"""Password hashes as other houses keep them, in the form in which Django's hashers here read them.

What a hash costs is bounded: whoever wrote it decides how long a sign-in with it takes, and how much memory.
"""

from __future__ import annotations

import base64
import binascii
import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.models import User

# About half a second each at most on one core, so that a refusal at the door, said at the next multiple of
# REFUSAL_SECONDS, comes no later for a dear hash than for a cheap one.
MOST_BCRYPT, MOST_PBKDF2 = 12, 1_500_000
MOST_ARGON2_KIB, MOST_ARGON2_PASSES, MOST_ARGON2_LANES = 128 * 1024, 10, 16
MOST_ARGON2_WORK = 3 * MOST_ARGON2_KIB
LEAST_PBKDF2 = 1000
LENGTH = User._meta.get_field("password").max_length or 128

# Of the last letter of a salt two bits count alone; with any other than these the library refuses to look.
_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_PBKDF2 = re.compile(r"(?P<name>pbkdf2_sha256|pbkdf2_sha1)\$(?P<rounds>[1-9]\d{0,8})\$(?P<salt>[^$\s]+)\$(?P<hash>\S+)")
_WERKZEUG = re.compile(r"pbkdf2:(?P<name>sha256|sha1):(?P<rounds>[1-9]\d{0,8})\$(?P<salt>[^$\s]+)\$(?P<hash>[0-9a-f]+)")
_ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=(?P<memory>\d{1,8}),t=(?P<passes>\d{1,4}),p=(?P<lanes>\d{1,4})"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,64})\$(?P<hash>[A-Za-z0-9+/]{22,86})"
)
_BYTES = {"pbkdf2_sha256": 32, "pbkdf2_sha1": 20}


@sensitive_variables()
def encoded(text: str) -> str:
    """The hash as it is kept here; ValidationError, which never quotes it, where it is none that works here."""
    known = _bcrypt(text) or _pbkdf2(text) or _argon2(text)
    if not known:
        raise ValidationError(
            _(
                "This is no password hash that works here. Taken are bcrypt ($2a$, $2b$, $2y$), PBKDF2 "
                "(pbkdf2_sha256$, pbkdf2_sha1$, pbkdf2:sha256:) and Argon2id ($argon2id$)."
            )
        )
    if len(known) > LENGTH:
        raise ValidationError(_("This hash is longer than %(most)d characters.") % {"most": LENGTH})
    return known


@sensitive_variables()
def _bcrypt(text: str) -> str:
    name = next((name for name in ("bcrypt_sha256", "bcrypt") if text.startswith(f"{name}$$")), "")
    raw = text.removeprefix(f"{name}$") if name else text
    found = _BCRYPT.fullmatch(raw)
    if not found:
        return ""
    _within(_("bcrypt's cost"), int(found["cost"]), 4, MOST_BCRYPT)
    return f"{name or 'bcrypt'}${raw}"


@sensitive_variables()
def _pbkdf2(text: str) -> str:
    if found := _WERKZEUG.fullmatch(text):
        name, digest = f"pbkdf2_{found['name']}", bytes.fromhex(found["hash"]) if len(found["hash"]) % 2 == 0 else b""
    elif found := _PBKDF2.fullmatch(text):
        name, digest = found["name"], _base64(found["hash"])
    else:
        return ""
    if len(digest) != _BYTES[name] or not found["salt"].isascii():
        return ""
    rounds = int(found["rounds"])
    _within(_("PBKDF2's iterations"), rounds, LEAST_PBKDF2, MOST_PBKDF2)
    return f"{name}${rounds}${found['salt']}${base64.b64encode(digest).decode()}"


@sensitive_variables()
def _argon2(text: str) -> str:
    raw = text.removeprefix("argon2")
    found = _ARGON2.fullmatch(raw)
    # A group of four letters, of which a single one may not stand alone, is three bytes.
    if not found or len(found["salt"]) % 4 == 1 or len(found["hash"]) % 4 == 1:
        return ""
    memory, passes, lanes = (int(found[name]) for name in ("memory", "passes", "lanes"))
    _within(_("Argon2's parallelism"), lanes, 1, MOST_ARGON2_LANES)
    _within(_("Argon2's memory in KiB"), memory, 8 * lanes, MOST_ARGON2_KIB)
    _within(_("Argon2's passes"), passes, 1, MOST_ARGON2_PASSES)
    _within(_("Argon2's memory in KiB times its passes"), memory * passes, 8, MOST_ARGON2_WORK)
    return f"argon2{raw}"


def _within(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValidationError(
            _("%(what)s: %(value)d. From %(least)d to %(most)d are taken.")
            % {"what": what, "value": value, "least": least, "most": most}
        )


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
