"""What declares a key under which versions are kept: a setting, or a flag whose rules are kept like one.

The machinery that both share asks here. Pages, files and commands of settings ask `own`, which knows of no flags.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from settings_store import own
from settings_store.definitions import Definition, UnknownSetting, near_names
from settings_store.flag.rules import KEY, OFF, FlagType
from settings_store.models import Flag
from settings_store.realms import Realm, key_of_flag, name_of_key, realm_of
from settings_store.values import SettingType

BATCH = 500


class UnknownFlag(UnknownSetting):
    """There is no flag of this key, or it was archived."""


def flag_definition(flag: Flag) -> Definition:
    """The rules of a flag as the definition of what its versions hold."""
    return Definition(
        key=key_of_flag(flag.key),
        type=SettingType.FLAG,
        default=OFF,
        label=flag.label,
        category="",
        help=flag.description,
        is_own=True,
        is_retired=flag.archived_at is not None,
        flag_type=FlagType(flag.type),
    )


def known(keys: Iterable[str], *, retired: bool = False) -> dict[str, Definition]:
    """Those of these that are declared as the database has them now; retired and archived ones only where asked for."""
    every = list(keys)
    found = own.known((key for key in every if realm_of(key) is Realm.SETTINGS), retired=retired)
    names = [name for key in every if realm_of(key) is Realm.FLAGS and KEY.fullmatch(name := name_of_key(key))]
    for start in range(0, len(names), BATCH):
        for flag in Flag.objects.filter(key__in=names[start : start + BATCH]):
            # Not every database tells small letters from capitals.
            if flag.key in names and (retired or flag.archived_at is None):
                found[key_of_flag(flag.key)] = flag_definition(flag)
    return found


def current_definition(key: str) -> Definition:
    return current_definitions([key])[key]


def current_definitions(keys: Iterable[str]) -> dict[str, Definition]:
    """What declares these now; raises UnknownSetting, or UnknownFlag, for what nothing declares or that is retired."""
    every = list(keys)
    flags = [key for key in every if realm_of(key) is Realm.FLAGS]
    found = own.current_definitions(key for key in every if realm_of(key) is Realm.SETTINGS)
    found |= known(flags)
    for key in flags:
        if key not in found:
            raise unknown_flag(name_of_key(key))
    return found


def unknown_flag(name: str) -> UnknownFlag:
    """The error that names a flag which is not there, and those that come near it."""
    states = dict(Flag.objects.values_list("key", "archived_at"))
    if states.get(name) is not None:
        return UnknownFlag(_("The flag %(key)s was archived.") % {"key": repr(name)})
    near = near_names(name, [key for key, archived_at in states.items() if archived_at is None])
    return UnknownFlag(_("There is no flag %(key)s.") % {"key": repr(name[:60])} + near)
