"""The roles of one person: the tab on their page, and giving, changing, pausing and ending one of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest, visible_person
from accounts.models import User
from rbac import actions
from rbac.actions.assignment import EndedAssignment, StaleAssignment, edition, ending_refusal
from rbac.forms.assignment import AssignmentEditForm, AssignmentForm, ReasonForm
from rbac.models import Assignment, AssignmentQuerySet, Role
from rbac.role_map import current_role_map
from rbac.rules import assignable_by, grant_refusal, person_refusal, weighs
from ui.forms import ask_step_up_first, form_status, posted, require_page_methods, sentence_of, uuid_of
from ui.guard import ask_step_up, requires, stepped_up
from ui.keyset import paginate

EARLIER_PER_PAGE = 20


@requires("users.read")
@require_safe
def user_roles(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    """What somebody holds and will hold, and below it what they once held."""
    person = visible_person(request, user_id)
    now = timezone.now()
    may_write = request.user.has_perm("users.write")
    reachable = set(assignable_by(request.user).values_list("pk", flat=True)) if may_write else set()
    touchable = may_write and person_refusal(request.user, person) is None
    held = Assignment.objects.lasting().filter(user=person).select_related("role", "assigned_by", "provider")
    earlier = earlier_of(Assignment.objects.filter(user=person))
    context = {
        "person": person,
        "assignments": [
            {"row": row, "state": row.state(now), "may_change": touchable and row.role_id in reachable}
            for row in held.order_by("-role__priority", "role__name_key")
        ],
        "may_assign": touchable and bool(reachable),
        "page": paginate(earlier, request, order=EARLIER, default="ended", per_page=EARLIER_PER_PAGE),
    }
    return render(request, "rbac/user_roles.html", context)


# The order of what is history: what ended last stands first.
EARLIER = {"ended": ("-over_at",)}


def earlier_of(assignments: AssignmentQuerySet) -> AssignmentQuerySet:
    """Those that are history, with everybody whom a page names beside them."""
    return assignments.over().select_related("user", "role", "assigned_by", "provider", "ended_by")


@requires("users.write", in_person=True)
@require_page_methods
def role_assign(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    if refusal_in_words := person_refusal(request.user, person):
        raise PermissionDenied(refusal_in_words)
    form = AssignmentForm(posted(request), actor=request.user, initial={"role": _wanted(request)})
    if form.is_valid():
        role = form.cleaned_data["role"]
        if weighs(role.pk, current_role_map()) and not stepped_up(request):
            ask_step_up_first(request, form)
        elif Assignment.objects.lasting().filter(user=person, role=role).exists():
            form.add_error("role", _("%(person)s holds this role already: edit it there.") % {"person": person})
        else:
            try:
                actions.assign_role(actor=request.user, user=person, **form.cleaned_data)
            except (PermissionDenied, ValidationError) as refusal:
                form.add_error(None, sentence_of(refusal))
            else:
                messages.success(request, _("%(person)s now holds %(role)s") % {"person": person, "role": role})
                return redirect("rbac:user_roles", person.public_id)
    context = {"person": person, "form": form}
    return render(request, "rbac/role_assign.html", context, status=form_status(form))


@requires("users.write", in_person=True)
@require_page_methods
def assignment_edit(request: HtmxHttpRequest, user_id: UUID, role_id: UUID) -> HttpResponse:
    """Reason, dates and whether it counts; what somebody else did meanwhile is shown beside what was typed."""
    person, role = _asked(request, user_id, role_id)
    is_confirmed = stepped_up(request) or not weighs(role.pk, current_role_map())
    if request.method != "POST" and not is_confirmed:
        return ask_step_up(request)
    row = _lasting(person, role)
    if row is None:
        return _ended_page(request, person, role)
    form = AssignmentEditForm(posted(request), assignment=row)
    stale = None
    if form.is_valid() and not is_confirmed:
        ask_step_up_first(request, form)
    elif form.is_valid():
        changes = dict(form.cleaned_data)
        seen = changes.pop("seen")
        try:
            actions.change_assignment(actor=request.user, assignment=row, seen=seen, **changes)
        except StaleAssignment as late:
            stale, sent = late.row, request.POST.copy()
            # Whoever saves once more has seen it as it is now.
            sent["seen"] = edition(stale)
            form = AssignmentEditForm(sent, assignment=stale)
        except EndedAssignment:
            return _ended_page(request, person, role)
        except (PermissionDenied, ValidationError) as refusal:
            form.add_error(None, refusal if isinstance(refusal, ValidationError) else sentence_of(refusal))
        else:
            messages.success(request, _("%(role)s of %(person)s saved") % {"person": person, "role": role})
            return redirect(_back(request, person, role))
    context = {
        **_shown(request, person, role),
        "assignment": stale or row,
        "state": (stale or row).state(timezone.now()),
        "form": form,
        "stale": stale,
    }
    return render(request, "rbac/assignment_edit.html", context, status=409 if stale else form_status(form))


@requires("users.write", in_person=True)
@require_POST
def assignment_pause(request: HtmxHttpRequest, user_id: UUID, role_id: UUID) -> HttpResponse:
    return _switch(request, user_id, role_id, is_active=False)


@requires("users.write", in_person=True)
@require_POST
def assignment_resume(request: HtmxHttpRequest, user_id: UUID, role_id: UUID) -> HttpResponse:
    return _switch(request, user_id, role_id, is_active=True)


@requires("users.write", in_person=True)
@require_page_methods
def role_revoke(request: HtmxHttpRequest, user_id: UUID, role_id: UUID) -> HttpResponse:
    person, role = _asked(request, user_id, role_id)
    if weighs(role.pk, current_role_map()) and not stepped_up(request):
        return ask_step_up(request)
    assignment = _lasting(person, role)
    if assignment is None:
        return _ended(request, person, role)
    form = ReasonForm(posted(request))
    error = ending_refusal(user=person, role=role) or ""
    is_possible = not error
    if is_possible and form.is_valid():
        try:
            actions.revoke_role(actor=request.user, user=person, role=role, **form.cleaned_data)
        except (PermissionDenied, ValidationError) as refusal:
            error = sentence_of(refusal)
        else:
            messages.success(request, _("%(person)s no longer holds %(role)s") % {"person": person, "role": role})
            return redirect(_back(request, person, role))
    context = {**_shown(request, person, role), "assignment": assignment, "form": form, "error": error}
    status = 409 if error and request.method == "POST" else form_status(form)
    return render(request, "rbac/role_revoke.html", context | {"is_possible": is_possible}, status=status)


def _switch(request: HtmxHttpRequest, user_id: UUID, role_id: UUID, *, is_active: bool) -> HttpResponse:
    person, role = _asked(request, user_id, role_id)
    if weighs(role.pk, current_role_map()) and not stepped_up(request):
        return ask_step_up(request)
    assignment = _lasting(person, role)
    if assignment is None:
        return _ended(request, person, role)
    try:
        actions.change_assignment(actor=request.user, assignment=assignment, is_active=is_active)
    except EndedAssignment:
        return _ended(request, person, role)
    except ValidationError as refusal:
        messages.error(request, sentence_of(refusal))
    else:
        words = _("%(role)s of %(person)s counts again") if is_active else _("%(role)s of %(person)s is paused")
        messages.success(request, words % {"person": person, "role": role})
    return redirect(_back(request, person, role))


def _asked(request: HtmxHttpRequest, user_id: UUID, role_id: UUID) -> tuple[User, Role]:
    """Person and role of the address, where the viewer may give and take this one there."""
    person = visible_person(request, user_id)
    role = get_object_or_404(Role, public_id=role_id)
    if not Assignment.objects.filter(user=person, role=role).exists():
        raise Http404
    if refusal_in_words := grant_refusal(request.user, person, role):
        raise PermissionDenied(refusal_in_words)
    return person, role


def _lasting(person: User, role: Role) -> Assignment | None:
    held = Assignment.objects.lasting().select_related("user", "role", "assigned_by", "provider")
    return held.filter(user=person, role=role).first()


def _ended(request: HtmxHttpRequest, person: User, role: Role) -> HttpResponse:
    """Back to where it was listed, with what happened to it."""
    messages.error(request, _("%(person)s no longer held %(role)s.") % {"person": person, "role": role})
    return redirect(_back(request, person, role))


def _ended_page(request: HtmxHttpRequest, person: User, role: Role) -> HttpResponse:
    """What was typed for one that is over by now, ready to give the role anew with it."""
    if request.method != "POST":
        return _ended(request, person, role)
    last = earlier_of(Assignment.objects.filter(user=person, role=role)).order_by("-pk").first()
    context = {**_shown(request, person, role), "last": last, "sent": request.POST}
    return render(request, "rbac/assignment_over.html", context, status=409)


def _shown(request: HtmxHttpRequest, person: User, role: Role) -> dict[str, Any]:
    return {"person": person, "role": role, "back": _back(request, person, role)}


def _back(request: HtmxHttpRequest, person: User, role: Role) -> str:
    """The list from which somebody came: the people of the role, or the roles of the person."""
    if request.GET.get("from") == "role" and request.user.has_perm("roles.read"):
        return reverse("rbac:role_people", args=[role.public_id])
    return reverse("rbac:user_roles", args=[person.public_id])


def _wanted(request: HtmxHttpRequest) -> int | None:
    """The role that the address names, for the form to begin with."""
    wanted = uuid_of(request.GET.get("role", ""))
    return Role.objects.filter(public_id=wanted).values_list("pk", flat=True).first() if wanted else None
