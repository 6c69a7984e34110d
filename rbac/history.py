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
        return _("Role given: %(role)s, from %(begins)s until %(ends)s") % {
            "role": role,
            "begins": begins,
            "ends": ends,
        }
    if begins:
        return _("Role given: %(role)s, from %(begins)s") % {"role": role, "begins": begins}
    if ends:
        return _("Role given: %(role)s, until %(ends)s") % {"role": role, "ends": ends}
    return _("Role given: %(role)s") % {"role": role}


@tells("role.revoked", kind=Kind.ROLE)
def revoked(facts: Facts, providers: Mapping[str, str]) -> str:
    return _("Role taken away: %(role)s") % {"role": facts.get("role", "")}


def _moment(value: Any) -> str:
    try:
        return moments.exact(datetime.fromisoformat(value)) if isinstance(value, str) else ""
    except ValueError:
        return str(value)
