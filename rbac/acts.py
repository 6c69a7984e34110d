"""The acts upon many people that concern their roles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from rbac import actions
from rbac.forms import AssignmentForm, LineField, RoleChoice, assignable_by
from rbac.models import Assignment, Role
from ui.registry import UserAct


class TakeRoleForm(forms.Form):
    role = RoleChoice(Role.objects.none(), label=gettext_lazy("Role"), empty_label=gettext_lazy("Choose a role"))
    reason = LineField(label=gettext_lazy("Reason"), max_length=300, required=False)

    def __init__(self, data: Any = None, *, actor: User) -> None:
        super().__init__(data)
        self.fields["role"].queryset = assignable_by(actor)  # type: ignore[attr-defined]  # see RoleForm


def assign(
    actor: User, person: User, *, role: Role, reason: str, starts_at: datetime | None, ends_at: datetime | None
) -> None:
    actions.assign_role(actor=actor, user=person, role=role, reason=reason, starts_at=starts_at, ends_at=ends_at)


def take(actor: User, person: User, *, role: Role, reason: str) -> None:
    if not Assignment.objects.filter(user=person, role=role, is_active=True).exists():
        raise ValidationError(_("They do not hold this role."), code="refused")
    actions.revoke_role(actor=actor, user=person, role=role, reason=reason)


# Any role may be one that gives power over others, so both ask for the password.
ACTS = (
    UserAct(
        "assign-role",
        gettext_lazy("Assign a role"),
        "users.write",
        assign,
        form=AssignmentForm,
        step_up=True,
        warning=gettext_lazy("Whoever holds the role already gets this reason and these dates."),
        order=70,
    ),
    UserAct(
        "take-role",
        gettext_lazy("Take a role away"),
        "users.write",
        take,
        form=TakeRoleForm,
        step_up=True,
        is_danger=True,
        order=80,
    ),
)
