"""What is kept as versions: settings, and flags, whose keys stand apart and whose rights are their own."""

from __future__ import annotations

from enum import StrEnum

# No setting can have such a name, so a key alone says what it is of, even when nothing declares it any more.
FLAG_PREFIX = "flag:"


class Realm(StrEnum):
    SETTINGS = "settings"
    FLAGS = "flags"

    def right(self, act: str) -> str:
        """The permission for an act here: "flags.write"."""
        return f"{self}.{act}"


class RealmConverter:
    """The part of an address that names a realm: <realm:realm>."""

    regex = "|".join(Realm)

    def to_python(self, value: str) -> Realm:
        return Realm(value)

    def to_url(self, value: str) -> str:
        return value


def realm_of(key: str) -> Realm:
    return Realm.FLAGS if key.startswith(FLAG_PREFIX) else Realm.SETTINGS


def key_of_flag(name: str) -> str:
    """The key under which the rules of a flag are kept."""
    return FLAG_PREFIX + name


def name_of_key(key: str) -> str:
    """The key as people write it: that of a flag without its prefix."""
    return key.removeprefix(FLAG_PREFIX)
