"""Giving roles to people and taking them away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import IdentityProvider, User
from rbac.backend import forget
from rbac.models import Assignment, Role
from rbac.rules import grant_refusal, is_last_admin, last_admin_sentence
from rbac.system_roles import ADMIN, DEFAULT
from settings_store import audit


@transaction.atomic
def assign_role(
    *,
    actor: User | None,
    user: User,
    role: Role,
    reason: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    provider: IdentityProvider | None = None,
) -> Assignment:
    """Give `role` to `user`, from and until when; held already, it gets these dates and this reason.

    With `provider` it was that one's claims that gave it, and may take it again; given by hand, it stays.
    """
    _lock(role)
    if refusal := grant_refusal(actor, user, role):
        raise PermissionDenied(refusal)
    begins_at = max(starts_at or timezone.now(), timezone.now())
    if ends_at is not None and ends_at <= begins_at:
        raise ValidationError({"ends_at": _("The end must lie in the future and after the beginning.")})
    assignment = Assignment.objects.filter(user=user, role=role).first()
    before = _facts(assignment)
    wanted = {
        "is_active": True,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "reason": reason,
        "provider": provider,
    }
    if assignment is not None and all(getattr(assignment, name) == value for name, value in wanted.items()):
        return assignment
    if (ends_at is not None or starts_at is not None) and role.name_key == ADMIN and is_last_admin(user):
        raise ValidationError(last_admin_sentence(user))
    facts = {**wanted, "assigned_by": actor, "assigned_at": timezone.now()}
    if assignment is None:
        assignment = Assignment.objects.create(user=user, role=role, **facts)
    else:
        for name, value in facts.items():
            setattr(assignment, name, value)
        assignment.save(update_fields=list(facts))
    forget(user)
    audit.record("role.assigned", actor=actor, target=user, before=before, after=_facts(assignment), reason=reason)
    return assignment


@transaction.atomic
def revoke_role(*, actor: User | None, user: User, role: Role, reason: str = "") -> None:
    """Take `role` from `user`; counts at the next request."""
    _lock(role)
    assignment = Assignment.objects.filter(user=user, role=role, is_active=True).first()
    if assignment is None:
        return
    if refusal := grant_refusal(actor, user, role):
        raise PermissionDenied(refusal)
    if role.name_key == ADMIN and is_last_admin(user):
        raise ValidationError(last_admin_sentence(user))
    before = _facts(assignment)
    assignment.is_active = False
    assignment.save(update_fields=["is_active"])
    forget(user)
    audit.record("role.revoked", actor=actor, target=user, before=before, reason=reason)


def give_default_role(*, user: User, actor: User | None = None, has_rights: bool = False, **kwargs: Any) -> None:
    """Make every newly registered person a user of the house; heard from accounts.

    An invitation names its own role, and so may a line of a file (`has_rights`).
    """
    if user.joined_by == User.JoinedBy.INVITED or has_rights:
        return
    role = Role.objects.filter(name_key=DEFAULT).first()
    if role is not None:
        assign_role(actor=None, user=user, role=role)


def lock_all_roles() -> None:
    """Hold all roles, in the order in which everybody takes them who needs more than one."""
    list(Role.objects.select_for_update().order_by("pk").values_list("pk"))


def _lock(role: Role) -> None:
    """Hold the role: acts upon who has it wait for each other, so two admins cannot take each other's role at once."""
    Role.objects.select_for_update().filter(pk=role.pk).values_list("pk").first()


def _facts(assignment: Assignment | None) -> dict[str, Any] | None:
    if assignment is None or not assignment.is_active:
        return None
    return {
        "role": assignment.role.name,
        "from": assignment.starts_at.isoformat() if assignment.starts_at else None,
        "until": assignment.ends_at.isoformat() if assignment.ends_at else None,
    }
