"""Before and after of an event, as lines people read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

SHORT = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One line: `kind` is same, del or ins, as the element that shows it."""

    kind: str
    text: str


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Difference]:
    """Every field of both, what was and what is."""
    old, new = before or {}, after or {}
    lines = []
    for name in dict.fromkeys((*old, *new)):
        if name in old and name in new and old[name] == new[name]:
            lines.append(Difference("same", f"{name}: {worded(old[name])}"))
            continue
        if name in old:
            lines.append(Difference("del", f"{name}: {worded(old[name])}"))
        if name in new:
            lines.append(Difference("ins", f"{name}: {worded(new[name])}"))
    return lines


def summary(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    """What changed in a few words: a single field with its values, else the names of the fields."""
    old, new = before or {}, after or {}
    names = dict.fromkeys((*old, *new))
    # The number of a version goes along with every change, and an id with the name it belongs to.
    beside = {"version", *(f"{name}_id" for name in names)}
    changed = [name for name in names if name not in beside and old.get(name) != new.get(name)]
    if not changed:
        return ""
    if len(changed) > 1:
        return _short(changed)
    name = changed[0]
    label = "" if name == "value" else f"{name}: "
    if name not in old:
        return label + _short(new.get(name))
    return f"{label}{_short(old.get(name))} → {_short(new.get(name))}"


def worded(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return ", ".join(str(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _short(value: Any) -> str:
    text = " ".join(worded(value).split())
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"
