"""What is kept as versions: settings, and flags, whose keys stand apart and whose rights are their own."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import Q

# No setting can have such a name, so a key alone says what it is of, even when nothing declares it any more.
FLAG_PREFIX = "flag:"
# No name of a setting has a space in it.
_WORD = "flag "


class Realm(StrEnum):
    SETTINGS = "settings"
    FLAGS = "flags"

    def right(self, act: str) -> str:
        """The permission for an act here: "flags.write"."""
        return f"{self}.{act}"

    @property
    def other(self) -> Realm:
        return Realm.SETTINGS if self is Realm.FLAGS else Realm.FLAGS

    @property
    def list_page(self) -> str:
        """The name of the page of all that is kept here."""
        return "settings_store:flag_list" if self is Realm.FLAGS else "settings_store:setting_list"

    @property
    def page(self) -> str:
        """The name of the page of one, which takes its key as people write it."""
        return "settings_store:flag_edit" if self is Realm.FLAGS else "settings_store:setting_edit"

    def key(self, name: str) -> str:
        """The key under which is kept what people call so here."""
        return key_of_flag(name) if self is Realm.FLAGS else name

    def rows(self, column: str = "key") -> Q:
        """The condition that the key in this column is one of here."""
        of_flags = Q(**{f"{column}__startswith": FLAG_PREFIX})
        return of_flags if self is Realm.FLAGS else ~of_flags


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


def words_of_key(key: str) -> str:
    """The key in words that tell a flag from a setting of the same name; the same in every language."""
    return f"{_WORD}{name_of_key(key)}" if realm_of(key) is Realm.FLAGS else key


def are_words_of_flag(words: str) -> bool:
    """Whether `words_of_key` said this of a flag."""
    return words.startswith(_WORD)
