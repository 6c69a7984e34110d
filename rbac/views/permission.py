"""Permissions that other programs ask about: the list of them, and the forms that declare, change and delete one."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.http import HtmxHttpRequest
from rbac.actions.permission import (
    change_permission,
    declare_permission,
    delete_permission,
    holding_roles,
    people_holding,
)
from rbac.forms.permission import PermissionDeleteForm, PermissionForm
from rbac.models import CustomPermission, Role
from rbac.permission_names import is_taken, known_name
from rbac.system_roles import ADMIN
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires


@requires("roles.read")
@require_safe
def permission_list(request: HtmxHttpRequest) -> HttpResponse:
    """All of them by program, each with the roles that hold it; there are 500 at most."""
    roles = roles_by_permission()
    programs: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in CustomPermission.objects.select_related("created_by").order_by("name"):
        programs[row.program].append({"row": row, "roles": roles[row.permission_id], "is_taken": is_taken(row.name)})
    # Those of no named program stand last.
    ordered = sorted(programs.items(), key=lambda each: (not each[0], each[0].casefold(), each[0]))
    context = {"programs": ordered, "house": request.build_absolute_uri("/").rstrip("/")}
    return render(request, "rbac/permission_list.html", context)


@requires("permissions.write", in_person=True)
@require_page_methods
def permission_declare(request: HtmxHttpRequest) -> HttpResponse:
    form = PermissionForm(posted(request))
    if form.is_valid():
        try:
            permission, _is_new = declare_permission(actor=request.user, **form.cleaned_data)
        except (PermissionDenied, ValidationError) as refusal:
            form.add_error(None, _told(refusal))
        else:
            messages.success(request, _("%(name)s declared") % {"name": permission})
            return redirect("rbac:permission_list")
    return render(request, "rbac/permission_declare.html", {"form": form}, status=form_status(form))


@requires("permissions.write", in_person=True)
@require_page_methods
def permission_edit(request: HtmxHttpRequest, name: str) -> HttpResponse:
    permission = _permission(name)
    form = PermissionForm(posted(request), permission=permission)
    if form.is_valid():
        label, program = form.cleaned_data["label"], form.cleaned_data["program"]
        try:
            change_permission(actor=request.user, permission=permission, label=label, program=program)
        except (PermissionDenied, ValidationError) as refusal:
            form.add_error(None, _told(refusal))
        else:
            messages.success(request, _("%(name)s saved") % {"name": permission})
            return redirect("rbac:permission_list")
    context = {"permission": permission, "form": form}
    return render(request, "rbac/permission_edit.html", context, status=form_status(form))


@requires("permissions.write", in_person=True)
@require_page_methods
def permission_delete(request: HtmxHttpRequest, name: str) -> HttpResponse:
    permission = _permission(name)
    roles, people = list(holding_roles(permission)), people_holding(permission)
    form = PermissionDeleteForm(posted(request), permission=permission, roles=len(roles), people=people)
    if form.is_valid():
        try:
            delete_permission(actor=request.user, permission=permission, roles=form.cleaned_data["roles"])
        except (PermissionDenied, ValidationError) as refusal:
            # Sent again, it carries the number that is told now.
            form.data = {**form.data.dict(), "roles": str(len(roles))}  # type: ignore[attr-defined]  # a QueryDict
            form.add_error(None, _told(refusal))
        else:
            messages.success(request, _("%(name)s deleted") % {"name": permission})
            return redirect("rbac:permission_list")
    context = {
        "permission": permission,
        "form": form,
        "roles": roles,
        "people": people,
        "is_taken": is_taken(permission.name),
    }
    return render(request, "rbac/permission_delete.html", context, status=form_status(form))


class Holder(NamedTuple):
    """A role, as far as a list of permissions names it."""

    public_id: UUID
    name: str


def roles_by_permission() -> dict[int, list[Holder]]:
    """The roles that hold each of them of their own, by the key of its row, in one query; admins' role aside."""
    found: dict[int, list[Holder]] = defaultdict(list)
    held = Role.objects.filter(group__permissions__custom__isnull=False).exclude(system_key=ADMIN).by_rank()
    for permission_id, public_id, name in held.values_list("group__permissions", "public_id", "name"):
        found[permission_id].append(Holder(public_id, name))
    return found


def _told(refusal: PermissionDenied | ValidationError) -> ValidationError:
    return refusal if isinstance(refusal, ValidationError) else ValidationError(str(refusal))


def _permission(name: str) -> CustomPermission:
    return get_object_or_404(CustomPermission.objects.select_related("permission"), name=known_name(name))
