"""The settings of the sample team: some of their own, changed by several people, one protected, and what is pending."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from accounts.models import User
from settings_store.actions import change_setting, create_definition, protect, submit_change
from settings_store.definitions import Definition
from settings_store.values import SettingType

FILE = Path(__file__).parent / "sample" / "settings.toml"


def add_sample_settings(people: Mapping[str, User], *, now: datetime) -> int:
    """Declare and change the settings of the sample team; returns how many changes there were."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    for row in data["own"]:
        create_definition(actor=None, definition=_definition(row))
    for row in data["change"]:
        change_setting(actor=people[row["by"]], **_change(row))
    for key in data["protected"]:
        protect(actor=None, key=key)
    for row in data["proposal"]:
        # In the morning, as people plan it.
        day = (now + timedelta(days=row["in_days"])).replace(hour=6, minute=0, second=0) if "in_days" in row else None
        submit_change(actor=people[row["by"]], **_change(row), apply_at=day)
    return len(data["change"]) + len(data["proposal"])


def _definition(row: dict[str, Any]) -> Definition:
    given = row | {"type": SettingType(row["type"]), "default": None, "is_own": True}
    bare = Definition(**given)
    return Definition(**(given | {"default": bare.clean(row["default"])})) if "default" in row else bare


def _change(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("key", "environment", "value", "reason")}
