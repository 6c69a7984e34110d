"""Changes of the rules of flags as proposals and previews show them: before and after, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from settings_store.definitions import Definition
from settings_store.flag.telling import Names, names_in
from settings_store.holding import Rows, without_own
from settings_store.trail.differences import Difference
from settings_store.values import SettingType
from settings_store.wording import rule_by_rule


@dataclass(frozen=True, slots=True)
class Sides:
    """The documents a change goes from and to; None where nobody knows any more."""

    old: Any
    new: Any
    # Own rules go, so that what holds follows those of the common environment from then on.
    clears: bool = False


def is_of_flag(definition: Definition | None) -> bool:
    return definition is not None and definition.type is SettingType.FLAG


def common_rules(definition: Definition, environment: str, rows: Rows) -> Any:
    """The document that holds in an environment without rules of its own."""
    return without_own(definition, environment, rows).value


def told[Key](changes: Mapping[Key, Sides]) -> dict[Key, list[Difference]]:
    """Each of these changes line by line, with the names of people and roles in a few queries for all."""
    if not changes:
        return {}
    names = names_in(document for sides in changes.values() for document in (sides.old, sides.new))
    return {key: _told(sides, names) for key, sides in changes.items()}


def _told(sides: Sides, names: Names) -> list[Difference]:
    lines = rule_by_rule(sides.old, sides.new, names)
    return [Difference("ins", _("no rules of its own")), *lines] if sides.clears else lines
