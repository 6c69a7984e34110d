"""Variables in prompts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from chat.variables import check, rendered

NOW = datetime(2026, 11, 20, 23, 31, tzinfo=UTC)
ANA = User(username="ana.ruiz", full_name="Ana Ruiz", time_zone="Asia/Tokyo")


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("You talk with {{name}}.", "You talk with Ana Ruiz."),
        ("{{ date }} {{time}}", "2026-11-21 08:31"),
        ("{{name}}{{name}}", "Ana RuizAna Ruiz"),
        (r"Write \{{name}} as it is", "Write {{name}} as it is"),
        ('{"a": {"b": {}}}', '{"a": {"b": {}}}'),
        ("", ""),
    ],
)
def test_a_variable_is_what_it_stands_for(text: str, sent: str) -> None:
    check(text)
    assert rendered(text, user=ANA, now=NOW) == sent


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Hello {{nmae}}", "There is no variable {{nmae}}. Did you mean {{name}}?"),
        ("Hello {{Name}}", "There is no variable {{Name}}. Did you mean {{name}}?"),
        ("{{colour}}", "There is no variable {{colour}}. There are {{name}}, {{date}}, {{time}}."),
        ("{{}}", "There is no variable {{}}."),
        ("Hello {{name", "“{{name” is not closed."),
        ("Hello {{name\n}}", "“{{name” is not closed."),
        ("{{name}", "“{{name” is not closed."),
        ("{{{name}}}", "“{{” is not closed."),
        ("{{name}} {{da {{time}}", "“{{da” is not closed."),
    ],
)
def test_a_broken_variable_is_named_and_sent_as_it_stands(text: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        check(text)
    assert sentence in refusal.value.messages[0]
    broken = text if "{{name}} " not in text else "Ana Ruiz {{da 08:31"
    assert rendered(text, user=ANA, now=NOW) == broken


def test_whoever_has_no_full_name_is_called_by_their_username() -> None:
    assert rendered("{{name}}", user=User(username="bo"), now=NOW) == "bo"


def test_a_name_that_looks_like_a_variable_is_none() -> None:
    assert rendered("{{name}}", user=User(username="bo", full_name="{{date}}"), now=NOW) == "{{date}}"


def test_a_time_zone_that_is_none_is_utc() -> None:
    assert rendered("{{time}}", user=User(username="bo", time_zone="Moon/Base"), now=NOW) == "23:31"


def test_thirty_thousand_braces_are_read_at_once() -> None:
    text = "{" * 32_000
    assert rendered(text, user=ANA, now=NOW) == text
