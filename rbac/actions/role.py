"""Making, changing and deleting roles."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.names import normalised
from rbac.actions.seeding import permission_rows
from rbac.models import Role
from rbac.role_map import changing_roles, current_role_map
from rbac.roles.edit import Edit, check_role, saved
from rbac.rules import deletion_refusal, right_refusal, role_refusal
from settings_store import audit

# What an edit of a role changes beside its permissions.
FACTS = ("name", "description", "priority", "parent", "requires_factor")


@transaction.atomic
def create_role(
    *,
    actor: User | None,
    name: str,
    description: str = "",
    priority: int = 10,
    parent: Role | None = None,
    permissions: Collection[str] = (),
    requires_factor: bool = False,
) -> Role:
    """Make a role of one's own with these permissions and those of its parent."""
    with changing_roles():
        _check_right(actor, "roles.write")
        roles = current_role_map()
        wanted = Edit(name, description, priority, _there(parent), frozenset(permissions), requires_factor)
        check_role(actor=actor, role=None, wanted=wanted, roles=roles)
        group = Group.objects.create(name=name)
        role = Role.objects.create(
            group=group,
            name=name,
            name_key=normalised(name),
            description=description,
            priority=priority,
            parent=wanted.parent,
            requires_factor=requires_factor,
        )
        group.permissions.set(permission_rows(wanted.permissions).values())
    audit.record("role.created", actor=actor, target=role, after=wanted.facts())
    return role


@transaction.atomic
def update_role(
    *,
    actor: User | None,
    role: Role,
    name: str,
    description: str,
    priority: int,
    parent: Role | None,
    permissions: Collection[str],
    requires_factor: bool | None = None,
    version: int | None = None,
) -> Role:
    """Give `role` these facts and exactly these permissions of its own; what is None stays.

    With `version`, that of the role as its editor saw it, a ValidationError of the code "stale" where somebody has
    edited it since, and not to the very same.
    """
    with changing_roles():
        _check_right(actor, "roles.write")
        roles = current_role_map()
        found = Role.objects.select_related("group", "parent").filter(pk=role.pk).first()
        if found is None:
            raise ValidationError(_("This role is gone: somebody has deleted it."), code="gone")
        role, before = found, saved(found, roles)
        demand = role.requires_factor if requires_factor is None else requires_factor
        wanted = Edit(name, description, priority, _there(parent), frozenset(permissions), demand)
        if before == wanted:
            return role
        if version is not None and version != role.version:
            raise ValidationError(_("Somebody has changed this role since you opened it."), code="stale")
        check_role(actor=actor, role=role, wanted=wanted, roles=roles)
        for fact in FACTS:
            setattr(role, fact, getattr(wanted, fact))
        role.name_key = normalised(name)
        role.version += 1
        role.save(update_fields=[*FACTS, "name_key", "version", "updated_at"])
        if role.group.name != name:
            role.group.name = name
            role.group.save(update_fields=["name"])
        role.group.permissions.set(permission_rows(wanted.permissions).values())
    audit.record("role.updated", actor=actor, target=role, **audit.changes(before.facts(), wanted.facts()))
    return role


@transaction.atomic
def delete_role(*, actor: User | None, role: Role) -> None:
    """Delete a role of one's own that nobody holds and nothing inherits from."""
    with changing_roles():
        _check_right(actor, "roles.delete")
        found = Role.objects.select_for_update().filter(pk=role.pk).first()
        if found is None:
            raise ValidationError(_("This role is gone: somebody has deleted it."), code="gone")
        role = found
        if refusal := role_refusal(actor, role.priority):
            raise PermissionDenied(refusal)
        if refusal := deletion_refusal(role):
            raise ValidationError(refusal)
        before = saved(role, current_role_map()).facts()
        target_id, group = str(role.public_id), role.group
        role.assignments.all().delete()
        role.delete()
        group.delete()
    audit.record(
        "role.deleted",
        actor=actor,
        target_type=Role._meta.label_lower,
        target_id=target_id,
        target_name=role.name,
        before=before,
    )


def _check_right(actor: User | None, permission: str) -> None:
    if refusal := right_refusal(actor, permission):
        raise PermissionDenied(refusal)


def _there(parent: Role | None) -> Role | None:
    """The parent as it is by now, while nobody else changes roles."""
    if parent is None:
        return None
    found = Role.objects.filter(pk=parent.pk).first()
    if found is None:
        raise ValidationError({"parent": _("This role is gone: somebody has deleted it.")})
    return found
