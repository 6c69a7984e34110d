"""Making, copying and editing roles: one form with a matrix, and a look at whom it reaches before it is saved."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.http import HtmxHttpRequest
from rbac import actions
from rbac.forms.role import RoleForm
from rbac.models import Role
from rbac.role_map import RoleMap, current_role_map
from rbac.roles.affected import Affected, affected, reach
from rbac.roles.copying import Copy, copy_of
from rbac.roles.edit import Edit, check_role, saved
from rbac.roles.matrix import matrix
from rbac.rules import POWERS, role_refusal, weighs
from rbac.views.role import role_of
from ui.forms import ask_step_up_first, form_status, posted, require_page_methods, sentence_of
from ui.guard import requires, stepped_up

# Buttons that show the form again as it was filled in: with what another parent brings, or back from the review.
SHOWN = {"show", "back"}


@requires("roles.write", in_person=True)
@require_page_methods
def role_create(request: HtmxHttpRequest) -> HttpResponse:
    return _make(request)


@requires("roles.write", also="roles.read", in_person=True)
@require_page_methods
def role_clone(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    source = role_of(role_id)
    return _make(request, source=source, copy=copy_of(source, request.user))


@requires("roles.write", in_person=True)
@require_page_methods
def role_edit(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    """Saves at once what reaches nobody; else shows first whom it reaches, and saves what was seen."""
    role = _within_reach(request, role_id)
    if SHOWN & request.POST.keys():
        return _form(request, RoleForm.typed(request.POST, actor=request.user, role=role), role)
    form = RoleForm(posted(request), actor=request.user, role=role)
    if not form.is_valid():
        return _form(request, form, role)
    roles, wanted = current_role_map(), form.edit()
    if wanted == saved(role, roles):
        messages.info(request, _("Nothing changed: this is how it is saved already."))
        return redirect("rbac:role_detail", role.public_id)
    if form.cleaned_data["version"] != role.version:
        return _stale(request, role, wanted)
    try:
        check_role(actor=request.user, role=role, wanted=wanted, roles=roles)
        outcome = affected(viewer=request.user, role=role, wanted=wanted, before=roles)
        if _asks_proof(wanted, roles, role, outcome) and not stepped_up(request):
            ask_step_up_first(request, form)
            return _form(request, form, role)
        if outcome.changed and request.POST.get("reviewed") != outcome.print:
            return _review(request, form, role, outcome)
        actions.update_role(actor=request.user, role=role, version=form.cleaned_data["version"], **wanted.fields())
    except (PermissionDenied, ValidationError) as refusal:
        if getattr(refusal, "code", "") == "stale":
            return _stale(request, role_of(role_id), wanted)
        _show(form, refusal)
        return _form(request, form, role)
    messages.success(request, _("%(role)s saved") % {"role": wanted.name})
    return redirect("rbac:role_detail", role.public_id)


@requires("roles.write")
@require_POST
def role_affected(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    """The line above the button of the form, for what is ticked at this moment."""
    role = _within_reach(request, role_id)
    form = RoleForm(request.POST, actor=request.user, role=role)
    context: dict[str, Any] = {"role": role}
    if not form.is_valid():
        context["problem"] = next(iter(form.errors.values()))[0]
    elif form.cleaned_data["version"] != role.version:
        context["problem"] = _("Somebody has changed this role since you opened it.")
    else:
        roles, wanted = current_role_map(), form.edit()
        try:
            check_role(actor=request.user, role=role, wanted=wanted, roles=roles)
        except (PermissionDenied, ValidationError) as refusal:
            context["problem"] = sentence_of(refusal)
        else:
            context["outcome"] = affected(viewer=request.user, role=role, wanted=wanted, before=roles)
            context["is_same"] = wanted == saved(role, roles)
    return render(request, "rbac/role_edit.html#affected", context)


def _make(request: HtmxHttpRequest, *, source: Role | None = None, copy: Copy | None = None) -> HttpResponse:
    initial = copy.initial if copy else None
    if SHOWN & request.POST.keys():
        form = RoleForm.typed(request.POST, actor=request.user)
    else:
        form = RoleForm(posted(request), actor=request.user, initial=initial)
    if form.is_valid():
        wanted = form.edit()
        if _gives_power(wanted, current_role_map()) and not stepped_up(request):
            ask_step_up_first(request, form)
        else:
            try:
                role = actions.create_role(actor=request.user, **wanted.fields())
            except (PermissionDenied, ValidationError) as refusal:
                _show(form, refusal)
            else:
                messages.success(request, _("%(role)s created") % {"role": role})
                return redirect("rbac:role_detail", role.public_id)
    context = {"form": form, "source": source, "copy": copy, "groups": _groups(request, form, None)}
    return render(request, "rbac/role_create.html", context, status=form_status(form))


def _within_reach(request: HtmxHttpRequest, role_id: UUID) -> Role:
    role = role_of(role_id)
    if refusal_in_words := role_refusal(request.user, role.priority):
        raise PermissionDenied(refusal_in_words)
    return role


def _form(
    request: HtmxHttpRequest, form: RoleForm, role: Role, *, status: int | None = None, **state: Any
) -> HttpResponse:
    context = {
        "role": role,
        "form": form,
        "groups": _groups(request, form, role),
        "holders": reach(role),
        **state,
    }
    return render(request, "rbac/role_edit.html", context, status=status or form_status(form))


def _groups(request: HtmxHttpRequest, form: RoleForm, role: Role | None) -> object:
    return matrix(role, form.chosen_parent, chosen=form.chosen, actor=request.user)


def _review(request: HtmxHttpRequest, form: RoleForm, role: Role, outcome: Affected) -> HttpResponse:
    """Everything that was sent once more, with whom it reaches; agreed to is only what stands there."""
    carried = [(name, value) for name, values in request.POST.lists() if name in form.fields for value in values]
    context = {
        "role": role,
        "outcome": outcome,
        "carried": carried,
        "facts": _differences(saved(role, current_role_map()), form.edit()),
        "moved": "reviewed" in request.POST,
    }
    return render(request, "rbac/role_review.html", context)


def _stale(request: HtmxHttpRequest, role: Role, mine: Edit) -> HttpResponse:
    """What is saved by now beside what was sent; sent once more, the form says that it was seen."""
    sent = request.POST.copy()
    sent["version"] = str(role.version)
    theirs = saved(role, current_role_map())
    known = current_role_map().known
    conflict = {
        "facts": _differences(theirs, mine),
        "theirs": [each for name, each in known.items() if name in theirs.permissions - mine.permissions],
        "mine": [each for name, each in known.items() if name in mine.permissions - theirs.permissions],
    }
    form = RoleForm(sent, actor=request.user, role=role)
    return _form(request, form, role, status=409, conflict=conflict)


def _differences(before: Edit, after: Edit) -> list[tuple[str, str, str]]:
    """The facts beside the permissions that differ, as label, one value and the other."""
    labels = {
        "name": _("Name"),
        "description": _("Description"),
        "priority": _("Priority"),
        "parent": _("Inherits from"),
        "requires_factor": _("Asks for a second factor"),
    }
    return [
        (label, _in_words(getattr(before, name)), _in_words(getattr(after, name)))
        for name, label in labels.items()
        if getattr(before, name) != getattr(after, name)
    ]


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value) if value else "–"


def _asks_proof(wanted: Edit, roles: RoleMap, role: Role, outcome: Affected) -> bool:
    """Whether this asks for the password: it gives power, by what the role grants or by its rank, or takes a guard."""
    if _gives_power(wanted, roles, role) or _asks_less(wanted, roles, role):
        return True
    overtakes = outcome.passed is not None and outcome.passed.is_rise and outcome.passed.count > 0
    return wanted.priority != role.priority and (overtakes or weighs(role.pk, roles))


def _gives_power(wanted: Edit, roles: RoleMap, role: Role | None = None) -> bool:
    """Whether the role would come to hold one of the powers, of its own or by its parent."""
    will_hold = wanted.permissions | (roles.permissions(wanted.parent.pk) if wanted.parent else frozenset())
    return bool(POWERS & (will_hold - (roles.permissions(role.pk) if role else frozenset())))


def _asks_less(wanted: Edit, roles: RoleMap, role: Role) -> bool:
    """Whether the role would no longer ask for a second factor, of its own or by its parent."""
    will = wanted.requires_factor or (wanted.parent is not None and wanted.parent.pk in roles.demanding)
    return role.pk in roles.demanding and not will


def _show(form: RoleForm, refusal: PermissionDenied | ValidationError) -> None:
    form.add_error(None, refusal if isinstance(refusal, ValidationError) else sentence_of(refusal))
