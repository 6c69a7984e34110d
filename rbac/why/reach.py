"""How far a permission reaches in the hands of each of many people: everybody, the own team, or oneself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.teams import sizes
from rbac.backend import rank
from rbac.role_map import RoleMap
from rbac.why.kinds import kinds
from ui.registry import Permission


def widened_by(permission: Permission, roles: RoleMap) -> str:
    """The permission that widens this one to everybody, such as usage.all for usage.read; empty where it has no scope.

    Those of other programs have none: how far theirs reach is theirs to say.
    """
    name = f"{permission.resource}.all"
    wide = roles.known.get(name)
    return name if wide is not None and permission.program is wide.program is None and permission.name != name else ""


def reaches(people: Iterable[User], permission: Permission, *, roles: RoleMap) -> dict[Any, str]:
    """In words, by key, how far each of these people reaches with a permission that has a scope; in three queries."""
    people, everybody = list(people), widened_by(permission, roles)
    # What reaches the team: for what is asked about objects that which shows them, else the permission itself.
    team = next((kind.team for kind in kinds.values() if kind.everybody == everybody), permission.name)
    rank(people)
    leading = [each for each in people if each.has_perm(team)]
    below = sizes([each for each in leading if not each.has_perm(everybody)])
    words = {each.pk: _("own") for each in people}
    for each in leading:
        words[each.pk] = _team(below[each.pk].whole) if each.pk in below else _("everyone")
    return words


def _team(count: int) -> str:
    if not count:
        return _("own team, nobody yet")
    return ngettext("own team, %(count)d person", "own team, %(count)d people", count) % {"count": count}
