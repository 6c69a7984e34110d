"""Pages of roles: the list, one role with its permissions and its history, and its end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.http import HtmxHttpRequest
from accounts.models import User
from rbac import actions
from rbac.forms.role import RoleDeleteForm
from rbac.models import Assignment, ClaimRole, Role
from rbac.role_map import current_role_map
from rbac.roles.inheritance import tree
from rbac.roles.matrix import matrix
from rbac.rules import deletion_refusal, role_refusal
from settings_store.trail.pages import history
from settings_store.trail.reading import Question
from settings_store.trail.words import words_of
from ui.forms import form_status, posted, require_page_methods, sentence_of
from ui.guard import requires

# People that a line of the list names, and the page that asks whether to delete.
FEW, SOME = 3, 20
ASSIGNMENT_EVENTS = ("assignment.changed", "role.assigned", "role.revoked")


@dataclass(frozen=True, slots=True)
class Line:
    """A role and who holds it now: how many the reader may see, and those of them who were given it first."""

    role: Role
    count: int
    people: list[User]


@requires("roles.read")
@require_safe
def role_list(request: HtmxHttpRequest) -> HttpResponse:
    lines = _lines(request.user)
    context = {
        "lines": lines,
        "tree": tree(line.role for line in lines),
        "demanding": current_role_map().demanding,
    }
    return render(request, "rbac/role_list.html", context)


@requires("roles.read")
@require_safe
def role_detail(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    role = role_of(role_id)
    context = {"role": role, "groups": matrix(role, role.parent), **frame_of(request, role)}
    return render(request, "rbac/role_detail.html", context)


@requires("audit.read", also="roles.read")
@require_safe
def role_history(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    """What the trail says about one role and about who was given it, for those who may see it."""
    role = role_of(role_id)
    # These events are about a person, and name the role.
    given = Question(actions=ASSIGNMENT_EVENTS, words=tuple(words_of(str(role.public_id))))
    context = {
        "role": role,
        **history(request, "rbac.role", str(role.public_id), also=given),
        **frame_of(request, role),
    }
    return render(request, "rbac/role_history.html", context)


@requires("roles.delete", in_person=True)
@require_page_methods
def role_delete(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    """Asks first, and names who and what stands in the way."""
    role = role_of(role_id)
    error = role_refusal(request.user, role.priority) or ""
    if role.is_system:
        error = _("A system role cannot be deleted.")
    elif request.method == "POST":
        error = error or deletion_refusal(role) or ""
    form = RoleDeleteForm(posted(request), role=role)
    if not error and form.is_valid():
        try:
            actions.delete_role(actor=request.user, role=role)
        except (PermissionDenied, ValidationError) as refusal:
            error = sentence_of(refusal)
        else:
            messages.success(request, _("%(role)s deleted") % {"role": role})
            return redirect("rbac:role_list")
    context = {"role": role, "form": form, "error": error, **_in_the_way(request, role)}
    status = 409 if error and request.method == "POST" else form_status(form)
    return render(request, "rbac/role_delete.html", context, status=status)


def role_of(role_id: UUID) -> Role:
    return get_object_or_404(Role.objects.select_related("parent", "group"), public_id=role_id)


def frame_of(request: HtmxHttpRequest, role: Role) -> dict[str, object]:
    """What the head of a role's pages needs."""
    visible = User.objects.visible_to(request.user).values("pk")
    return {
        "asks_factor": role.pk in current_role_map().demanding,
        # As many as the tab lists: who holds it now, later, or not while it is paused.
        "people": Assignment.objects.lasting().filter(role=role, user__in=visible).count(),
        "may_edit": request.user.has_perm("roles.write") and role_refusal(request.user, role.priority) is None,
        "may_clone": request.user.has_perm("roles.write"),
        "may_delete": (
            not role.is_system
            and request.user.has_perm("roles.delete")
            and role_refusal(request.user, role.priority) is None
        ),
    }


def _lines(viewer: User) -> list[Line]:
    """Every role by rank; the same three questions for a few people and for very many."""
    held = Assignment.objects.counting().filter(user__in=User.objects.visible_to(viewer).active())
    of_role = held.filter(role=OuterRef("pk")).order_by("pk").values("user")
    firsts = {f"holder_{place}": Subquery(of_role[place : place + 1]) for place in range(FEW)}
    roles = list(Role.objects.by_rank().select_related("parent").annotate(**firsts))
    counts = dict(held.order_by().values_list("role").annotate(Count("pk")))
    keys = {role.pk: [role.__dict__[name] for name in firsts if role.__dict__[name] is not None] for role in roles}
    people = User.objects.in_bulk({key for each in keys.values() for key in each})
    return [Line(role, counts.get(role.pk, 0), [people[key] for key in keys[role.pk]]) for role in roles]


def _in_the_way(request: HtmxHttpRequest, role: Role) -> dict[str, object]:
    """Why a role cannot be deleted now, and what goes with it."""
    holders = User.objects.filter(pk__in=role.assignments.lasting().values("user_id"))
    seen = list(holders.filter(pk__in=User.objects.visible_to(request.user)).order_by("name_key", "pk")[:SOME])
    heirs = list(role.children.by_rank())
    claims: dict[str, list[str]] = defaultdict(list)
    for mapped in ClaimRole.objects.filter(role=role).select_related("provider").order_by("provider__name", "value"):
        claims[str(mapped.provider)].append(mapped.value)
    return {
        "people": seen,
        "more": holders.count() - len(seen),
        "heirs": heirs,
        "claims": dict(claims),
        "earlier": role.assignments.over().count(),
        "is_blocked": bool(seen or heirs or role.is_system or holders.exists()),
    }
