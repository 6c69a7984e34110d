"""Making, changing and deleting roles."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.names import normalised
from rbac.actions.seeding import permission_rows
from rbac.models import Role
from rbac.role_map import RoleMap, changing_roles, current_role_map
from rbac.rules import descendants_refusal, lacking_refusal, role_refusal
from rbac.system_roles import BY_KEY
from settings_store import audit
from ui.registry import registry


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
        roles = current_role_map()
        names = _registered(permissions)
        _refuse(role_refusal(actor, priority))
        _refuse(lacking_refusal(actor, names | (roles.permissions(parent.pk) if parent else frozenset())))
        _check_name(name)
        _check_parent(parent, priority=priority)
        group = Group.objects.create(name=name)
        role = Role.objects.create(
            group=group,
            name=name,
            name_key=normalised(name),
            description=description,
            priority=priority,
            parent=parent,
            requires_factor=requires_factor,
        )
        group.permissions.set(permission_rows(names).values())
    audit.record("role.created", actor=actor, target=role, after=_facts(role, names))
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
) -> Role:
    """Give `role` these facts and exactly these permissions of its own; what is None stays."""
    with changing_roles():
        roles = current_role_map()
        role = Role.objects.select_related("group", "parent").get(pk=role.pk)
        had, names = roles.own.get(role.pk, frozenset()), _registered(permissions)
        before = _facts(role, had)
        demand = role.requires_factor if requires_factor is None else requires_factor
        wanted = Role(name=name, description=description, priority=priority, parent=parent, requires_factor=demand)
        after = _facts(wanted, names)
        if before == after:
            return role
        _check_edit(actor, role, wanted=wanted, names=names, roles=roles)
        for fact in ("name", "description", "priority", "parent", "requires_factor"):
            setattr(role, fact, getattr(wanted, fact))
        if not role.is_system:
            role.name_key = normalised(name)
        role.save(
            update_fields=["name", "name_key", "description", "priority", "parent", "requires_factor", "updated_at"]
        )
        if role.group.name != name:
            role.group.name = name
            role.group.save(update_fields=["name"])
        role.group.permissions.set(permission_rows(names).values())
    audit.record("role.updated", actor=actor, target=role, **audit.changes(before, after))
    return role


@transaction.atomic
def delete_role(*, actor: User | None, role: Role) -> None:
    """Delete a role of one's own that nobody holds and nothing inherits from."""
    with changing_roles():
        role = Role.objects.select_for_update().get(pk=role.pk)
        _refuse(role_refusal(actor, role.priority))
        if role.is_system:
            raise ValidationError(_("A system role cannot be deleted."))
        if child := role.children.first():
            raise ValidationError(_("The role %(role)s inherits from it. Change that first.") % {"role": child})
        if role.assignments.unended().exists():
            raise ValidationError(_("People hold this role. Take it from them first."))
        before = _facts(role, current_role_map().own.get(role.pk, frozenset()))
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


def _check_edit(actor: User | None, role: Role, *, wanted: Role, names: frozenset[str], roles: RoleMap) -> None:
    """Refuse an edit that goes beyond its actor or would take a system role apart."""
    _refuse(role_refusal(actor, max(wanted.priority, role.priority)))
    held = roles.permissions(role.pk)
    will_hold = names | (roles.permissions(wanted.parent.pk) if wanted.parent else frozenset())
    _refuse(lacking_refusal(actor, will_hold - held))
    demanding = wanted.requires_factor or (wanted.parent is not None and wanted.parent.pk in roles.demanding)
    if held - will_hold or (role.pk in roles.demanding and not demanding):
        _refuse(descendants_refusal(actor, role, roles))
    if role.is_system:
        _check_core(role, wanted, names)
    _check_name(wanted.name, role=role)
    _check_parent(wanted.parent, priority=wanted.priority, role=role, roles=roles)


def _refuse(refusal: str | None) -> None:
    if refusal:
        raise PermissionDenied(refusal)


def _registered(permissions: Collection[str]) -> frozenset[str]:
    names = frozenset(permissions)
    if names - registry.permissions.keys():
        raise ValidationError({"permissions": _("One of these permissions does not exist.")})
    return names


def _check_name(name: str, *, role: Role | None = None) -> None:
    key = normalised(name)
    limit = Role._meta.get_field("name_key").max_length or 0
    # Folding can lengthen a name: one letter ß becomes two.
    if len(key) > limit:
        raise ValidationError({"name": _("Use %(limit)s characters at most.") % {"limit": limit}})
    same = Role.objects.filter(name_key=key)
    if role is not None:
        same = same.exclude(pk=role.pk)
    if same.exists():
        raise ValidationError({"name": _("There is a role of this name already.")})
    # Groups have unique names too, and one that belongs to no role may bring permissions along.
    groups = Group.objects.exclude(pk=role.group_id) if role is not None else Group.objects.all()
    if key in map(normalised, groups.values_list("name", flat=True)):
        raise ValidationError({"name": _("There is a group of this name already.")})


def _check_parent(
    parent: Role | None, *, priority: int, role: Role | None = None, roles: RoleMap | None = None
) -> None:
    if parent is not None and parent.priority > priority:
        raise ValidationError({"parent": _("A role inherits only from one of the same or a lower priority.")})
    if role is None or roles is None:
        return
    below = roles.descendants(role.pk)
    if parent is not None and (parent.pk == role.pk or parent.pk in below):
        raise ValidationError({"parent": _("A role cannot inherit from itself.")})
    if any(roles.priorities[child] < priority for child in below):
        raise ValidationError({"priority": _("A role that inherits from it has a lower priority than this.")})


def _check_core(role: Role, wanted: Role, names: frozenset[str]) -> None:
    if (wanted.name, wanted.priority, wanted.parent) != (role.name, role.priority, role.parent):
        raise ValidationError(_("Name, priority and parent of a system role stay as they are."))
    if BY_KEY[role.name_key].core - names:
        raise ValidationError({"permissions": _("What a system role begins with cannot be taken from it.")})


def _facts(role: Role, names: frozenset[str]) -> dict[str, Any]:
    return {
        "name": role.name,
        "description": role.description,
        "priority": role.priority,
        "parent": role.parent.name if role.parent else None,
        "requires_factor": role.requires_factor,
        "permissions": sorted(names),
    }
