"""The rules of a flag, and their changes, in words."""

from __future__ import annotations

from typing import Any

import pytest

from settings_store.flag.changing import Sides, told
from settings_store.flag.rules import OFF
from settings_store.flag.telling import Names, lines

pytestmark = pytest.mark.django_db


def words_of(old: dict[str, Any] | None, new: dict[str, Any], *, clears: bool = False) -> list[str]:
    sides = Sides(None if old is None else OFF | old, OFF | new, clears)
    marks = {"ins": "+", "del": "-", "same": ""}
    return [f"{marks[each.kind]}{each.text}" for each in told({1: sides})[1]]


def test_what_is_just_off_has_no_share() -> None:
    assert lines(OFF, Names()) == ["Off"]
    assert lines(OFF | {"share": 500}, Names()) == ["Off", "For 5 % of people"]
    assert words_of(None, {}) == ["+Off"]
    assert words_of({}, {"on": True}) == ["-Off", "+On", "+For 100 % of people"]


def test_going_without_rules_of_ones_own_is_said_first() -> None:
    words = words_of({"on": True, "share": 500}, {"on": True, "share": 1000}, clears=True)
    assert words == ["+no rules of its own", "On", "-For 5 % of people", "+For 10 % of people"]
    assert words_of({}, {}, clears=True) == ["+no rules of its own", "Off"]
