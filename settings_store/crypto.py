"""Sealing of secrets: AES-256-GCM under a keyring per environment. docs/encryption.md has the format byte by byte.

Every nonce is made in `seal_in`. A sealed value names its key and is bound to its environment and its context, so that
moved to another row, key, environment or version it does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
import threading
from dataclasses import dataclass, field
from functools import cache, lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

FORMAT = b"\x01"
KEY_BYTES, KEY_ID_BYTES, NONCE_BYTES, TAG_BYTES = 32, 8, 12, 16
_NONCE_AT = len(FORMAT) + KEY_ID_BYTES
_TEXT_AT = _NONCE_AT + NONCE_BYTES
_LENGTHS = struct.Struct(">II")
# Each nonce made, until settings_store.key_use writes the numbers down.
_counts: dict[tuple[str, str], int] = {}
_counting = threading.Lock()


class CannotOpen(Exception):
    """A sealed value that does not open here."""


class SealedElsewhere(CannotOpen):
    """Its key is not in the keyring of this installation."""


class Damaged(CannotOpen):
    """It is not what was sealed, or does not stand where it was sealed for."""


class NoKey(Exception):
    """This installation holds no key of that environment, so it can seal nothing for it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One master key; what is used are only keys derived from it, one per purpose."""

    master: bytes = field(repr=False)
    id: bytes = field(init=False)
    sealing: AESGCM = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.derive("key id", KEY_ID_BYTES))
        object.__setattr__(self, "sealing", AESGCM(self.derive("sealing")))

    def derive(self, purpose: str, length: int = KEY_BYTES) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=b"gatehouse/1/" + purpose.encode()).derive(
            self.master
        )


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one environment: the newest seals, all of them open."""

    environment: str
    keys: tuple[Key, ...]

    @property
    def newest(self) -> Key:
        if not self.keys:
            raise NoKey(f"There is no key for {self.environment} here ({variable(self.environment)}).")
        return self.keys[0]

    def find(self, key_id: bytes) -> Key | None:
        return next((key for key in self.keys if key.id == key_id), None)


def variable(environment: str) -> str:
    """The environment variable that holds the keys of `environment`."""
    if environment == settings.ENVIRONMENT:
        return "DATABASE_ENCRYPTION_KEY"
    return f"DATABASE_ENCRYPTION_KEY_{environment.upper()}"


def keyring(environment: str | None = None) -> Keyring:
    """The keys of `environment`, by default of this installation's; raises ImproperlyConfigured for unreadable ones."""
    environment = environment or settings.ENVIRONMENT
    return _keyring(environment, settings.DATABASE_ENCRYPTION_KEYS.get(environment, ""))


def keyrings() -> list[Keyring]:
    """Those of the environments of which this installation holds keys."""
    rings = [keyring(environment) for environment in settings.DATABASE_ENCRYPTION_KEYS]
    return [ring for ring in rings if ring.keys]


def check_keyrings() -> None:
    """Raises ImproperlyConfigured where a key cannot be read, or this installation has none: no start without them."""
    for environment in settings.DATABASE_ENCRYPTION_KEYS:
        keyring(environment)
    if not keyring().keys:
        raise ImproperlyConfigured(f"{variable(settings.ENVIRONMENT)} holds no key.")


@lru_cache(maxsize=16)
def _keyring(environment: str, text: str) -> Keyring:
    name = variable(environment)
    keys: list[Key] = []
    for number, part in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        try:
            master = base64.b64decode(part, validate=True)
        except (binascii.Error, ValueError):
            master = b""
        # The sentence names the variable and the place in it, never the value.
        if len(master) != KEY_BYTES:
            raise ImproperlyConfigured(f"Key {number} of {name} is not base64 of exactly {KEY_BYTES} bytes.")
        if any(key.master == master for key in keys):
            raise ImproperlyConfigured(f"Key {number} of {name} stands there twice.")
        keys.append(Key(master))
    return Keyring(environment, tuple(keys))


def seal(plaintext: bytes, *, context: str, environment: str | None = None) -> bytes:
    """Encrypt `plaintext` for the place `context` names; raises NoKey where the environment has no key here."""
    ring = keyring(environment)
    sealed = seal_in(ring, plaintext, context=context)
    # Keys of passphrases seal one file each; those of the installation are counted.
    place = ring.environment, key_name(sealed)
    with _counting:
        _counts[place] = _counts.get(place, 0) + 1
    return sealed


def seal_in(ring: Keyring, plaintext: bytes, *, context: str) -> bytes:
    """The same with a keyring at hand, as one made of a passphrase."""
    key = ring.newest
    nonce = os.urandom(NONCE_BYTES)
    header = FORMAT + key.id
    return header + nonce + key.sealing.encrypt(nonce, plaintext, _bound_to(header, ring.environment, context))


def open_sealed(sealed: bytes, *, context: str, environment: str | None = None) -> bytes:
    """Decrypt what `seal` made for the same context and environment; raises SealedElsewhere or Damaged."""
    return open_in(keyring(environment), sealed, context=context)


def open_in(ring: Keyring, sealed: bytes, *, context: str) -> bytes:
    """The same with a keyring at hand, as one made of a passphrase."""
    sealed = bytes(sealed)
    if len(sealed) < _TEXT_AT + TAG_BYTES or not sealed.startswith(FORMAT):
        raise Damaged("The sealed value is cut short or of an unknown format.")
    key = ring.find(sealed[len(FORMAT) : _NONCE_AT])
    if key is None:
        raise SealedElsewhere(f"The value was sealed with a key that is not in {variable(ring.environment)}.")
    header, nonce, text = sealed[:_NONCE_AT], sealed[_NONCE_AT:_TEXT_AT], sealed[_TEXT_AT:]
    try:
        return key.sealing.decrypt(nonce, text, _bound_to(header, ring.environment, context))
    except InvalidTag:
        raise Damaged("The sealed value was changed, or belongs to another place.") from None


def take_counts() -> dict[tuple[str, str], int]:
    """How many values this process sealed since it was last asked, by environment and name of the key."""
    global _counts
    with _counting:
        taken, _counts = _counts, {}
    return taken


def give_back(counts: dict[tuple[str, str], int]) -> None:
    """Count these again: they were taken, and could not be written down."""
    with _counting:
        for place, count in counts.items():
            _counts[place] = _counts.get(place, 0) + count


def key_name(sealed: bytes) -> str:
    """The id of the key that sealed a value, in hexadecimal, for people; empty where there is none to read."""
    return bytes(sealed[len(FORMAT) : _NONCE_AT]).hex()


def derived_key(purpose: str) -> bytes:
    """32 bytes for one purpose, from the newest key of this installation; they change when a newer key comes."""
    return _derived(keyring().newest, purpose)


@cache
def _derived(key: Key, purpose: str) -> bytes:
    return key.derive(purpose)


def _bound_to(header: bytes, environment: str, context: str) -> bytes:
    # The header has a fixed length and the other parts have theirs before them: no two places ever read the same.
    where, what = environment.encode(), context.encode()
    return header + _LENGTHS.pack(len(where), len(what)) + where + what


def _forked() -> None:
    # What the parent sealed is the parent's to write down.
    global _counting
    _counting = threading.Lock()
    _counts.clear()


os.register_at_fork(after_in_child=_forked)
