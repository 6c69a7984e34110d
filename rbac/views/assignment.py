"""The roles of one person: the tab on their page, giving a role and taking one away."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.http import HtmxHttpRequest, visible_person
from rbac import actions
from rbac.forms import AssignmentForm, ReasonForm, assignable_by
from rbac.models import Assignment, Role
from rbac.role_map import current_role_map
from rbac.rules import POWERS, grant_refusal, person_refusal
from rbac.views.role import sentence_of
from ui.forms import form_status, posted, require_page_methods
from ui.guard import ask_step_up, requires, stepped_up


@requires("users.read")
@require_safe
def user_roles(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    now = timezone.now()
    assignments = list(
        Assignment.objects.filter(user=person, is_active=True)
        .select_related("role", "assigned_by")
        .order_by("-role__priority", "role__name_key")
    )
    may_write = request.user.has_perm("users.write")
    reachable = set(assignable_by(request.user).values_list("pk", flat=True)) if may_write else set()
    touchable = may_write and person_refusal(request.user, person) is None
    context = {
        "person": person,
        "assignments": [
            {
                "row": row,
                "state": _state(row, now),
                "may_revoke": touchable and row.role_id in reachable,
            }
            for row in assignments
        ],
        "may_assign": touchable and bool(reachable),
    }
    return render(request, "rbac/user_roles.html", context)


@requires("users.write")
@require_page_methods
def role_assign(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    if refusal_in_words := person_refusal(request.user, person):
        raise PermissionDenied(refusal_in_words)
    form = AssignmentForm(posted(request), actor=request.user)
    if form.is_valid():
        role = form.cleaned_data["role"]
        if _is_power(role) and not stepped_up(request):
            return ask_step_up(request)
        try:
            actions.assign_role(actor=request.user, user=person, **form.cleaned_data)
        except (PermissionDenied, ValidationError) as refusal:
            form.add_error(None, sentence_of(refusal))
        else:
            messages.success(request, _("%(person)s now holds %(role)s") % {"person": person, "role": role})
            return redirect("rbac:user_roles", person.public_id)
    context = {"person": person, "form": form}
    return render(request, "rbac/role_assign.html", context, status=form_status(form))


@requires("users.write")
@require_page_methods
def role_revoke(request: HtmxHttpRequest, user_id: UUID, role_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    assignment = get_object_or_404(
        Assignment.objects.select_related("role"), user=person, role__public_id=role_id, is_active=True
    )
    role = assignment.role
    if refusal_in_words := grant_refusal(request.user, person, role):
        raise PermissionDenied(refusal_in_words)
    if _is_power(role) and not stepped_up(request):
        return ask_step_up(request)
    form = ReasonForm(posted(request))
    error = ""
    if form.is_valid():
        try:
            actions.revoke_role(actor=request.user, user=person, role=role, **form.cleaned_data)
        except (PermissionDenied, ValidationError) as refusal:
            error = sentence_of(refusal)
        else:
            messages.success(request, _("%(person)s no longer holds %(role)s") % {"person": person, "role": role})
            return redirect("rbac:user_roles", person.public_id)
    context = {"person": person, "assignment": assignment, "role": role, "form": form, "error": error}
    return render(request, "rbac/role_revoke.html", context, status=409 if error else form_status(form))


def _is_power(role: Role) -> bool:
    return bool(POWERS & current_role_map().permissions(role.pk))


def _state(assignment: Assignment, now: datetime) -> str:
    if assignment.ends_at is not None and assignment.ends_at <= now:
        return "expired"
    if assignment.starts_at is not None and assignment.starts_at > now:
        return "later"
    return "counting"
