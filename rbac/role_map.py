"""What each role grants, kept in memory: roles change seldom and are asked about in every request.

The version in the database names the content, never counts it: an edit that is rolled back leaves behind a version
nobody will ever see again, and so no trace in any process.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from rbac.models import CustomPermission, Role, RoleMapVersion
from rbac.permission_names import is_taken
from rbac.system_roles import ADMIN
from ui.registry import Permission, registry


@dataclass(frozen=True, slots=True)
class RoleMap:
    """All roles at one version: what each grants with its parents' (Django's own names included), and its rank."""

    version: int | None
    granted: dict[int, frozenset[str]]
    own: dict[int, frozenset[str]]
    # Every permission there is, those of the house first, then those of other programs.
    known: dict[str, Permission]
    parents: dict[int, int | None]
    priorities: dict[int, int]
    admin_id: int | None
    everything: frozenset[str]
    # Roles whose holders sign in with a second factor, those that inherit from such a one among them.
    demanding: frozenset[int]
    # Each role and all it inherits from.
    lineages: dict[int, frozenset[int]]

    def permissions(self, role_id: int) -> frozenset[str]:
        """What a role grants with its parents, by our own names (resource.action) alone."""
        return self.granted.get(role_id, frozenset()) & self.known.keys()

    def lineage(self, role_id: int) -> list[int]:
        """The role and all it inherits from."""
        return _lineage(role_id, self.parents)

    def descendants(self, role_id: int) -> set[int]:
        """All roles that inherit from this one, however far."""
        found: set[int] = set()
        frontier = {role_id}
        while frontier:
            frontier = {child for child, parent in self.parents.items() if parent in frontier} - found
            found |= frontier
        return found


_current: RoleMap | None = None


def role_map(version: int | None) -> RoleMap:
    """The map at this version, read anew only where the process holds another one."""
    global _current
    held = _current
    if held is not None and version is not None and held.version == version:
        return held
    loaded = _load(version)
    if version is not None:
        _current = loaded
    return loaded


def current_role_map() -> RoleMap:
    """The map as it is now; asks the database for its version."""
    return role_map(RoleMapVersion.objects.values_list("version", flat=True).first())


@contextmanager
def changing_roles() -> Iterator[None]:
    """Around every change of a role: such changes queue up, and what is read on the way is known to nobody later.

    A version before and another after: a map read between the two, by the rules of the very change, bears a version
    that is never committed.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("A role changes only inside a transaction.")
    _renew()
    yield
    _renew()


def _renew() -> None:
    RoleMapVersion.objects.update_or_create(pk=1, defaults={"version": secrets.randbits(62)})


def _load(version: int | None) -> RoleMap:
    own: dict[int, set[str]] = {}
    parents: dict[int, int | None] = {}
    priorities: dict[int, int] = {}
    admin_id = None
    demanding: set[int] = set()
    known, custom = _known()
    rows = Role.objects.values_list(
        "pk",
        "system_key",
        "priority",
        "parent_id",
        "requires_factor",
        "group__permissions",
        "group__permissions__codename",
        "group__permissions__content_type__model",
    )
    for role_id, system_key, priority, parent_id, requires_factor, permission_id, codename, kind in rows:
        if requires_factor:
            demanding.add(role_id)
        names = own.setdefault(role_id, set())
        # A permission whose declaration has left the code grants nothing, nor does one of another program of that name.
        if kind == Role._meta.model_name and codename in registry.permissions:
            names.add(codename)
        elif name := custom.get(permission_id):
            names.add(name)
        parents[role_id], priorities[role_id] = parent_id, priority
        if system_key == ADMIN:
            admin_id = role_id
    if admin_id is not None:
        own[admin_id] = set(known)
    return RoleMap(
        version=version,
        granted={role_id: _with_django_names(_with_parents(role_id, own, parents), known) for role_id in own},
        own={role_id: frozenset(names) for role_id, names in own.items()},
        known=known,
        parents=parents,
        priorities=priorities,
        admin_id=admin_id,
        everything=_with_django_names(frozenset(known), known),
        demanding=frozenset(role_id for role_id in own if demanding.intersection(_lineage(role_id, parents))),
        lineages={role_id: frozenset(_lineage(role_id, parents)) for role_id in own},
    )


def _known() -> tuple[dict[str, Permission], dict[int, str]]:
    """Every permission by name, and the names of those of other programs by the keys of their rows.

    Where the house has a name by now it is the house's, and the other one grants nothing.
    """
    known, custom = dict(registry.permissions), dict[int, str]()
    rows = CustomPermission.objects.order_by("name").values_list("permission_id", "name", "label", "program")
    for permission_id, name, label, program in rows:
        taken = is_taken(name)
        custom[permission_id] = "" if taken else name
        if not taken:
            known[name] = Permission(name, label, program=program)
    return known, custom


def _with_django_names(names: frozenset[str], known: dict[str, Permission]) -> frozenset[str]:
    return names.union(*(known[name].django for name in names))


def _with_parents(role_id: int, own: dict[int, set[str]], parents: dict[int, int | None]) -> frozenset[str]:
    return frozenset().union(*(own.get(each, set()) for each in _lineage(role_id, parents)))


def _lineage(role_id: int, parents: dict[int, int | None]) -> list[int]:
    """The role, its parent, that one's parent and so on; should there be a circle, each of it once."""
    line: list[int] = []
    current: int | None = role_id
    while current is not None and current not in line:
        line.append(current)
        current = parents.get(current)
    return line
