"""Rules that admins write: what they catch, what is refused, and that none of them runs away."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError

from settings_store import rules
from settings_store.definitions import Definition, define
from settings_store.values import JSON_LENGTH, SettingType

SECONDS = 3


def sentence(act: Any, *args: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        act(*args)
    assert len(caught.value.messages) == 1
    return str(caught.value.messages[0])


@pytest.mark.parametrize("pattern", ["[a-z]+", r"\d{3}-\d+", "(on|off)", "ñ+", "^x$"])
def test_plain_patterns_are_taken(pattern: str) -> None:
    rules.check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?<!a)b", r"(a)\1", "(?!x)"])
def test_looking_around_and_back_is_refused_in_words(pattern: str) -> None:
    assert "cannot look ahead or behind" in sentence(rules.check_pattern, pattern)


@pytest.mark.parametrize("pattern", ["[a-z", "(", "a{2000}", "((a{999}){999}){999}", "*", "x" * 201])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    assert "pattern" in sentence(rules.check_pattern, pattern)


def test_a_pattern_that_runs_away_elsewhere_ends_at_once_here() -> None:
    started = time.monotonic()
    assert not rules.matches("(a+)+b", "a" * 20_000)
    assert not rules.matches("(a|a)*c", "a" * 20_000)
    assert time.monotonic() - started < SECONDS


def test_a_pattern_is_about_the_whole_text() -> None:
    assert rules.matches("[a-z]+", "quiet")
    assert not rules.matches("[a-z]+", "quiet!")
    assert not rules.matches("[a-z]+", "quiet\n")


SCHEMA = {
    "type": "object",
    "required": ["servers"],
    "additionalProperties": False,
    "properties": {
        "servers": {
            "type": "array",
            "uniqueItems": True,
            "items": {
                "type": "object",
                "properties": {"port": {"type": "integer", "maximum": 65535}, "name": {"pattern": "^[a-z]+$"}},
            },
        },
        "since": {"format": "date-time"},
    },
}


@pytest.mark.parametrize(
    "value",
    [
        {"servers": []},
        {"servers": [{"port": 1}, {"port": 2, "name": "a"}], "since": "2026-01-01T00:00:00Z"},
        {"servers": [{"port": 1.0}]},
    ],
)
def test_what_holds_to_the_schema_is_taken(value: Any) -> None:
    rules.check_against(SCHEMA, value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"servers": [{}, {"port": 70000}]}, "At servers[1].port: at most 65535."),
        ({"servers": [{"name": "A"}]}, "At servers[0].name"),
        ({"servers": [{"port": 1}, {"port": 1.0}]}, "no item may be there twice"),
        ({"servers": [], "sevrers": 1}, "a name that the schema does not know"),
        ({}, "At the top: this needs all of"),
        ([], "must be of the type object"),
        ({"servers": [], "since": "yesterday"}, "not of the format date-time"),
        ({"servers": [], "since": "2026-01-01T00:00:00"}, "not of the format date-time"),
    ],
)
def test_what_breaks_the_schema_is_named_with_its_place(value: Any, words: str) -> None:
    assert words in sentence(rules.check_against, SCHEMA, value)


def test_true_is_not_one() -> None:
    rules.check_against({"uniqueItems": True}, [1, True, "1", 0, False, [1], {"a": 1, "b": 2}])
    sentence(rules.check_against, {"uniqueItems": True}, [{"a": 1, "b": 2}, {"b": 2, "a": 1}])


def nested(depth: int) -> Any:
    schema: Any = {"type": "string"}
    for _level in range(depth):
        schema = {"anyOf": [schema, {"type": "integer"}]}
    return schema


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ([], "object in braces"),
        ({"$ref": "#"}, "$ref"),
        ({"properties": {"a": {"$ref": "https://example.org/schema"}}}, "$ref"),
        ({"items": {"$dynamicRef": "#x"}}, "$dynamicRef"),
        ({"$defs": {"a": {}}}, "$defs"),
        ({"minimun": 3}, "minimun"),
        ({"unevaluatedProperties": False}, "unevaluatedProperties"),
        ({"type": "sting"}, "not right at type"),
        ({"required": "a"}, "not right at required"),
        ({"maxItems": -1}, "not right at maxItems"),
        ({"multipleOf": 0}, "not right"),
        ({"pattern": "(?=a)"}, "look ahead"),
        ({"patternProperties": {r"(a)\1": {}}}, "refer back"),
        ({"pattern": 5}, "not right at pattern"),
        ({"format": "hostname"}, "only these formats"),
        ({"format": ["date"]}, "only these formats"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "2020-12"),
        (nested(25), "nested"),
        ({"enum": ["x" * 21_000]}, "20,000"),
    ],
)
def test_a_schema_that_is_none_is_refused_in_words(schema: Any, words: str) -> None:
    assert words in sentence(rules.check_schema, schema)


def test_names_of_properties_are_no_words_of_the_schema() -> None:
    rules.check_schema({"properties": {"$ref": {"type": "string"}, "minimun": True}, "enum": [{"$ref": "x"}]})


HOSTILE = [
    ({"maxItems": 2**52}, [1] * 9_000),
    ({"uniqueItems": True}, [[number] for number in range(2_500)] + [{"a": 1}, "x", None]),
    ({"items": {"anyOf": [{"const": number} for number in range(900)]}}, [-1] * 6_000),
    ({"items": {"enum": list(range(3_000))}}, [-1] * 6_000),
    (nested(9), [[]] * 6_000),
    (
        {"patternProperties": {f"^(a+)+{number}$": {} for number in range(300)}},
        {"a" * 60 + str(n): 1 for n in range(250)},
    ),
    ({"items": {"pattern": "^(a+)+$"}}, ["a" * 9_000 + "!", "a" * 9_000]),
    ({"items": {"properties": {f"p{number}": {} for number in range(900)}}}, [{}] * 6_000),
    ({"contains": {"not": nested(8)}, "minContains": 5_000}, list(range(4_000))),
    (
        {"patternProperties": {f"{number:x}x": True for number in range(1_000)}, "additionalProperties": True},
        {f"{number:x}": 0 for number in range(1_700)},
    ),
    ({"allOf": [{"uniqueItems": True}] * 850}, list(range(3_300))),
    ({"allOf": [{"pattern": "(x{0,30}){0,30}y" + "z" * number} for number in range(100)]}, "x" * 19_000),
]


@pytest.mark.parametrize(("schema", "value"), HOSTILE)
def test_no_schema_keeps_a_process_busy(schema: Any, value: Any) -> None:
    assert len(json.dumps(value, separators=(",", ":"))) <= JSON_LENGTH
    rules.check_schema(schema)
    started = time.monotonic()
    with suppress(ValidationError):
        rules.check_against(schema, value)
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("rule", [{"pattern": "(?=a)"}, {"type": "json", "schema": {"$ref": "#"}}])
def test_a_slip_in_code_stops_the_start(rule: dict[str, Any]) -> None:
    options = {"type": "string", "default": "", "label": "L", "category": "C"} | rule
    with pytest.raises(ImproperlyConfigured, match=r"suite\.slip"):
        define("suite.slip", **options)


def test_a_json_setting_holds_to_its_schema() -> None:
    definition = Definition(
        key="suite.servers", type=SettingType.JSON, default={}, label="L", category="C", schema=SCHEMA
    )
    assert definition.clean('{"servers": [{"port": 80}]}') == {"servers": [{"port": 80}]}
    assert "servers[0].port" in sentence(definition.clean, '{"servers": [{"port": "80"}]}')
