"""Roles of the sample team: some of its own, permissions of another program, and a review that has begun."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from accounts.models import User
from rbac.actions import (
    assign_role,
    change_assignment,
    create_role,
    decide_lines,
    declare_permission,
    revoke_role,
    start_review,
)
from rbac.models import ReviewItem, Role
from rbac.models.review import Standing

FILE = Path(__file__).parent / "sample" / "roles.toml"


def add_sample_roles(people: Mapping[str, User], *, now: datetime) -> int:
    """Make the roles of the sample team and give them; returns how many. Names that are taken are left out."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    for row in data["permission"]:
        declare_permission(actor=None, name=row["name"], label=row["label"], program=row["program"], again=True)
    taken = set(Role.objects.values_list("name", flat=True))
    wanted = [row for row in data["role"] if row["name"] not in taken]
    for row in wanted:
        parent = Role.objects.get(system_key=row["parent"])
        create_role(actor=None, **row | {"parent": parent})
    roles = {role.name: role for role in Role.objects.all()}
    for row in data["assignment"]:
        _assign(people[row["person"]], roles[row["role"]], row, now)
    for row in data["review"]:
        _review(people, row, now)
    return len(wanted)


def _assign(person: User, role: Role, row: dict[str, Any], now: datetime) -> None:
    starts_at = now + timedelta(days=row["from_day"]) if "from_day" in row else None
    ends_at = now + timedelta(days=row["until_day"]) if "until_day" in row else None
    given = assign_role(actor=None, user=person, role=role, reason=row["reason"], starts_at=starts_at, ends_at=ends_at)
    match row.get("state"):
        case "paused":
            change_assignment(actor=None, assignment=given, is_active=False)
        case "ended":
            revoke_role(actor=None, user=person, role=role, reason=row["reason"])


def _review(people: Mapping[str, User], row: dict[str, Any], now: datetime) -> None:
    # Read anew, with what they may do by now.
    actor = User.objects.get(pk=people[row["by"]].pk)
    due_on = (now + timedelta(days=row["due_day"])).date()
    review = start_review(actor=actor, supervisor=people[row["team"]], due_on=due_on)
    confirmed = [people[name].pk for name in row["confirmed"]]
    lines = ReviewItem.objects.filter(review=review, user__in=confirmed).values_list("pk", flat=True)
    decide_lines(
        actor=actor,
        review=review,
        seen=dict.fromkeys(lines, Standing.UNDECIDED),
        decision=ReviewItem.Decision.CONFIRMED,
        note=row["note"],
    )
