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
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import HtmxHttpRequest
from accounts.models import User
from rbac import actions
from rbac.forms import AssignmentForm, ReasonForm, assignable_by
from rbac.models import Assignment, Role
from rbac.role_map import current_role_map
from rbac.rules import POWERS, grant_refusal, person_refusal
from rbac.views.role import sentence_of
from ui.guard import ask_step_up, requires, stepped_up


@requires("users.read")
@require_safe
def user_roles(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    person = _person(request, public_id)
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
@require_http_methods(["GET", "HEAD", "POST"])
def role_assign(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    person = _person(request, public_id)
    if refusal_in_words := person_refusal(request.user, person):
        raise PermissionDenied(refusal_in_words)
    form = AssignmentForm(request.POST if request.method == "POST" else None, actor=request.user)
    if request.method == "POST" and form.is_valid():
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
    return render(request, "rbac/role_assign.html", context, status=422 if form.errors else 200)


@requires("users.write")
@require_http_methods(["GET", "HEAD", "POST"])
def role_revoke(request: HtmxHttpRequest, public_id: UUID, pk: int) -> HttpResponse:
    person = _person(request, public_id)
    assignment = get_object_or_404(Assignment.objects.select_related("role"), user=person, role_id=pk, is_active=True)
    role = assignment.role
    if refusal_in_words := grant_refusal(request.user, person, role):
        raise PermissionDenied(refusal_in_words)
    if _is_power(role) and not stepped_up(request):
        return ask_step_up(request)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    error, status = "", 200
    if request.method == "POST" and form.is_valid():
        try:
            actions.revoke_role(actor=request.user, user=person, role=role, **form.cleaned_data)
        except (PermissionDenied, ValidationError) as refusal:
            error, status = sentence_of(refusal), 409
        else:
            messages.success(request, _("%(person)s no longer holds %(role)s") % {"person": person, "role": role})
            return redirect("rbac:user_roles", person.public_id)
    elif form.errors:
        status = 422
    context = {"person": person, "assignment": assignment, "role": role, "form": form, "error": error}
    return render(request, "rbac/role_revoke.html", context, status=status)


def _person(request: HtmxHttpRequest, public_id: UUID) -> User:
    person: User = get_object_or_404(User.objects.visible_to(request.user), public_id=public_id)
    return person


def _is_power(role: Role) -> bool:
    return bool(POWERS & current_role_map().permissions(role.pk))


def _state(assignment: Assignment, now: datetime) -> str:
    if assignment.ends_at is not None and assignment.ends_at <= now:
        return "expired"
    if assignment.starts_at is not None and assignment.starts_at > now:
        return "later"
    return "counting"
