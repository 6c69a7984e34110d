"""Which value of a setting holds in an environment, where it comes from, and what is wrong with it: the one rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from settings_store.crypto import CannotOpen, Damaged, open_sealed
from settings_store.definitions import Definition, near_names
from settings_store.models import Setting
from settings_store.values import MASK, SettingType, same

# The common environment, whose values hold where an environment has none of its own.
DEFAULT = "default"
# All that a value may be given in: that one first, then those of the installation.
PLACES = (DEFAULT, *settings.ENVIRONMENTS)

type Rows = Mapping[tuple[str, str], Setting]


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A value that is given but breaks the rules of its setting, so that the next best one holds."""

    source: str
    # As a person would write it.
    text: str = field(repr=False)
    # What stands there for people, and the rule it breaks.
    given: str
    sentence: str

    def __str__(self) -> str:
        return _("%(given)s is set, and passed over: %(sentence)s") % {"given": self.given, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class Held:
    """A typed value and its source.

    `source` is environment (locked by a variable), own (set there), default (what holds in the common environment) or,
    in that one itself, code or rules (the default of a setting that an admin declared). A secret nobody has given has
    none.
    """

    value: Any = field(repr=False)
    source: str
    # Why a secret that is there does not open; then no value holds at all.
    error: CannotOpen | None = None
    passed_over: tuple[PassedOver, ...] = ()
    # False for the default that its definition has.
    is_given: bool = True

    @property
    def is_empty(self) -> bool:
        return self.value in ("", None)

    @property
    def is_unset(self) -> bool:
        """Whether there is nothing because nobody gave anything, which an empty text that was given is not."""
        return self.error is None and self.is_empty and (self.value is None or not self.is_given)

    @property
    def trouble(self) -> str:
        """What is wrong in sentences, empty where nothing is."""
        return str(self.error) if self.error is not None else " ".join(str(each) for each in self.passed_over)

    def equals(self, other: Held) -> bool:
        """Whether both hold the same value; what cannot be read here equals nothing."""
        return self.error is None and other.error is None and same(self.value, other.value)


def held(definition: Definition, environment: str, rows: Rows) -> Held:
    """What holds in `environment`, of the rows of this setting by key and environment.

    The value of a locking variable, else the environment's own, else the common one, else the default. One that breaks
    the rules, which may have been tightened since, gives way to the next; a secret that does not open does not.
    """
    passed_over: list[PassedOver] = []
    text = locked_value(definition) if environment == settings.ENVIRONMENT else None
    if text is not None:
        try:
            return Held(definition.clean(text), "environment")
        except ValidationError as error:
            # Those in code were checked at the start; only one that an admin declared since can get here.
            passed_over.append(PassedOver("environment", text, definition.variable, error.messages[0]))
    for place in dict.fromkeys((environment, DEFAULT)):
        row = rows.get((definition.key, place))
        if row is None or not is_set(row):
            continue
        source = "own" if place == environment else "default"
        try:
            return Held(own_value(definition, row), source, passed_over=tuple(passed_over))
        except CannotOpen as error:
            return Held(None, source, error, tuple(passed_over))
        except ValidationError as error:
            given = MASK if definition.is_secret else _as_given(definition, row.value)
            passed_over.append(PassedOver(source, _text(row.value), given, error.messages[0]))
    default = definition.default
    value = str(default) if isinstance(default, Promise) else default
    return Held(value, _without_rows(definition, environment), passed_over=tuple(passed_over), is_given=False)


def without_own(definition: Definition, environment: str, rows: Rows) -> Held:
    """What would hold there without a value of its own."""
    common = (definition.key, DEFAULT)
    return held(definition, environment, {common: rows[common]} if environment != DEFAULT and common in rows else {})


def locked_value(definition: Definition) -> str | None:
    """The text of the environment variable that locks the setting here, if there is one."""
    # A flag is locked by none: what holds is for its page to say.
    return None if definition.type is SettingType.FLAG else settings.SETTING_LOCKS.get(definition.variable)


def secret_context(key: str, version: int) -> str:
    """What a secret is bound to, beside its environment."""
    return f"setting:{key}:{version}"


def own_value(definition: Definition, row: Setting) -> Any:
    """The value a row holds in itself; raises CannotOpen, or ValidationError where it breaks today's rules."""
    if definition.type is SettingType.FLAG and row.sealed is not None:
        # Passed over like any other document that is none, for nobody waits for the key of a flag.
        raise ValidationError(_("The rules of a flag are not sealed."))
    if definition.is_secret != (row.sealed is not None):
        # The type of a setting is kept in the clear; it alone must not say whether a secret is shown.
        raise Damaged("A secret is kept sealed, and nothing else is.")
    if row.sealed is not None:
        check_newest(row)
        context = secret_context(row.key, row.version)
        return open_sealed(bytes(row.sealed), context=context, environment=row.environment).decode()
    return definition.loaded(row.value)


def check_newest(row: Setting) -> None:
    """Raises Damaged where the row is older than its own history, which nothing in the product makes it."""
    if row.last_version is not None and row.version < row.last_version:
        raise Damaged("An older value was put back in its place.")


def is_set(row: Setting | None) -> bool:
    """Whether the row holds a value; one that was cleared keeps only its history."""
    return row is not None and (row.value is not None or row.sealed is not None)


def unknown_environment(name: str) -> str:
    """The sentence that says an environment does not exist, naming those that come near, else all."""
    near = near_names(name, PLACES) or " " + _("There are %(names)s.") % {"names": ", ".join(PLACES)}
    return _("There is no environment %(name)s.") % {"name": repr(name[:40])} + near


def _without_rows(definition: Definition, environment: str) -> str:
    if definition.is_secret:
        # It has no common value, nor one in code.
        return ""
    if environment != DEFAULT:
        return "default"
    return "rules" if definition.is_own else "code"


def _text(kept: Any) -> str:
    return kept if isinstance(kept, str) else json.dumps(kept, ensure_ascii=False)


def _as_given(definition: Definition, kept: Any) -> str:
    return definition.shown(kept) if definition.type is SettingType.JSON else str(kept)
