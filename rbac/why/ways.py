"""The ways from the roles that somebody holds to a permission, and who may do what by them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q

from accounts.models import User, UserQuerySet
from rbac.models import Assignment
from rbac.role_map import RoleMap

# A role, its parent and so on, up to the one whose own permission it is.
type Way = tuple[int, ...]


def ways(roles: RoleMap, role_ids: Iterable[int], name: str) -> list[Way]:
    """How each of these roles comes to this permission, the highest role first; those that do not are left out."""
    found = []
    for role_id in sorted(role_ids, key=lambda role_id: (-roles.priorities.get(role_id, 0), role_id)):
        line = roles.lineage(role_id)
        place = next((place for place, each in enumerate(line) if name in roles.own.get(each, ())), None)
        if place is not None:
            found.append(tuple(line[: place + 1]))
    return found


def granting(roles: RoleMap, *names: str) -> list[int]:
    """The roles that grant each of these permissions, be it by a parent, the lowest first."""
    found = [role_id for role_id in roles.priorities if roles.permissions(role_id).issuperset(names)]
    return sorted(found, key=lambda role_id: (roles.priorities[role_id], role_id))


def holding(roles: RoleMap, name: str) -> Q:
    """The condition under which somebody active holds this permission: what `has_perm` says, asked of all at once."""
    if name not in roles.known:
        return Q(pk__in=[])
    held = Assignment.objects.counting().filter(user=OuterRef("pk"), role__in=granting(roles, name))
    return Q(Exists(held)) | Q(is_superuser=True)


def holders(roles: RoleMap, *names: str) -> UserQuerySet:
    """Everybody who holds each of these permissions at this moment."""
    people: UserQuerySet = User.objects.active()
    for name in names:
        people = people.filter(holding(roles, name))
    return people
