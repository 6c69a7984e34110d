"""Bringing an installation to the roles of the table."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from rbac.models import Role
from rbac.role_map import changing_roles
from rbac.system_roles import SYSTEM_ROLES, SystemRole
from settings_store import audit
from ui.registry import registry


def permission_rows(names: set[str] | frozenset[str]) -> dict[str, Permission]:
    """The rows of these registered permissions by name, made where one is missing."""
    holder = ContentType.objects.get_for_model(Role)
    rows = {row.codename: row for row in Permission.objects.filter(content_type=holder)}
    missing = [
        Permission(content_type=holder, codename=name, name=str(registry.permissions[name].label)[:255])
        for name in sorted(names - rows.keys())
    ]
    Permission.objects.bulk_create(missing)
    return {name: row for name, row in rows.items() if name in names} | {row.codename: row for row in missing}


@transaction.atomic
def seed_system_roles() -> None:
    """Create the system roles and give each its core; what was added to them by hand stays. Safe to repeat."""
    with changing_roles():
        rows = permission_rows(frozenset(registry.permissions))
        created: dict[str, Role] = {}
        for wanted in SYSTEM_ROLES:
            role = _settled(wanted, created_names=created)
            held = set(role.group.permissions.values_list("codename", flat=True))
            role.group.permissions.add(*(rows[name] for name in wanted.core - held))
    for role in created.values():
        audit.record("role.created", actor=None, target=role, after={"name": role.name, "priority": role.priority})


def _settled(wanted: SystemRole, *, created_names: dict[str, Role]) -> Role:
    role = Role.objects.select_related("group").filter(name_key=wanted.key).first()
    parent = Role.objects.get(name_key=wanted.parent) if wanted.parent else None
    if role is None:
        group, _made = Group.objects.get_or_create(name=wanted.name)
        role = Role.objects.create(
            group=group,
            name=wanted.name,
            name_key=wanted.key,
            description=wanted.description,
            is_system=True,
            priority=wanted.priority,
            parent=parent,
        )
        created_names[wanted.key] = role
    elif (role.priority, role.parent_id, role.is_system) != (wanted.priority, parent and parent.pk, True):
        role.priority, role.parent, role.is_system = wanted.priority, parent, True
        role.save(update_fields=["priority", "parent", "is_system", "updated_at"])
    return role
