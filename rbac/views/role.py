"""Pages of roles: the list, one role with its matrix and its people, and the forms that change it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, OuterRef, Prefetch, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.http import HtmxHttpRequest
from accounts.models import User
from rbac import actions
from rbac.forms import RoleForm
from rbac.matrix import matrix
from rbac.models import Assignment, Role
from rbac.role_map import current_role_map
from rbac.rules import POWERS, role_refusal
from settings_store.trail.pages import history
from ui.forms import form_status, posted, require_page_methods
from ui.guard import ask_step_up, requires, stepped_up
from ui.keyset import paginate


@requires("roles.read")
@require_safe
def role_list(request: HtmxHttpRequest) -> HttpResponse:
    held = Assignment.objects.counting().filter(role=OuterRef("pk"), user__is_active=True)
    people = held.values("role").annotate(people=Count("pk")).values("people")
    roles = Role.objects.by_rank().select_related("parent").annotate(people=Coalesce(Subquery(people), 0))
    return render(request, "rbac/role_list.html", {"roles": roles, "demanding": current_role_map().demanding})


@requires("roles.read")
@require_safe
def role_detail(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    role = _role(role_id)
    return render(request, "rbac/role_detail.html", {"role": role, "groups": matrix(role), **_frame(request, role)})


@requires("roles.read")
@require_safe
def role_people(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    """Those who hold the role, as far as the reader may see people at all."""
    role = _role(role_id)
    held = Assignment.objects.unended().filter(role=role).select_related("assigned_by")
    people = User.objects.visible_to(request.user).filter(assignments__in=held)
    page = paginate(
        people.prefetch_related(Prefetch("assignments", queryset=held, to_attr="held")),
        request,
        order={"name": ("username_key",)},
        default="name",
    )
    context = {"role": role, "page": page, "now": timezone.now(), **_frame(request, role)}
    return render(request, "rbac/role_people.html", context)


@requires("audit.read", also="roles.read")
@require_safe
def role_history(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    """What the trail says about one role, for those who may see it."""
    role = _role(role_id)
    context = {
        "role": role,
        **history(request, "rbac.role", str(role.public_id)),
        **_frame(request, role),
    }
    return render(request, "rbac/role_history.html", context)


@requires("roles.write")
@require_page_methods
def role_create(request: HtmxHttpRequest) -> HttpResponse:
    form = RoleForm(posted(request), actor=request.user)
    if form.is_valid():
        if _gives_power(form) and not stepped_up(request):
            return ask_step_up(request)
        try:
            role = actions.create_role(actor=request.user, **form.cleaned_data)
        except (PermissionDenied, ValidationError) as refusal:
            _show(form, refusal)
        else:
            messages.success(request, _("%(role)s created") % {"role": role})
            return redirect("rbac:role_detail", role.public_id)
    context = {"form": form, "groups": matrix(None, chosen=_chosen(form))}
    return render(request, "rbac/role_create.html", context, status=form_status(form))


@requires("roles.write")
@require_page_methods
def role_edit(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    role = _role(role_id)
    if refusal_in_words := role_refusal(request.user, role.priority):
        raise PermissionDenied(refusal_in_words)
    form = RoleForm(posted(request), actor=request.user, role=role)
    if form.is_valid():
        if (_gives_power(form, role) or _asks_less(form, role)) and not stepped_up(request):
            return ask_step_up(request)
        try:
            role = actions.update_role(actor=request.user, role=role, **form.cleaned_data)
        except (PermissionDenied, ValidationError) as refusal:
            _show(form, refusal)
        else:
            messages.success(request, _("%(role)s saved") % {"role": role})
            return redirect("rbac:role_detail", role.public_id)
    affected = {role.pk} | current_role_map().descendants(role.pk)
    context = {
        "role": role,
        "form": form,
        "groups": matrix(role, chosen=_chosen(form)),
        "affected": Assignment.objects.counting().filter(role__in=affected).values("user").distinct().count(),
    }
    return render(request, "rbac/role_edit.html", context, status=form_status(form))


@requires("roles.delete")
@require_page_methods
def role_delete(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    role = _role(role_id)
    error = ""
    if request.method == "POST":
        try:
            actions.delete_role(actor=request.user, role=role)
        except (PermissionDenied, ValidationError) as refusal:
            error = sentence_of(refusal)
        else:
            messages.success(request, _("%(role)s deleted") % {"role": role})
            return redirect("rbac:role_list")
    return render(request, "rbac/role_delete.html", {"role": role, "error": error}, status=409 if error else 200)


def sentence_of(refusal: PermissionDenied | ValidationError) -> str:
    return " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal)


def _role(role_id: UUID) -> Role:
    return get_object_or_404(Role.objects.select_related("parent", "group"), public_id=role_id)


def _frame(request: HtmxHttpRequest, role: Role) -> dict[str, object]:
    """What the head of a role's pages needs."""
    visible = User.objects.visible_to(request.user).active().values("pk")
    return {
        "asks_factor": role.pk in current_role_map().demanding,
        "people": Assignment.objects.counting().filter(role=role, user__in=visible).count(),
        "may_edit": request.user.has_perm("roles.write") and role_refusal(request.user, role.priority) is None,
        "may_delete": (
            not role.is_system
            and request.user.has_perm("roles.delete")
            and role_refusal(request.user, role.priority) is None
        ),
    }


def _gives_power(form: RoleForm, role: Role | None = None) -> bool:
    """Whether the role would come to hold one of the powers, of its own or by its parent."""
    roles, parent = current_role_map(), form.cleaned_data["parent"]
    will_hold = form.cleaned_data["permissions"] | (roles.permissions(parent.pk) if parent else frozenset())
    return bool(POWERS & (will_hold - (roles.permissions(role.pk) if role else frozenset())))


def _asks_less(form: RoleForm, role: Role) -> bool:
    """Whether the role would no longer ask for a second factor, of its own or by its parent."""
    demanding, parent = current_role_map().demanding, form.cleaned_data["parent"]
    will = form.cleaned_data["requires_factor"] or (parent is not None and parent.pk in demanding)
    return role.pk in demanding and not will


def _show(form: RoleForm, refusal: PermissionDenied | ValidationError) -> None:
    form.add_error(None, refusal if isinstance(refusal, ValidationError) else sentence_of(refusal))


def _chosen(form: RoleForm) -> Collection[str] | None:
    return form.data.getlist("permissions") if form.is_bound else None  # type: ignore[attr-defined]  # a QueryDict
