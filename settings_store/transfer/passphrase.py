"""Secrets in a file, sealed under a passphrase: docs/encryption.md has the format."""

from __future__ import annotations

import base64
import binascii
import os
import re
import unicodedata
from functools import lru_cache

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from settings_store.crypto import KEY_BYTES, CannotOpen, Key, Keyring, SealedElsewhere, open_in, seal_in

LEAST_CHARACTERS, MOST_CHARACTERS = 12, 1000
PREFIX = "gatehouse-sealed:"
# What scrypt costs: 64 MiB and about a fifth of a second for each guess.
COST, BLOCK, PARALLEL = 2**16, 8, 1
SALT_BYTES = 16
_TOKEN = re.compile(PREFIX + r"1:([0-9]{1,7}):([0-9]{1,2}):([0-9]):([A-Za-z0-9_-]{22}==):([A-Za-z0-9_=-]+)")
# No file may ask for more than 128 MiB or some seconds, nor be content with less than is safe.
_COSTS, _PARALLELS = {2**power for power in range(15, 18)}, range(1, 5)


class Passphrase:
    """A passphrase that seals and opens secrets of one file."""

    def __init__(self, text: str) -> None:
        # The same characters, however a keyboard composes them.
        self._text = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
        self._salt = os.urandom(SALT_BYTES)
        # A file asks for one key; more of them would only cost time.
        self._key = lru_cache(maxsize=1)(self._derive)

    def seal(self, secret: str, *, key: str, environment: str) -> str:
        """The secret as text for a file, bound to its setting and environment."""
        ring = Keyring(environment, (self._key(self._salt, COST, BLOCK, PARALLEL),))
        sealed = seal_in(ring, secret.encode(), context=_context(key))
        salt, value = (base64.urlsafe_b64encode(part).decode() for part in (self._salt, sealed))
        return f"{PREFIX}1:{COST}:{BLOCK}:{PARALLEL}:{salt}:{value}"

    def open(self, token: str, *, key: str, environment: str) -> str:
        """The secret that `seal` made; raises ValidationError with one sentence."""
        found = _TOKEN.fullmatch(token.strip())
        if found is None:
            raise ValidationError(_("The sealed value is cut short or of an unknown format."))
        cost, block, parallel = (int(part) for part in found.group(1, 2, 3))
        if cost not in _COSTS or block != BLOCK or parallel not in _PARALLELS:
            raise ValidationError(_("The sealed value asks for an effort that is not allowed here."))
        try:
            salt, sealed = (base64.urlsafe_b64decode(part) for part in found.group(4, 5))
        except binascii.Error:
            raise ValidationError(_("The sealed value is cut short or of an unknown format.")) from None
        ring = Keyring(environment, (self._key(salt, cost, block, parallel),))
        try:
            return open_in(ring, sealed, context=_context(key)).decode()
        except SealedElsewhere:
            raise ValidationError(_("The passphrase is not the one this secret was sealed with.")) from None
        except (CannotOpen, UnicodeDecodeError):
            raise ValidationError(_("The sealed value was changed, or belongs to another setting.")) from None

    def _derive(self, salt: bytes, cost: int, block: int, parallel: int) -> Key:
        return Key(Scrypt(salt=salt, length=KEY_BYTES, n=cost, r=block, p=parallel).derive(self._text))


def is_sealed(text: str) -> bool:
    return text.startswith(PREFIX)


def salt_of(token: str) -> str:
    """The part of a sealed value that all those of one file share."""
    return ":".join(token.split(":")[:6])


def _context(key: str) -> str:
    return f"export:{key}"
