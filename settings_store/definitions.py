"""The settings that exist: each declared in code by the app that reads it, with its type, default and rules."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured, ValidationError

from settings_store import values
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
    unit: Text = ""

    @property
    def is_secret(self) -> bool:
        return self.type is SettingType.SECRET

    @property
    def group(self) -> str:
        return self.key.partition(".")[0]

    @property
    def pieces(self) -> list[str]:
        """The key in pieces, between which a narrow column may break it."""
        return re.split(r"(?<=[._])", self.key)

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
    unit: Text = "",
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
        unit=unit,
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
        # A default that is empty stands for "not set yet", whatever the rules ask of what people give.
        if default not in ("", None):
            values.check(definition, default)
    except ValidationError as error:
        raise ImproperlyConfigured(f"The default of {key} breaks its own rules: {error.messages[0]}") from error
    _definitions[key] = definition
    return definition


def definition_of(key: str) -> Definition:
    """The declared setting of this name; raises UnknownSetting naming those that come near."""
    found = _definitions.get(key)
    if found is None:
        near = difflib.get_close_matches(key[:KEY_LENGTH], _definitions, n=3)
        raise UnknownSetting(f"There is no setting {key!r}." + (f" Near it: {', '.join(near)}." if near else ""))
    return found


def definitions() -> list[Definition]:
    """All declared settings, by key."""
    return [_definitions[key] for key in sorted(_definitions)]
