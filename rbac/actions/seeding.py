"""Bringing an installation to the roles of the table."""

from __future__ import annotations

from collections import defaultdict
from itertools import count

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from accounts.names import normalised
from rbac.models import CustomPermission, Role
from rbac.role_map import changing_roles, current_role_map
from rbac.roles.edit import saved
from rbac.system_roles import SYSTEM_ROLES, SystemRole
from settings_store import audit
from ui.registry import registry


def permission_rows(names: set[str] | frozenset[str]) -> dict[str, Permission]:
    """The rows of these known permissions by name; those of the house are made where one is missing."""
    holder = ContentType.objects.get_for_model(Role)
    # Of those of the house first, for one of another program may bear the name that a release has just declared.
    rows = {row.codename: row for row in Permission.objects.filter(content_type=holder)}
    missing = [
        Permission(content_type=holder, codename=name, name=str(registry.permissions[name].label)[:255])
        for name in sorted(names & registry.permissions.keys() - rows.keys())
    ]
    Permission.objects.bulk_create(missing)
    rows |= {row.codename: row for row in missing}
    for row in CustomPermission.objects.filter(name__in=names - rows.keys()).select_related("permission"):
        rows[row.name] = row.permission
    return {name: rows[name] for name in names}


@transaction.atomic
def seed_system_roles() -> None:
    """Create the system roles and give each its core; safe to repeat.

    What was added to them by hand stays, and a role that an admin made is never touched, whatever it is called.
    """
    if _stand_as_wanted():
        # No process has to read its roles again.
        return
    with changing_roles():
        roles = current_role_map()
        before = {role.pk: saved(role, roles).facts() for role in _system_roles()}
        rows = permission_rows(frozenset(registry.permissions))
        holder = ContentType.objects.get_for_model(Role)
        created: dict[str, Role] = {}
        for wanted in SYSTEM_ROLES:
            role = _settled(wanted, created=created)
            # One of another program may bear a name that this release declares as its own.
            own = role.group.permissions.filter(content_type=holder)
            held = set(own.values_list("codename", flat=True))
            role.group.permissions.add(*(rows[name] for name in wanted.core(registry.permissions) - held))
    for role in created.values():
        audit.record("role.created", actor=None, target=role, after={"name": role.name, "priority": role.priority})
    roles = current_role_map()
    for role in _system_roles():
        after = saved(role, roles).facts()
        if role.pk in before and before[role.pk] != after:
            audit.record("role.updated", actor=None, target=role, **audit.changes(before[role.pk], after))


def _system_roles() -> list[Role]:
    return list(Role.objects.exclude(system_key=None).select_related("parent").order_by("pk"))


def _stand_as_wanted() -> bool:
    """Whether every system role has its place and its core, and every permission of the house its row."""
    holder = ContentType.objects.get_for_model(Role)
    rows = Permission.objects.filter(content_type=holder)
    if registry.permissions.keys() - set(rows.values_list("codename", flat=True)):
        return False
    held: dict[str | None, set[str]] = defaultdict(set)
    for key, name in rows.values_list("group__role__system_key", "codename"):
        held[key].add(name)
    places = {role.system_key: (role.priority, role.parent and role.parent.system_key) for role in _system_roles()}
    return all(
        places.get(wanted.key) == (wanted.priority, wanted.parent or None)
        and wanted.core(registry.permissions) <= held[wanted.key]
        for wanted in SYSTEM_ROLES
    )


def _settled(wanted: SystemRole, *, created: dict[str, Role]) -> Role:
    role = Role.objects.select_related("group").filter(system_key=wanted.key).first()
    parent = Role.objects.get(system_key=wanted.parent) if wanted.parent else None
    if role is None:
        name = _free_name(wanted.name)
        group, _made = Group.objects.get_or_create(name=name)
        # A group that was there before may bring permissions along.
        group.permissions.clear()
        role = Role.objects.create(
            group=group,
            name=name,
            name_key=normalised(name),
            system_key=wanted.key,
            description=wanted.description,
            priority=wanted.priority,
            parent=parent,
        )
        created[wanted.key] = role
    elif (role.priority, role.parent_id) != (wanted.priority, parent and parent.pk):
        role.priority, role.parent = wanted.priority, parent
        role.save(update_fields=["priority", "parent", "updated_at"])
    return role


def _free_name(name: str) -> str:
    """The name itself, or where admins have given it to a role of theirs, one that says what it is."""
    taken = set(Role.objects.values_list("name_key", flat=True))
    if normalised(name) not in taken:
        return name
    return next(free for number in count(1) if normalised(free := f"{name} (system role {number})") not in taken)
