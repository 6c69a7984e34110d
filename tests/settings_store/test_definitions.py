"""Declaring settings, and what each type makes of what people write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from hypothesis import given
from hypothesis import strategies as st

from settings_store.definitions import Definition, UnknownSetting, define, definition_of
from settings_store.values import SettingType, check, loaded, parse, stored


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("suite.string", "  loud ", "loud"),
        ("suite.text", "two\r\nlines", "two\nlines"),
        ("suite.text", "", ""),
        ("suite.integer", "90", 90),
        ("suite.decimal", "0.75", Decimal("0.75")),
        ("suite.boolean", "true", True),
        ("suite.boolean", "Off", False),
        ("suite.json", '{"mode": ["block", 1.5, null]}', {"mode": ["block", 1.5, None]}),
        ("suite.url", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("suite.email", "team@example.org", "team@example.org"),
        ("suite.duration", "90", timedelta(seconds=90)),
        ("suite.duration", "10 min", timedelta(minutes=10)),
        ("suite.duration", "7d", timedelta(days=7)),
        ("suite.choice", "on", "on"),
        ("suite.secret", " kept to the letter \r\n", " kept to the letter "),
    ],
)
def test_a_value_is_read_in_its_type_and_survives_being_kept(every_type: None, key: str, text: str, value: Any) -> None:
    definition = definition_of(key)
    read = definition.clean(text)
    assert read == value
    assert type(read) is type(value)
    assert definition.loaded(definition.stored(read)) == value
    if not definition.is_secret:
        assert definition.clean(definition.written(read)) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("suite.string", ""),
        ("suite.string", "LOUD"),
        ("suite.string", "a\nb"),
        ("suite.string", "a" * 501),
        ("suite.string", "a\0b"),
        ("suite.string", "\ud800"),
        ("suite.text", "x" * 51),
        ("suite.integer", "0"),
        ("suite.integer", "1001"),
        ("suite.integer", "1.0"),
        ("suite.integer", "1e3"),
        ("suite.integer", "١٢"),
        ("suite.integer", ""),
        ("suite.integer", "9" * 5000),
        ("suite.decimal", "NaN"),
        ("suite.decimal", "1e-9"),
        ("suite.decimal", "1.1"),
        ("suite.boolean", "perhaps"),
        ("suite.json", "{"),
        ("suite.json", "NaN"),
        ("suite.json", " null "),
        ("suite.json", '"\\u0000"'),
        ("suite.json", '"\\ud800"'),
        ("suite.json", "[" * 30 + "]" * 30),
        ("suite.json", "[" * 10_000),
        ("suite.json", "9" * 5000),
        ("suite.json", "1e400"),
        ("suite.url", "javascript:alert(1)"),
        ("suite.email", "team"),
        ("suite.duration", "soon"),
        ("suite.duration", "-5 s"),
        ("suite.duration", "30 s"),
        ("suite.duration", "9999999999 d"),
        ("suite.choice", "maybe"),
        ("suite.secret", ""),
    ],
)
def test_what_breaks_a_rule_is_refused_in_one_sentence(every_type: None, key: str, text: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        definition_of(key).clean(text)
    assert len(refusal.value.messages) == 1
    assert refusal.value.messages[0].endswith(".")


ANY = {
    kind: Definition(
        key=f"any.{kind}", type=kind, default="", label="", category="", required=False, choices=(("a", "A"),)
    )
    for kind in SettingType
}


@given(st.sampled_from(sorted(SettingType)), st.text(max_size=60))
def test_any_text_is_either_kept_whole_or_refused(kind: SettingType, text: str) -> None:
    definition = ANY[kind]
    try:
        value = check(definition, parse(definition, text))
    except ValidationError:
        return
    assert loaded(kind, stored(kind, value)) == value


@pytest.mark.parametrize(
    "slip",
    [
        {"key": "Suite.Key"},
        {"key": "nodots"},
        {"key": "suite." + "x" * 200},
        {"type": "secret", "default": "in code"},
        {"type": "integer", "default": "60"},
        {"type": "integer", "default": True},
        {"type": "integer", "default": 5, "minimum": 6},
        {"type": "choice", "default": "c", "choices": ["a", "b"]},
    ],
)
def test_a_slip_in_a_declaration_stops_the_start(slip: dict[str, Any]) -> None:
    options: dict[str, Any] = {"key": "suite.slip", "type": "string", "default": "", "label": "", "category": ""} | slip
    with pytest.raises(ImproperlyConfigured):
        define(options.pop("key"), **options)


def test_a_setting_is_declared_once(declare: Callable[..., Definition]) -> None:
    declare("suite.once", type="string", default="a")
    with pytest.raises(ImproperlyConfigured, match="twice"):
        declare("suite.once", type="string", default="b")


def test_two_keys_never_share_a_variable(declare: Callable[..., Definition]) -> None:
    declare("suite.a_b", type="string", default="a")
    with pytest.raises(ImproperlyConfigured, match="GATEHOUSE_SETTING_SUITE_A_B"):
        define("suite.a.b", type="string", default="b", label="", category="")


def test_an_unknown_key_names_those_near_it(every_type: None) -> None:
    with pytest.raises(UnknownSetting, match=r"suite\.integer"):
        definition_of("suite.integr")
