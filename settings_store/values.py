"""What each type of setting accepts, how it is kept as JSON, and how it reads on a page."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from settings_store import rules
from settings_store.flag import rules as flag_rules
from settings_store.json_values import JSON_DEPTH, WHOLE_LIMIT, check_json
from ui.forms import normalise

if TYPE_CHECKING:
    from settings_store.definitions import Definition

# What pages and the trail hold in a secret's place.
MASK = "••••••••"
JSON_LENGTH = 20_000
LONGEST = 36_525 * 86_400
_WHOLE = re.compile(r"[+-]?[0-9]{1,16}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{1,10})?")
_DURATION = re.compile(r"([0-9]{1,10}) ?(s|min|h|d|)")
_SECONDS = {"": 1, "s": 1, "min": 60, "h": 3600, "d": 86_400}
_url = URLValidator(schemes=["http", "https"])


class SettingType(StrEnum):
    STRING = "string"
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    JSON = "json"
    URL = "url"
    EMAIL = "email"
    DURATION = "duration"
    CHOICE = "choice"
    SECRET = "secret"  # noqa: S105 - the name of a type
    # The rules of a feature flag, which is no setting but kept like one.
    FLAG = "flag"


# What a setting may be of.
SETTING_TYPES = tuple(kind for kind in SettingType if kind is not SettingType.FLAG)


TEXTUAL = frozenset(
    {
        SettingType.STRING,
        SettingType.TEXT,
        SettingType.URL,
        SettingType.EMAIL,
        SettingType.CHOICE,
        SettingType.SECRET,
    }
)


def parse(definition: Definition, text: str) -> Any:
    """The value that `text` writes, in the type of the setting; raises ValidationError."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValidationError(_("The value holds characters that cannot be kept."))
    if definition.is_secret:
        # A secret is kept to the letter; only a newline at the end, left by copying, is never meant.
        return text.strip("\r\n")
    text = normalise(text)
    match definition.type:
        case SettingType.INTEGER:
            return _whole(text)
        case SettingType.DECIMAL:
            return _decimal(text)
        case SettingType.BOOLEAN:
            return _boolean(text)
        case SettingType.JSON:
            return parse_json(text)
        case SettingType.DURATION:
            return _duration(text)
        case SettingType.FLAG:
            return parse_json(text, longest=flag_rules.LENGTH)
        case _:
            return text


def check(definition: Definition, value: Any) -> Any:
    """The value, when the type and the rules of its setting allow it; raises ValidationError with one sentence."""
    expected = _python_type(definition.type)
    if expected is not None and (not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool)):
        raise ValidationError(_("This is not a value of the type %(type)s.") % {"type": definition.type})
    if definition.type in TEXTUAL:
        _check_text(definition, value)
    elif definition.type in (SettingType.INTEGER, SettingType.DECIMAL):
        _check_bounds(definition, value, lambda bound: number_format(bound))
    elif definition.type is SettingType.DURATION:
        _check_bounds(definition, value.total_seconds(), lambda bound: _duration_text(timedelta(seconds=bound)))
    elif definition.type is SettingType.JSON and definition.schema is not None:
        rules.check_against(definition.schema, value)
    elif definition.type is SettingType.FLAG:
        return flag_rules.check(value, definition.flag_type)
    return value


def stored(kind: SettingType, value: Any) -> Any:
    match kind:
        case SettingType.DECIMAL:
            return str(value)
        case SettingType.DURATION:
            return int(value.total_seconds())
        case _:
            return value


def loaded(kind: SettingType, value: Any) -> Any:
    """The typed value of what `stored` made; raises ValidationError where it is something else by now."""
    try:
        match kind:
            case SettingType.DECIMAL:
                return Decimal(value)
            case SettingType.DURATION:
                return timedelta(seconds=value)
            case _:
                return value
    except (TypeError, ValueError, InvalidOperation, OverflowError):
        raise ValidationError(_("This is not a value of the type %(type)s.") % {"type": kind}) from None


def written(kind: SettingType, value: Any) -> str:
    if value is None:
        return ""
    match kind:
        case SettingType.BOOLEAN:
            return "true" if value else "false"
        case SettingType.JSON | SettingType.FLAG:
            return json.dumps(value, ensure_ascii=False, indent=2)
        case SettingType.DURATION:
            return _duration_text(value)
        case _:
            return str(value)


def same(one: Any, other: Any) -> bool:
    """Whether two typed values are the same, where Python alone would take 1 for true."""
    if isinstance(one, dict | list) and isinstance(other, dict | list):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return bool(one == other and type(one) is type(other))


def shown(definition: Definition, value: Any) -> str:
    if value in ("", None):
        return _("not set")
    match definition.type:
        case SettingType.SECRET:
            return MASK
        case SettingType.BOOLEAN:
            return _("on") if value else _("off")
        case SettingType.INTEGER | SettingType.DECIMAL:
            return number_format(value)
        case SettingType.JSON:
            return json.dumps(value, ensure_ascii=False)
        case SettingType.FLAG:
            return flag_rules.in_words(value)
        case SettingType.CHOICE:
            return str(dict(definition.choices).get(value, value))
        case _:
            return written(definition.type, value)


def _python_type(kind: SettingType) -> type | None:
    match kind:
        case SettingType.INTEGER:
            return int
        case SettingType.DECIMAL:
            return Decimal
        case SettingType.BOOLEAN:
            return bool
        case SettingType.DURATION:
            return timedelta
        case SettingType.JSON:
            return None
        case SettingType.FLAG:
            return dict
        case _:
            return str


def _check_text(definition: Definition, value: str) -> None:
    if not value:
        if definition.required:
            raise ValidationError(_("This setting needs a value."))
        return
    if len(value) > definition.max_length:
        raise ValidationError(
            _("At most %(most)s characters; these are %(length)s.")
            % {"most": number_format(definition.max_length), "length": number_format(len(value))}
        )
    if definition.type not in (SettingType.TEXT, SettingType.SECRET) and "\n" in value:
        raise ValidationError(_("Write it on one line."))
    if definition.type is SettingType.CHOICE and value not in dict(definition.choices):
        raise ValidationError(_("Choose one of: %(choices)s.") % {"choices": ", ".join(dict(definition.choices))})
    if definition.type is SettingType.URL:
        _url(value)
    if definition.type is SettingType.EMAIL:
        validate_email(value)
    if definition.pattern and not rules.matches(definition.pattern, value):
        raise ValidationError(str(definition.pattern_help) or _("This does not have the form that is asked for."))


def _check_bounds(definition: Definition, value: Any, words: Any) -> None:
    if definition.minimum is not None and value < definition.minimum:
        raise ValidationError(_("At least %(least)s.") % {"least": words(definition.minimum)})
    if definition.maximum is not None and value > definition.maximum:
        raise ValidationError(_("At most %(most)s.") % {"most": words(definition.maximum)})
    if abs(value) >= WHOLE_LIMIT:
        raise ValidationError(_("This number is too large."))


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValidationError(_("Write a whole number, in digits only."))
    return int(text)


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValidationError(_("Write a number such as 12 or 0.75."))
    return Decimal(text)


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in ("true", "on", "yes", "1"):
        return True
    if word in ("false", "off", "no", "0", ""):
        return False
    raise ValidationError(_("Write true or false."))


def parse_json(text: str, *, depth: int = JSON_DEPTH, longest: int = JSON_LENGTH) -> Any:
    """The value of a JSON text, small and shallow enough to be kept; raises ValidationError."""
    if len(text) > longest:
        raise ValidationError(_("At most %(most)s characters.") % {"most": number_format(longest)})
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValidationError(_("This is nested too deeply.")) from None
    except json.JSONDecodeError as error:
        words = _("This is not JSON; line %(line)d cannot be read from character %(column)d on.")
        raise ValidationError(words % {"line": error.lineno, "column": error.colno}) from None
    except ValueError:
        # Of more digits than Python reads.
        raise ValidationError(_("This number is too large.")) from None
    if value is None:
        # As a value it could not be told from none, and each saving would look like a change.
        raise ValidationError(_("null is no value. Take the setting back to its default instead."))
    check_json(value, depth)
    return value


def _no_constant(constant: str) -> Any:
    raise ValidationError(_("This is not JSON: %(word)s is no value.") % {"word": constant})


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text.lower())
    if found is None:
        raise ValidationError(_("Write a length of time such as 30 s, 10 min, 12 h or 7 d."))
    seconds = int(found[1]) * _SECONDS[found[2]]
    if seconds > LONGEST:
        raise ValidationError(_("This is longer than a hundred years."))
    return timedelta(seconds=seconds)


def _duration_text(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
