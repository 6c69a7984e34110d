"""The feature flags of the sample team: rolled out to some, tried on staging, one protected, one archived."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from accounts.models import User
from rbac.models import Role
from settings_store.actions import Description, archive_flag, create_flag, protect, submit_change
from settings_store.flag.rules import FlagType, time_text
from settings_store.realms import key_of_flag

FILE = Path(__file__).parent / "sample" / "flags.toml"


def add_sample_flags(people: Mapping[str, User], *, now: datetime) -> int:
    """Make the flags of the sample team and change their rules; returns how many flags there are."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    roles = dict(Role.objects.values_list("name_key", "pk"))
    for row in data["flag"]:
        words = Description(
            label=row["label"], description=row["description"], is_permanent=row.get("is_permanent", False)
        )
        create_flag(actor=people["oksana.shevchenko"], key=row["key"], kind=_kind(row), description=words)
    for row in data["change"]:
        _change(row, people, roles, now)
    for key in data["protected"]:
        protect(actor=None, key=key_of_flag(key))
    for row in data["proposal"]:
        _change(row, people, roles, now)
    for row in data["flag"]:
        if row.get("is_archived"):
            archive_flag(actor=people["oksana.shevchenko"], key=row["key"])
    return len(data["flag"])


def _kind(row: dict[str, Any]) -> FlagType:
    return FlagType(row.get("type", FlagType.BOOLEAN))


def _change(row: dict[str, Any], people: Mapping[str, User], roles: Mapping[str, int], now: datetime) -> None:
    submit_change(
        actor=people[row["by"]],
        key=key_of_flag(row["key"]),
        environment=row["environment"],
        value=json.dumps(_document(row["rules"], people, roles, now)),
        reason=row["reason"],
    )


def _document(
    rules: dict[str, Any], people: Mapping[str, User], roles: Mapping[str, int], now: datetime
) -> dict[str, Any]:
    """The rules as they are kept: primary keys for names, basis points for per cent, moments for days."""
    morning = now.replace(hour=6, minute=0, second=0)
    return {
        "on": rules["on"],
        "excluded": [people[name].pk for name in rules.get("excluded", [])],
        "people": [people[name].pk for name in rules.get("people", [])],
        "roles": [roles[name] for name in rules.get("roles", [])],
        "share": round(rules.get("share", 100) * 100),
        "variants": [each | {"weight": round(each["weight"] * 100)} for each in rules.get("variants", [])],
        "from": time_text(morning + timedelta(days=rules["from_day"])) if "from_day" in rules else None,
        "until": time_text(morning + timedelta(days=rules["until_day"])) if "until_day" in rules else None,
        "needs": rules.get("needs", []),
    }
