"""What happens to somebody's roles, worded for the one's own history that accounts shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.history import Facts, Kind, tells
from ui import moments


@tells("role.assigned", kind=Kind.ROLE)
def assigned(facts: Facts, providers: Mapping[str, str]) -> str:
    role, begins, ends = facts.get("role", ""), _moment(facts.get("from")), _moment(facts.get("until"))
    if begins and ends:
        return _("Role assigned: %(role)s, from %(begins)s until %(ends)s") % {
            "role": role,
            "begins": begins,
            "ends": ends,
        }
    if begins:
        return _("Role assigned: %(role)s, from %(begins)s") % {"role": role, "begins": begins}
    if ends:
        return _("Role assigned: %(role)s, until %(ends)s") % {"role": role, "ends": ends}
    return _("Role assigned: %(role)s") % {"role": role}


@tells("role.revoked", kind=Kind.ROLE)
def revoked(facts: Facts, providers: Mapping[str, str]) -> str:
    return _("Role ended: %(role)s") % {"role": facts.get("role", "")}


@tells("assignment.changed", kind=Kind.ROLE)
def changed(facts: Facts, providers: Mapping[str, str]) -> str:
    """Only what was changed is among the facts; the reason is for those who look after roles."""
    words = []
    if "paused" in facts:
        words.append(_("paused") if facts["paused"] else _("counts again"))
    if "from" in facts:
        begins = _moment(facts["from"])
        words.append(_("from %(begins)s") % {"begins": begins} if begins else _("from when it was given"))
    if "until" in facts:
        ends = _moment(facts["until"])
        words.append(_("until %(ends)s") % {"ends": ends} if ends else _("without an end"))
    role = facts.get("role", "")
    if not words:
        return _("Role %(role)s changed") % {"role": role}
    return _("Role %(role)s changed: %(changes)s") % {"role": role, "changes": ", ".join(words)}


def _moment(value: Any) -> str:
    try:
        return moments.exact(datetime.fromisoformat(value)) if isinstance(value, str) else ""
    except ValueError:
        return str(value)
