"""Before and after of an event, as lines people read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

SHORT = 60
# How many fields a summary tells with their values.
MOST = 2
# What an event is about beside its target: told first, whether it changed or not.
FIRST = ("role", "team_of", "owner", "lines")


@dataclass(frozen=True, slots=True)
class Difference:
    """One line: `kind` is same, del or ins, as the element that shows it."""

    kind: str
    text: str


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Difference]:
    """Every field of both, what was and what is; of two lists only what one of them holds alone."""
    old, new = before or {}, after or {}
    lines = []
    for name in dict.fromkeys((*old, *new)):
        if name in old and name in new and old[name] == new[name]:
            lines.append(Difference("same", f"{name}: {worded(old[name])}"))
            continue
        gone, come = _apart(old.get(name), new.get(name))
        if name in old and gone != []:
            lines.append(Difference("del", f"{name}: {worded(gone)}"))
        if name in new and come != []:
            lines.append(Difference("ins", f"{name}: {worded(come)}"))
    return lines


def summary(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    """What changed in a few words: up to two fields with their values, else the names of the fields."""
    old, new = before or {}, after or {}
    names = dict.fromkeys((*old, *new))
    # The number of a version goes along with every change, and an id with the name it belongs to.
    beside = {"version", *(f"{name}_id" for name in names)}
    changed = [name for name in names if name not in beside and old.get(name) != new.get(name)]
    # Databases keep the fields of JSON in orders of their own.
    first = [name for name in FIRST if name in names]
    rest = [name for name in changed if name not in first]
    words = [_change(name, old, new) for name in first]
    words += [_change(name, old, new) for name in rest] if len(rest) + len(first) <= MOST else rest
    return ", ".join(words)


def _change(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    label = "" if name == "value" else f"{name}: "
    before, after = old.get(name), new.get(name)
    if before == after or name not in old:
        return label + _short(after)
    if name not in new:
        return label + _short(before)
    gone, come = _apart(before, after)
    if gone is not before:
        return label + _short([*(f"+{item}" for item in come), *(f"−{item}" for item in gone)])
    return f"{label}{_short(before)} → {_short(after)}"


def _apart(old: Any, new: Any) -> tuple[Any, Any]:
    """What each of two lists holds alone; any other two values, and lists in another order, as they are."""
    if not isinstance(old, list) or not isinstance(new, list):
        return old, new
    gone, come = [item for item in old if item not in new], [item for item in new if item not in old]
    return (gone, come) if gone or come else (old, new)


def worded(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return ", ".join(str(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _short(value: Any) -> str:
    return shortened(worded(value))


def shortened(words: str) -> str:
    """The beginning of a text in one line."""
    text = " ".join(words.split())
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"
