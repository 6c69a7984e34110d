"""The acts upon many people that concern their roles, offered on /users/ and on the page of a role."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from accounts.models import User
from rbac import actions
from rbac.actions.assignment import EndedAssignment, Terms
from rbac.forms.assignment import AssignmentForm, EndRoleForm, HeldRoleForm, RoleUntilForm
from rbac.models import Assignment, Role
from ui.registry import UserAct

NOT_HELD = gettext_lazy("They do not hold this role.")


def assign(
    actor: User, person: User, *, role: Role, reason: str, starts_at: datetime | None, ends_at: datetime | None
) -> None:
    actions.assign_role(actor=actor, user=person, role=role, reason=reason, starts_at=starts_at, ends_at=ends_at)


def end(actor: User, person: User, *, role: Role, reason: str) -> None:
    _held(person, role)
    actions.revoke_role(actor=actor, user=person, role=role, reason=reason)


def set_end(actor: User, person: User, *, role: Role, ends_at: datetime | None) -> None:
    _change(actor, person, role, ends_at=ends_at)


def pause(actor: User, person: User, *, role: Role) -> None:
    _change(actor, person, role, is_active=False)


def resume(actor: User, person: User, *, role: Role) -> None:
    _change(actor, person, role, is_active=True)


def _change(actor: User, person: User, role: Role, **terms: Unpack[Terms]) -> None:
    try:
        actions.change_assignment(actor=actor, assignment=_held(person, role), **terms)
    except EndedAssignment as ended:
        raise ValidationError(NOT_HELD, code="refused") from ended


def _held(person: User, role: Role) -> Assignment:
    held = Assignment.objects.lasting().filter(user=person, role=role).select_related("user", "role").first()
    if held is None:
        raise ValidationError(NOT_HELD, code="refused")
    return held


# Any role may be one that gives power over others, so all ask for the password.
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
        "date-role",
        gettext_lazy("Set the end of a role"),
        "users.write",
        set_end,
        form=RoleUntilForm,
        step_up=True,
        warning=gettext_lazy("The role ends by itself at this moment. Reason and beginning stay."),
        order=72,
    ),
    UserAct(
        "pause-role",
        gettext_lazy("Pause a role"),
        "users.write",
        pause,
        form=HeldRoleForm,
        step_up=True,
        warning=gettext_lazy("Paused, it gives nothing from their next page on, until somebody resumes it."),
        order=74,
    ),
    UserAct(
        "resume-role",
        gettext_lazy("Resume a role"),
        "users.write",
        resume,
        form=HeldRoleForm,
        step_up=True,
        warning=gettext_lazy("What was paused counts again from their next page on."),
        order=76,
    ),
    UserAct(
        "end-role",
        gettext_lazy("End a role"),
        "users.write",
        end,
        form=EndRoleForm,
        step_up=True,
        is_danger=True,
        order=80,
    ),
)

# Those that make sense where one role is looked at, with its holders ticked.
OF_ONE_ROLE = frozenset({"date-role", "pause-role", "resume-role", "end-role"})
