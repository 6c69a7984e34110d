"""Pages of roles: the list, one role with its matrix and its people, and the forms that change it."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import HtmxHttpRequest
from accounts.models import User
from rbac import actions
from rbac.forms import RoleForm
from rbac.matrix import matrix
from rbac.models import Assignment, Role
from rbac.role_map import current_role_map
from rbac.rules import POWERS, role_refusal
from ui.guard import ask_step_up, requires, stepped_up
from ui.keyset import paginate


@requires("roles.read")
@require_safe
def role_list(request: HtmxHttpRequest) -> HttpResponse:
    now = timezone.now()
    counting = Q(
        Q(assignments__starts_at__isnull=True) | Q(assignments__starts_at__lte=now),
        Q(assignments__ends_at__isnull=True) | Q(assignments__ends_at__gt=now),
        assignments__is_active=True,
        assignments__user__is_active=True,
    )
    roles = Role.objects.by_rank().select_related("parent").annotate(people=Count("assignments", filter=counting))
    return render(request, "rbac/role_list.html", {"roles": roles})


@requires("roles.read")
@require_safe
def role_detail(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    role = _role(pk)
    return render(request, "rbac/role_detail.html", {"role": role, "groups": matrix(role), **_frame(request, role)})


@requires("roles.read")
@require_safe
def role_people(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Those who hold the role, as far as the reader may see people at all."""
    role = _role(pk)
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


@requires("roles.write")
@require_http_methods(["GET", "HEAD", "POST"])
def role_create(request: HtmxHttpRequest) -> HttpResponse:
    form = RoleForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if _gives_power(form) and not stepped_up(request):
            return ask_step_up(request)
        try:
            role = actions.create_role(actor=request.user, **form.cleaned_data)
        except (PermissionDenied, ValidationError) as refusal:
            _show(form, refusal)
        else:
            messages.success(request, _("%(role)s created") % {"role": role})
            return redirect("rbac:role_detail", role.pk)
    context = {"form": form, "groups": matrix(None, chosen=_chosen(form))}
    return render(request, "rbac/role_create.html", context, status=_status(form))


@requires("roles.write")
@require_http_methods(["GET", "HEAD", "POST"])
def role_edit(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    role = _role(pk)
    if refusal_in_words := role_refusal(request.user, role.priority):
        raise PermissionDenied(refusal_in_words)
    form = RoleForm(request.POST if request.method == "POST" else None, role=role)
    if request.method == "POST" and form.is_valid():
        if _gives_power(form, role) and not stepped_up(request):
            return ask_step_up(request)
        try:
            role = actions.update_role(actor=request.user, role=role, **form.cleaned_data)
        except (PermissionDenied, ValidationError) as refusal:
            _show(form, refusal)
        else:
            messages.success(request, _("%(role)s saved") % {"role": role})
            return redirect("rbac:role_detail", role.pk)
    affected = {role.pk} | current_role_map().descendants(role.pk)
    context = {
        "role": role,
        "form": form,
        "groups": matrix(role, chosen=_chosen(form)),
        "affected": Assignment.objects.counting().filter(role__in=affected).values("user").distinct().count(),
    }
    return render(request, "rbac/role_edit.html", context, status=_status(form))


@requires("roles.delete")
@require_http_methods(["GET", "HEAD", "POST"])
def role_delete(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    role = _role(pk)
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


def _role(pk: int) -> Role:
    return get_object_or_404(Role.objects.select_related("parent", "group"), pk=pk)


def _frame(request: HtmxHttpRequest, role: Role) -> dict[str, object]:
    """What the head of a role's pages needs."""
    visible = User.objects.visible_to(request.user).active().values("pk")
    return {
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


def _show(form: RoleForm, refusal: PermissionDenied | ValidationError) -> None:
    form.add_error(None, refusal if isinstance(refusal, ValidationError) else sentence_of(refusal))


def _chosen(form: RoleForm) -> Collection[str] | None:
    return form.data.getlist("permissions") if form.is_bound else None  # type: ignore[attr-defined]  # a QueryDict


def _status(form: RoleForm) -> int:
    return 422 if form.errors else 200
