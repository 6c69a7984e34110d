"""The settings that exist: each declared in code by the app that reads it, with its type, default and rules."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils.translation import gettext as _

from settings_store import rules, values
from settings_store.flag.rules import FlagType
from settings_store.realms import name_of_key
from settings_store.values import SettingType

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise  # known to the type stubs only

type Text = str | _StrPromise
type Choices = Sequence[str | tuple[str, Text]]

KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
KEY_LENGTH = 120
LOCK_PREFIX = "GATEHOUSE_SETTING_"


class UnknownSetting(LookupError):
    """Nobody declared a setting of this name."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One declared setting. `minimum`, `maximum` bound numbers, durations (in seconds) and `max_length` texts.

    `suggestions` are what a form offers and takes; what is kept already may be none of them any more.
    """

    key: str
    type: SettingType
    default: Any
    label: Text
    category: Text
    help: Text = ""
    required: bool = True
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 500
    pattern: str = ""
    pattern_help: Text = ""
    choices: tuple[tuple[str, Text], ...] = ()
    suggestions: Callable[[], Sequence[str]] | None = None
    # JSON Schema that a JSON value must hold to.
    schema: Mapping[str, Any] | None = None
    unit: Text = ""
    # Where it is not, only code or its variable in the environment give it a value.
    is_mutable: bool = True
    # Declared here by an admin, not in code.
    is_own: bool = False
    # One of an admin's that nobody may read or change any more; its history stays.
    is_retired: bool = False
    # What a flag gives, where this stands for the rules of one.
    flag_type: FlagType = FlagType.BOOLEAN

    @property
    def name(self) -> str:
        """The key as people write it."""
        return name_of_key(self.key)

    @property
    def is_secret(self) -> bool:
        return self.type is SettingType.SECRET

    @property
    def group(self) -> str:
        return self.key.partition(".")[0]

    @property
    def pieces(self) -> list[str]:
        """The key in pieces, between which a narrow column may break it."""
        return re.split(r"(?<=[._-])", self.name)

    @property
    def variable(self) -> str:
        """The environment variable that locks this setting."""
        return LOCK_PREFIX + self.key.replace(".", "_").upper()

    def clean(self, text: str) -> Any:
        """The value written as `text`, in its type; raises ValidationError with one sentence."""
        return values.check(self, values.parse(self, text))

    def written(self, value: Any) -> str:
        """The value as a person writes it into a form."""
        return values.written(self.type, value)

    def shown(self, value: Any) -> str:
        """The value as pages show it; a secret only ever as dots."""
        return values.shown(self, value)

    def stored(self, value: Any) -> Any:
        """The value as JSON."""
        return values.stored(self.type, value)

    def loaded(self, stored: Any) -> Any:
        """The value from its JSON, in its type; raises ValidationError where the rules have changed since."""
        return values.check(self, values.loaded(self.type, stored))


_definitions: dict[str, Definition] = {}
# Those that admins declared, as they were when all values were last read.
_own: dict[str, Definition] = {}
_retired: set[str] = set()


def define(
    key: str,
    *,
    type: SettingType | str,  # noqa: A002 - the word for it
    default: Any,
    label: Text,
    category: Text,
    help: Text = "",  # noqa: A002
    required: bool = True,
    minimum: int | None = None,
    maximum: int | None = None,
    max_length: int = 500,
    pattern: str = "",
    pattern_help: Text = "",
    choices: Choices = (),
    suggestions: Callable[[], Sequence[str]] | None = None,
    schema: Mapping[str, Any] | None = None,
    unit: Text = "",
    is_mutable: bool = True,
) -> Definition:
    """Declare a setting, in an app's setting_definitions.py; raises ImproperlyConfigured for a slip in it."""
    definition = Definition(
        key=key,
        type=SettingType(type),
        default=default,
        label=label,
        category=category,
        help=help,
        required=required,
        minimum=minimum,
        maximum=maximum,
        max_length=max_length,
        pattern=pattern,
        pattern_help=pattern_help,
        choices=tuple(choice if isinstance(choice, tuple) else (choice, choice) for choice in choices),
        suggestions=suggestions,
        schema=schema,
        unit=unit,
        is_mutable=is_mutable,
    )
    if not KEY.fullmatch(key) or len(key) > KEY_LENGTH:
        raise ImproperlyConfigured(f"{key!r} is no name for a setting: use small letters, digits, _ and dots.")
    if key in _definitions:
        raise ImproperlyConfigured(f"The setting {key} is declared twice.")
    if any(other.variable == definition.variable for other in _definitions.values()):
        raise ImproperlyConfigured(f"The setting {key} shares its variable {definition.variable} with another.")
    if definition.is_secret and default:
        raise ImproperlyConfigured(f"The secret {key} must not have a default in code.")
    try:
        check_rules(definition)
        # A default that is empty stands for "not set yet", whatever the rules ask of what people give.
        if default not in ("", None):
            values.check(definition, default)
    except ValidationError as error:
        raise ImproperlyConfigured(f"The rules or the default of {key}: {error.messages[0]}") from error
    _definitions[key] = definition
    return definition


def check_rules(definition: Definition) -> None:
    """Raises ValidationError for a pattern or a schema that cannot be checked."""
    if definition.pattern:
        rules.check_pattern(definition.pattern)
    if definition.schema is not None:
        rules.check_schema(definition.schema)


def definition_of(key: str) -> Definition:
    """The declared setting of this name; raises UnknownSetting naming those that come near."""
    found = _definitions.get(key) or _own.get(key)
    if found is None:
        raise unknown(key)
    return found


def unknown(key: str, *, among: Iterable[str] | None = None) -> UnknownSetting:
    """The error that names a key nobody declared, and those that come near it.

    They are looked for `among` those of admins that are given, else those that were last read.
    """
    if key in _retired:
        return retired(key)
    near = near_names(key, {*_definitions, *(_own if among is None else among)})
    return UnknownSetting(_("There is no setting %(key)s.") % {"key": repr(key[:KEY_LENGTH])} + near)


def near_names(name: str, names: Iterable[str]) -> str:
    """A sentence, after a space, that names those which come near; nothing where none does."""
    near = difflib.get_close_matches(name[:KEY_LENGTH], list(names), n=3)
    return " " + _("Near it: %(names)s.") % {"names": ", ".join(near)} if near else ""


def retired(key: str) -> UnknownSetting:
    """The error that names a setting which was retired."""
    return UnknownSetting(_("The setting %(key)s was retired.") % {"key": repr(key)})


def declared(key: str) -> Definition | None:
    """The setting of this name where it is declared in code."""
    return _definitions.get(key)


def definitions() -> list[Definition]:
    """All settings declared in code, and those of admins as they were last read, by key."""
    return beside_code(_own.values())


def beside_code(own: Iterable[Definition]) -> list[Definition]:
    """All settings declared in code, and of these those that count, by key: what code declares too is code's."""
    every = {definition.key: definition for definition in own if not definition.is_retired} | _definitions
    return [every[key] for key in sorted(every)]


def replace_own(own: Iterable[Definition]) -> None:
    """Take these for the settings that admins declared; one that code has come to declare too is code's."""
    global _own, _retired
    every = {definition.key: definition for definition in own if definition.key not in _definitions}
    _own = {key: definition for key, definition in every.items() if not definition.is_retired}
    _retired = every.keys() - _own.keys()
