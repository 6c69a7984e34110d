"""Declaring permissions of other programs, and taking them away again."""

from __future__ import annotations

from dataclasses import replace

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from rbac.models import Assignment, CustomPermission, Role, RoleQuerySet
from rbac.permission_names import clean_permission_name, is_taken
from rbac.role_map import RoleMap, changing_roles, current_role_map
from rbac.roles.losses import loss_refusal
from rbac.rules import outranked, reach_in_words, right_refusal
from rbac.system_roles import ADMIN
from settings_store import audit

# Every process keeps all of them in memory, and admins hold each.
MOST = 500


@transaction.atomic
def declare_permission(
    *, actor: User | None, name: str, label: str, program: str = "", again: bool = False
) -> tuple[CustomPermission, bool]:
    """Make `name` ("document:create") a permission that roles can hold; the answer says whether it is new.

    With `again`, one that is declared already gets this label and program; without, it is a ValidationError.
    """
    name = clean_permission_name(name)
    held = CustomPermission.objects.filter(name=name).first() if again else None
    # Said once more by a program that starts: nothing changes, and no process has to read its roles again.
    if held is not None and (held.label, held.program) == (label, program):
        return held, False
    with changing_roles():
        _refuse(right_refusal(actor, "permissions.write"))
        found = CustomPermission.objects.filter(name=name).first()
        if found is None:
            found = _declared(actor, name, label, program)
            before, is_new = None, True
        elif again:
            before, is_new = _facts(found), False
            _change(actor, found, label, program)
        else:
            raise ValidationError({"name": _("There is a permission of this name already.")}, code="declared")
        after = _facts(found)
    if before is None:
        audit.record("permission.declared", actor=actor, target=found, after=after)
    elif before != after:
        audit.record("permission.changed", actor=actor, target=found, **audit.changes(before, after))
    return found, is_new


@transaction.atomic
def change_permission(
    *, actor: User | None, permission: CustomPermission, label: str, program: str
) -> CustomPermission:
    """Say otherwise what it allows, or whose it is; its name stays, for programs ask by it."""
    with changing_roles():
        _refuse(right_refusal(actor, "permissions.write"))
        found = CustomPermission.objects.filter(pk=permission.pk).first()
        if found is None:
            raise ValidationError(_("Somebody has deleted this permission since you opened it."), code="deleted")
        before = _facts(found)
        _change(actor, found, label, program)
        after = _facts(found)
    if before != after:
        audit.record("permission.changed", actor=actor, target=found, **audit.changes(before, after))
    return found


@transaction.atomic
def delete_permission(*, actor: User | None, permission: CustomPermission, roles: int | None = None) -> None:
    """Delete it and take it from every role that holds it; nobody has it from their next request on.

    With `roles`, the number of roles its actor was told of, a ValidationError of the code "held" where it is another.
    """
    with changing_roles():
        _refuse(right_refusal(actor, "permissions.write"))
        found = CustomPermission.objects.filter(pk=permission.pk).first()
        if found is None:
            # Somebody else was quicker.
            return
        before, name, row = _facts(found), found.name, found.permission
        roles_now, holding = current_role_map(), list(holding_roles(found).order_by("pk"))
        _refuse(_beyond(actor, holding, roles_now))
        if not is_taken(name):
            _refuse(loss_refusal(actor, roles_now, _without(name, roles_now)))
        if roles is not None and roles != len(holding):
            raise ValidationError(held_sentence(len(holding)), code="held")
        # Forms that still offer it are of an older state.
        Role.objects.filter(pk__in=[role.pk for role in holding]).update(
            version=F("version") + 1, updated_at=timezone.now()
        )
        row.delete()
    event = audit.Entry("permission.deleted", actor=actor, before=before | {"roles": [role.name for role in holding]})
    # Each role's own history tells what it lost.
    lost = [
        audit.Entry(
            "role.updated",
            actor=actor,
            before={"permissions": sorted(roles_now.own[role.pk])},
            after={"permissions": sorted(roles_now.own[role.pk] - {name})},
        ).about(role)
        for role in holding
        if name in roles_now.own[role.pk]
    ]
    audit.record_many([event.about(permission), *lost])


def holding_roles(permission: CustomPermission) -> RoleQuerySet:
    """The roles that hold it of their own; not that of admins, who hold every permission there is."""
    return Role.objects.filter(group__permissions=permission.permission_id).exclude(system_key=ADMIN).by_rank()


def people_holding(permission: CustomPermission) -> int:
    """How many active people have it now by a role that holds or inherits it, admins aside."""
    if is_taken(permission.name):
        return 0
    roles = _reached(holding_roles(permission), current_role_map())
    held = Assignment.objects.counting().filter(role__in=roles, user__is_active=True)
    return held.values("user").distinct().count()


def held_sentence(number: int) -> str:
    return ngettext(
        "It is now held by %(count)d role. Nothing was deleted.",
        "It is now held by %(count)d roles. Nothing was deleted.",
        number,
    ) % {"count": number}


def _declared(actor: User | None, name: str, label: str, program: str) -> CustomPermission:
    if CustomPermission.objects.count() >= MOST:
        raise ValidationError(
            _("There are %(count)d permissions of other programs, and no more than that can be.") % {"count": MOST},
            code="most",
        )
    holder = ContentType.objects.get_for_model(CustomPermission)
    row = Permission.objects.create(content_type=holder, codename=name, name=label[:255])
    return CustomPermission.objects.create(permission=row, name=name, label=label, program=program, created_by=actor)


def _change(actor: User | None, permission: CustomPermission, label: str, program: str) -> None:
    if (permission.label, permission.program) == (label, program):
        return
    # By what it is said to allow people decide who holds it.
    _refuse(_beyond(actor, list(holding_roles(permission)), current_role_map()))
    permission.label, permission.program = label, program
    permission.save(update_fields=["label", "program"])
    Permission.objects.filter(pk=permission.permission_id).update(name=label[:255])


def _beyond(actor: User | None, holding: list[Role], roles: RoleMap) -> str | None:
    """Why `actor` may not touch what these roles hold: they, or some that inherit from them, stand above."""
    if any(outranked(actor, roles.priorities[role_id]) for role_id in _reached(holding, roles)) and actor is not None:
        return _("A role beyond your reach holds it, so it stays as it is. %(reach)s") % {
            "reach": reach_in_words(actor)
        }
    return None


def _without(name: str, roles: RoleMap) -> RoleMap:
    """The roles without this permission; admins hold what there is, and lose what there is no more."""
    granted = {
        role_id: names if role_id == roles.admin_id else names - {name} for role_id, names in roles.granted.items()
    }
    return replace(roles, version=None, granted=granted)


def _refuse(refusal: str | None) -> None:
    if refusal:
        raise PermissionDenied(refusal)


def _reached(holding: list[Role] | RoleQuerySet, roles: RoleMap) -> set[int]:
    found = {role.pk for role in holding}
    return found.union(*(roles.descendants(role_id) for role_id in found)) - {roles.admin_id}


def _facts(permission: CustomPermission) -> dict[str, str]:
    return {"name": str(permission), "label": permission.label, "program": permission.program}
