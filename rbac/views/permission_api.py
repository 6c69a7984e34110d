"""Permissions that other programs declare and ask about, over HTTP; refusals are problem details (RFC 9457)."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse, RawPostDataException, UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.http import HtmxHttpRequest
from rbac.actions.permission import declare_permission, delete_permission, holding_roles, people_holding
from rbac.forms.permission import PermissionForm
from rbac.models import CustomPermission
from rbac.permission_names import clean_permission_name, is_taken, known_name
from rbac.views.api import Refused, api_call
from rbac.views.permission import roles_by_permission
from ui.guard import Dialect, requires

# A label and a name fit many times over.
LARGEST = 8 * 1024
MEMBERS = {"label", "program"}


@requires("roles.read", api=Dialect.PROBLEM)
@api_call("permissions", methods=("GET", "HEAD"))
def permissions(request: HtmxHttpRequest) -> HttpResponse:
    """All of them by name, with the roles that hold each of their own."""
    roles = roles_by_permission()
    rows = CustomPermission.objects.select_related("created_by").order_by("name")
    found = [
        _told(row)
        | {
            "declared_at": row.created_at.isoformat(),
            "declared_by": str(row.created_by) if row.created_by else None,
            "roles": [role.name for role in roles[row.permission_id]],
            # False once a release of Gatehouse has taken the name.
            "grants": not is_taken(row.name),
        }
        for row in rows
    ]
    return JsonResponse({"permissions": found})


@requires("permissions.write", in_person=True, api=Dialect.PROBLEM)
@api_call("permissions", methods=("PUT", "DELETE"))
def permission(request: HtmxHttpRequest, name: str) -> HttpResponse:
    return _put(request, name) if request.method == "PUT" else _delete(request, name)


def _put(request: HtmxHttpRequest, name: str) -> HttpResponse:
    """Declare it, or say anew what it allows; the same once more changes nothing and is in no trail."""
    try:
        clean_permission_name(name)
    except ValidationError as error:
        raise Refused(400, " ".join(error.messages)) from None
    form = PermissionForm({"name": name} | _body(request))
    if not form.is_valid():
        errors = {each: [str(message) for message in messages] for each, messages in form.errors.items()}
        sentences = [f"{each}: {message}" for each, messages in errors.items() for message in messages]
        raise Refused(400, " ".join(sentences), {"errors": errors})
    try:
        row, is_new = declare_permission(actor=request.user, again=True, **form.cleaned_data)
    except ValidationError as error:
        raise Refused(409, " ".join(error.messages)) from None
    return JsonResponse(_told(row), status=201 if is_new else 200)


def _delete(request: HtmxHttpRequest, name: str) -> HttpResponse:
    """Delete it where no role holds it; with `?force=true` it is taken from those that do."""
    force = request.GET.get("force", "false")
    if force not in {"true", "false"}:
        raise Refused(400, _("The parameter force is true or false."))
    row = CustomPermission.objects.filter(name=known_name(name)).first()
    if row is None:
        raise Refused(404, _("There is no permission %(name)s.") % {"name": repr(name[:81])})
    try:
        delete_permission(actor=request.user, permission=row, roles=None if force == "true" else 0)
    except ValidationError:
        raise Refused(409, *_held(row)) from None
    return HttpResponse(status=204)


def _held(row: CustomPermission) -> tuple[str, dict[str, int]]:
    roles, people = holding_roles(row).count(), people_holding(row)
    sentence = ngettext(
        "%(roles)d role holds it. To take it from there, ask with ?force=true.",
        "%(roles)d roles hold it. To take it from there, ask with ?force=true.",
        roles,
    )
    return sentence % {"roles": roles}, {"roles": roles, "people": people}


def _told(row: CustomPermission) -> dict[str, Any]:
    return {"name": str(row), "label": row.label, "program": row.program}


def _body(request: HttpRequest) -> dict[str, str]:
    """The label and the program that were sent, both as text."""
    try:
        raw = request.body
    # Too large, broken off, or sent as a form.
    except (RequestDataTooBig, RawPostDataException, UnreadablePostError):
        raise Refused(400, _("The request could not be read.")) from None
    if len(raw) > LARGEST:
        raise Refused(413, _("A request is at most 8 kB long."))
    try:
        body = json.loads(raw, parse_constant=_no_number, object_pairs_hook=_once)
    # What is nested too deep ends the reading too.
    except (ValueError, RecursionError):
        raise Refused(400, _("This is not JSON.")) from None
    if not isinstance(body, dict) or not body.keys() <= MEMBERS:
        raise Refused(400, _("A request is a JSON object with the members label and program."))
    if not all(isinstance(value, str) for value in body.values()):
        raise Refused(400, _("The members label and program are texts."))
    return body


def _no_number(name: str) -> None:
    raise ValueError(name)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(members)
    if len(body) < len(members):
        raise Refused(400, _("A member stands here twice."))
    return body
