"""Settings that admins declare here, as definitions like those in code."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from settings_store import definitions, values
from settings_store.definitions import KEY, Definition, UnknownSetting, declared
from settings_store.models import OwnSetting
from settings_store.values import SettingType

logger = logging.getLogger(__name__)

# As many keys as one question may name on every database.
BATCH = 500


def definition_from(row: OwnSetting) -> Definition:
    """The definition a row declares."""
    kind = SettingType(row.type)
    return Definition(
        key=row.key,
        type=kind,
        default=None if row.default is None else values.loaded(kind, row.default),
        label=row.label,
        category=row.category,
        help=row.help,
        required=row.required,
        minimum=row.minimum,
        maximum=row.maximum,
        max_length=row.max_length,
        pattern=row.pattern,
        pattern_help=row.pattern_help,
        choices=tuple((choice, choice) for choice in row.choices),
        schema=row.schema,
        unit=row.unit,
        is_mutable=row.is_mutable,
        is_own=True,
        is_retired=row.retired_at is not None,
    )


def read() -> list[Definition]:
    """All, those retired too, in one query."""
    return list(_readable(OwnSetting.objects.all()))


def known(keys: Iterable[str], *, retired: bool = False) -> dict[str, Definition]:
    """Those of these settings that are declared as the database has them now; retired ones only where asked for."""
    found = {key: declared(key) for key in keys}
    # What could not be a key is not asked for: not every database takes every character.
    missing = [key for key, definition in found.items() if definition is None and KEY.fullmatch(key)]
    for start in range(0, len(missing), BATCH):
        for definition in _readable(OwnSetting.objects.filter(key__in=missing[start : start + BATCH])):
            # Not every database tells small letters from capitals.
            if definition.key in found and (retired or not definition.is_retired):
                found[definition.key] = definition
    return {key: definition for key, definition in found.items() if definition is not None}


def current_definition(key: str) -> Definition:
    """The setting of this name as the database has it now; raises UnknownSetting, for a retired one too.

    Pages and changes ask here: the copy that `get_setting` reads from may be a quarter of a second old.
    """
    return current_definitions([key])[key]


def current_definitions(keys: Iterable[str]) -> dict[str, Definition]:
    """The same for many, in one query where some of them are not in code."""
    found = _found(keys)
    for key, definition in found.items():
        if definition.is_retired:
            raise definitions.retired(key)
    return found


def kept_definition(key: str) -> Definition:
    """The same for pages that show what is kept of a setting, though it may be retired."""
    return _found([key])[key]


def every_definition(*, retired: bool = False) -> list[Definition]:
    """All settings, in code and of admins, as the database has them now, by key; or those alone that are retired."""
    in_code = {definition.key: definition for definition in definitions.definitions() if not definition.is_own}
    own = {definition.key: definition for definition in read() if definition.key not in in_code}
    every = {key: definition for key, definition in (own | in_code).items() if definition.is_retired == retired}
    return [every[key] for key in sorted(every)]


def _found(keys: Iterable[str]) -> dict[str, Definition]:
    wanted = list(keys)
    found = known(wanted, retired=True)
    for key in wanted:
        if key not in found:
            raise _unknown(key)
    return found


def _unknown(key: str) -> UnknownSetting:
    others = list(OwnSetting.objects.filter(retired_at=None).values_list("key", flat=True))
    if key in others:
        return UnknownSetting(_("The setting %(key)s cannot be read.") % {"key": repr(key)})
    return definitions.unknown(key, among=others)


def _readable(rows: Iterable[OwnSetting]) -> Iterator[Definition]:
    for row in rows:
        try:
            yield definition_from(row)
        except (TypeError, ValueError, ValidationError) as error:
            # Written past the pages, or by a newer release: one that cannot be read must not take the others along.
            logger.warning("The setting %s cannot be read: %s", row.key, type(error).__name__)
