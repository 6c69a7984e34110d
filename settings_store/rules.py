"""Rules that admins write: patterns and JSON Schemas, checked in bounded time whatever they and the values say.

Patterns run on RE2, whose time grows with the length of the text alone. A schema refers to nothing outside itself and
to nothing inside, is small and shallow, and its checking stops after so many steps, and after half a second.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from ipaddress import ip_address
from time import thread_time
from typing import Any
from urllib.parse import urlsplit

import re2  # type: ignore[import-untyped]  # it comes without types
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError as SchemaFault
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

PATTERN_LENGTH = 200
SCHEMA_LENGTH, SCHEMA_DEPTH = 20_000, 20
# A value of 20 kB under ten rules an item stays far below both. Time in which the thread works: one that has to wait,
# for others or for a machine that was asleep, must not take a sound value for a bad one.
STEPS, SECONDS = 50_000, 0.5
# What the schema itself is checked for asks more, and is asked once, by whoever writes it.
SCHEMA_STEPS, SCHEMA_SECONDS = 1_000_000, 2.0
DRAFT = "https://json-schema.org/draft/2020-12/schema"
REFERENCES = {"$ref", "$dynamicRef", "$recursiveRef"}
# Words that say something about a value and ask nothing of it.
ANNOTATIONS = {"$schema", "$comment", "title", "description", "default", "examples", "deprecated"}
# Which words hold schemas: one, a list of them, or one for each of many names.
ONE = {
    "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
}  # fmt: skip
SEVERAL = {"allOf", "anyOf", "oneOf", "prefixItems"}
NAMED = {"dependentSchemas", "patternProperties", "properties"}
PLAIN = {
    "const", "dependentRequired", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maxItems",
    "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "pattern", "required", "type", "uniqueItems",
}  # fmt: skip
KNOWN = ANNOTATIONS | ONE | SEVERAL | NAMED | PLAIN


class TooLong(Exception):
    """Checking a value took more steps, or longer, than any sensible rule needs."""


@dataclass(slots=True)
class _Budget:
    """What is left for one check: steps, and the time of this thread by which it must end."""

    steps: int
    ends: float
    # Each pattern is made once for a check, however many there are.
    patterns: dict[str, Any] = field(default_factory=dict)

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0 or thread_time() > self.ends:
            raise TooLong

    def found(self, pattern: str, text: str) -> bool:
        self.spend(1)
        made = self.patterns.get(pattern)
        if made is None:
            made = self.patterns[pattern] = _made(pattern)
        return made.search(text) is not None


_budget: ContextVar[_Budget] = ContextVar("budget")


@contextmanager
def _within(steps: int, seconds: float) -> Iterator[None]:
    before = _budget.set(_Budget(steps, thread_time() + seconds))
    try:
        yield
    finally:
        _budget.reset(before)


def _made(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


# Those of settings themselves, asked again and again.
_compiled = lru_cache(maxsize=256)(_made)


def check_pattern(pattern: str) -> None:
    """Raises ValidationError for a pattern that is none, or that could not be checked in time."""
    if len(pattern) > PATTERN_LENGTH:
        raise ValidationError(_("A pattern has at most %(most)d characters.") % {"most": PATTERN_LENGTH})
    try:
        _made(pattern)
    except (re2.error, ValueError) as error:
        found = error.args[0] if error.args else ""
        words = found.decode(errors="replace") if isinstance(found, bytes) else str(found)
        refers_back = "escape sequence" in words and words[-1:].isdigit()
        if "perl operator" in words or refers_back:
            raise ValidationError(
                _("A pattern cannot look ahead or behind, nor refer back to what it found: %(words)s.")
                % {"words": words}
            ) from None
        raise ValidationError(_("This is not a pattern: %(words)s.") % {"words": words}) from None


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text has the form of the pattern."""
    return _compiled(pattern).fullmatch(text) is not None


def check_schema(schema: Any) -> None:
    """Raises ValidationError, with one sentence, for what is no JSON Schema that this house would check."""
    if not isinstance(schema, Mapping):
        raise ValidationError(_("A JSON Schema is an object in braces."))
    if len(json.dumps(schema)) > SCHEMA_LENGTH:
        raise ValidationError(_("A schema has at most %(most)s characters.") % {"most": f"{SCHEMA_LENGTH:,}"})
    if schema.get("$schema", DRAFT) not in (DRAFT, DRAFT + "#"):
        raise ValidationError(_("Only draft 2020-12 of JSON Schema is known here."))
    _walk(schema, SCHEMA_DEPTH)
    try:
        with _within(SCHEMA_STEPS, SCHEMA_SECONDS):
            fault = best_match(_Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema))
    except TooLong:
        raise ValidationError(_("Checking this schema takes too long; make it simpler.")) from None
    if fault is not None:
        raise ValidationError(
            _("The schema itself is not right at %(where)s: %(words)s.")
            % {"where": path_of(fault.absolute_path), "words": fault.message[:200].rstrip(".")}
        )


def _walk(schema: Any, depth: int) -> None:
    if depth == 0:
        raise ValidationError(_("A schema is nested at most %(most)d deep.") % {"most": SCHEMA_DEPTH})
    if not isinstance(schema, Mapping):
        # true, false, or something the check of the schema itself will name.
        return
    for word, value in schema.items():
        if word in REFERENCES:
            raise ValidationError(_("A schema cannot refer to another with %(word)s; write it out.") % {"word": word})
        if word not in KNOWN:
            raise ValidationError(_("A schema here does not know the word %(word)s.") % {"word": word[:60]})
        if word == "pattern" and isinstance(value, str):
            check_pattern(value)
        if word == "format" and value not in list(FORMATS):
            raise ValidationError(
                _("A schema here knows only these formats: %(formats)s.") % {"formats": ", ".join(sorted(FORMATS))}
            )
        for each in _schemas_in(word, value):
            _walk(each, depth - 1)


def _schemas_in(word: str, value: Any) -> Iterable[Any]:
    if word in ONE:
        return [value]
    if word in SEVERAL and isinstance(value, Sequence):
        return value
    if word in NAMED and isinstance(value, Mapping):
        if word == "patternProperties":
            for pattern in value:
                check_pattern(pattern)
        return value.values()
    return []


def check_against(schema: Mapping[str, Any], value: Any) -> None:
    """Raises ValidationError naming the place in the value and what is asked there."""
    try:
        with _within(STEPS, SECONDS):
            fault = best_match(_Validator(schema, format_checker=_format_checker).iter_errors(value))
    except TooLong:
        raise ValidationError(_("Checking this against the schema takes too long; make either simpler.")) from None
    except RecursionError:
        raise ValidationError(_("This is nested too deeply.")) from None
    if fault is not None:
        raise ValidationError(_sentence(fault))


def path_of(steps: Iterable[str | int]) -> str:
    """A place in a value as people write it: servers[2].port."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step[:60]}"
    return text.removeprefix(".") or _("the top")


def _sentence(fault: SchemaFault) -> str:
    where, asked = path_of(fault.absolute_path), fault.validator_value
    words = {
        "type": _("At %(where)s: this must be of the type %(asked)s."),
        "required": _("At %(where)s: this needs all of %(asked)s."),
        "minimum": _("At %(where)s: at least %(asked)s."),
        "maximum": _("At %(where)s: at most %(asked)s."),
        "exclusiveMinimum": _("At %(where)s: more than %(asked)s."),
        "exclusiveMaximum": _("At %(where)s: less than %(asked)s."),
        "multipleOf": _("At %(where)s: a multiple of %(asked)s."),
        "minLength": _("At %(where)s: at least %(asked)s characters."),
        "maxLength": _("At %(where)s: at most %(asked)s characters."),
        "minItems": _("At %(where)s: at least %(asked)s items."),
        "maxItems": _("At %(where)s: at most %(asked)s items."),
        "uniqueItems": _("At %(where)s: no item may be there twice."),
        "pattern": _("At %(where)s: this does not match the pattern %(asked)s."),
        "format": _("At %(where)s: this is not of the format %(asked)s."),
        "enum": _("At %(where)s: this must be one of %(asked)s."),
        "const": _("At %(where)s: this must be %(asked)s."),
        "additionalProperties": _("At %(where)s: there is a name that the schema does not know."),
        "minProperties": _("At %(where)s: at least %(asked)s names."),
        "maxProperties": _("At %(where)s: at most %(asked)s names."),
    }.get(str(fault.validator), _("At %(where)s: this does not hold to the rule %(rule)s of the schema."))
    text = asked if isinstance(asked, str) else json.dumps(asked, ensure_ascii=False)
    return words % {"where": where, "asked": text[:200], "rule": fault.validator}


def _counted(check: Callable[..., Any]) -> Callable[..., Iterator[SchemaFault]]:
    def counted(validator: Any, asked: Any, value: Any, schema: Any) -> Iterator[SchemaFault]:
        # Words that name many things go through them all each time.
        _budget.get().spend(1 + (len(asked) if isinstance(asked, list | dict) else 0))
        yield from check(validator, asked, value, schema) or ()

    return counted


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[SchemaFault]:
    if isinstance(value, str) and not _budget.get().found(pattern, value):
        yield SchemaFault("pattern")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], value: Any, schema: Any) -> Iterator[SchemaFault]:
    if not isinstance(value, dict):
        return
    found = _budget.get().found
    for pattern, below in patterns.items():
        for name, each in value.items():
            if found(pattern, name):
                yield from validator.descend(each, below, path=name, schema_path=pattern)


def _additional_properties(validator: Any, below: Any, value: Any, schema: Any) -> Iterator[SchemaFault]:
    if not isinstance(value, dict):
        return
    named, patterns, found = schema.get("properties", {}), schema.get("patternProperties", {}), _budget.get().found
    for name, each in value.items():
        if name in named or any(found(pattern, name) for pattern in patterns):
            continue
        if below is False:
            yield SchemaFault("additionalProperties")
            return
        yield from validator.descend(each, below, path=name)


def _unique_items(validator: Any, asked: bool, value: Any, schema: Any) -> Iterator[SchemaFault]:
    # The library compares each with each.
    if asked and isinstance(value, list) and len({_canonical(each) for each in value}) < len(value):
        yield SchemaFault("uniqueItems")


def _canonical(value: Any) -> str:
    """Equal for what JSON holds equal: 1 and 1.0 are, true and 1 are not, the order of names is nothing."""
    _budget.get().spend(1)
    if isinstance(value, dict):
        inside = (f"{json.dumps(name)}:{_canonical(each)}" for name, each in sorted(value.items()))
        return "{" + ",".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


_OWN = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
_Validator = extend(  # type: ignore[no-untyped-call]  # the stubs leave it bare
    Draft202012Validator,
    {word: _counted(check) for word, check in (dict(Draft202012Validator.VALIDATORS) | _OWN).items()},
)


def _is_address(version: int) -> Callable[[str], bool]:
    return lambda text: ip_address(text).version == version


def _is_moment(text: str) -> bool:
    return "T" in text.upper() and datetime.fromisoformat(text).tzinfo is not None


def _is_uri(text: str) -> bool:
    return bool(urlsplit(text).scheme) and " " not in text


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _is_pattern(text: str) -> bool:
    try:
        check_pattern(text)
    except ValidationError:
        return False
    return True


# Each answers, or raises ValueError, without asking anybody.
FORMATS: dict[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "date-time": _is_moment,
    "email": _is_email,
    "ipv4": _is_address(4),
    "ipv6": _is_address(6),
    "uri": _is_uri,
    "uuid": uuid.UUID,
    "regex": _is_pattern,
}
_format_checker = FormatChecker(formats=())


def _add_format(name: str, check: Callable[[str], Any]) -> None:
    @_format_checker.checks(name, raises=ValueError)
    def holds(value: object) -> bool:
        return not isinstance(value, str) or bool(check(value))


for _name, _check in FORMATS.items():
    _add_format(_name, _check)
