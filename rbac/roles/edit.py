"""What a role is to be, and whether somebody may make it so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.names import normalised
from rbac.models import Role
from rbac.role_map import RoleMap
from rbac.roles.losses import loss_refusal
from rbac.roles.names import refuse_alike
from rbac.rules import descendants_refusal, lacking_refusal, role_refusal
from rbac.system_roles import BY_KEY


@dataclass(frozen=True, slots=True)
class Edit:
    """What a role is to be: its facts and exactly these permissions of its own."""

    name: str
    description: str
    priority: int
    parent: Role | None
    permissions: frozenset[str]
    requires_factor: bool

    def fields(self) -> dict[str, Any]:
        """As actions take them."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def facts(self) -> dict[str, Any]:
        """As the trail keeps them."""
        return {
            "name": self.name,
            "description": self.description,
            "priority": self.priority,
            "parent": self.parent.name if self.parent else None,
            "requires_factor": self.requires_factor,
            "permissions": sorted(self.permissions),
        }


def saved(role: Role, roles: RoleMap) -> Edit:
    """The role as it stands."""
    return Edit(
        name=role.name,
        description=role.description,
        priority=role.priority,
        parent=role.parent,
        permissions=roles.own.get(role.pk, frozenset()),
        requires_factor=role.requires_factor,
    )


def edited(roles: RoleMap, role_id: int, wanted: Edit, demands: Collection[int]) -> RoleMap:
    """The map as it would be after the edit; `demands` are the roles that ask for a second factor themselves."""
    own = wanted.permissions if role_id != roles.admin_id else frozenset(roles.known)
    after = replace(
        roles,
        version=None,
        own={**roles.own, role_id: own},
        parents={**roles.parents, role_id: wanted.parent.pk if wanted.parent else None},
        priorities={**roles.priorities, role_id: wanted.priority},
    )
    asking = {*demands, role_id} if wanted.requires_factor else {*demands} - {role_id}
    touched = {role_id} | after.descendants(role_id)
    granted = {each: frozenset().union(*(after.own.get(up, ()) for up in after.lineage(each))) for each in touched}
    demanding = {each for each in touched if asking.intersection(after.lineage(each))}
    return replace(after, granted={**roles.granted, **granted}, demanding=(roles.demanding - touched) | demanding)


def check_role(*, actor: User | None, role: Role | None, wanted: Edit, roles: RoleMap) -> None:
    """Refuse to make a role like `wanted`, or to make `role` so, where that goes beyond `actor` or makes no sense."""
    if wanted.permissions - roles.known.keys():
        raise ValidationError({"permissions": _("One of these permissions does not exist.")})
    _refuse(role_refusal(actor, max(wanted.priority, role.priority if role else 0)))
    held = roles.permissions(role.pk) if role else frozenset()
    own = roles.own.get(role.pk, frozenset()) if role else frozenset()
    will_hold = wanted.permissions | (roles.permissions(wanted.parent.pk) if wanted.parent else frozenset())
    # What was only inherited would, as its own, outlast what it was inherited from.
    _refuse(lacking_refusal(actor, (will_hold - held) | (wanted.permissions - own)))
    if role is not None:
        demanding = wanted.requires_factor or (wanted.parent is not None and wanted.parent.pk in roles.demanding)
        if held != will_hold or (role.pk in roles.demanding) != demanding:
            _refuse(descendants_refusal(actor, role, roles))
        # Only what is granted is asked about, so it does not matter who demands a factor.
        _refuse(loss_refusal(actor, roles, edited(roles, role.pk, wanted, ())))
        if role.is_system:
            _check_core(role, wanted, roles)
    if role is None or role.name != wanted.name:
        _check_name(wanted.name, role=role)
    _check_parent(wanted.parent, priority=wanted.priority, role=role, roles=roles)


def _refuse(refusal: str | None) -> None:
    if refusal:
        raise PermissionDenied(refusal)


def _check_name(name: str, *, role: Role | None) -> None:
    key = normalised(name)
    limit = Role._meta.get_field("name_key").max_length or 0
    # Folding can lengthen a name: one letter ß becomes two.
    if len(key) > limit:
        raise ValidationError({"name": _("Use %(limit)s characters at most.") % {"limit": limit}})
    roles = Role.objects.exclude(pk=role.pk) if role is not None else Role.objects.all()
    others = dict(roles.values_list("name_key", "name"))
    if key in others:
        raise ValidationError({"name": _("There is a role of this name already.")})
    # Groups have unique names too, and one that belongs to no role may bring permissions along.
    groups = Group.objects.exclude(pk=role.group_id) if role is not None else Group.objects.all()
    if key in map(normalised, groups.values_list("name", flat=True)):
        raise ValidationError({"name": _("There is a group of this name already.")})
    try:
        refuse_alike(name, others.values())
    except ValidationError as error:
        raise ValidationError({"name": error}) from error


def _check_parent(parent: Role | None, *, priority: int, role: Role | None, roles: RoleMap) -> None:
    if parent is not None and parent.priority > priority:
        raise ValidationError({"parent": _("A role inherits only from one of the same or a lower priority.")})
    if role is None:
        return
    below = roles.descendants(role.pk)
    if parent is not None and (parent.pk == role.pk or parent.pk in below):
        raise ValidationError({"parent": _("A role cannot inherit from itself.")})
    if any(roles.priorities[child] < priority for child in below):
        raise ValidationError({"priority": _("A role that inherits from it has a lower priority than this.")})


def _check_core(role: Role, wanted: Edit, roles: RoleMap) -> None:
    if (wanted.name, wanted.priority, wanted.parent) != (role.name, role.priority, role.parent):
        raise ValidationError(_("Name, priority and parent of a system role stay as they are."))
    if BY_KEY[role.system_key or ""].core(roles.known) - wanted.permissions:
        raise ValidationError({"permissions": _("What a system role begins with cannot be taken from it.")})
