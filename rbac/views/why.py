"""Why somebody may do a thing or may not, and who may."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_GET, require_safe

from accounts.exporting import as_far_as_now, lines
from accounts.http import HtmxHttpRequest
from accounts.models import User, UserQuerySet
from rbac import directory
from rbac.actions.who import record_who_export
from rbac.role_map import RoleMap
from rbac.why.answer import answer
from rbac.why.question import ActForm, Question, WhyForm
from rbac.why.reach import reaches, widened_by
from rbac.why.verdict import Verdict
from rbac.why.who import by_roles, move, offers, others, who_may, whom_to_ask
from settings_store.database import close_connections
from ui.forms import form_status
from ui.guard import requires, signed_in
from ui.keyset import paginate
from ui.registry import Permission, UserColumn

ASKED = ("permission", "object", "page")
# Where a no is decided by what somebody else could give.
TO_BE_GIVEN = frozenset({"assignments", "permission", "model", "scope", "rank"})


@signed_in
@require_safe
def why(request: HtmxHttpRequest) -> HttpResponse:
    """One question: everybody about themselves, those who may see roles about whom they see."""
    form = WhyForm(request.GET, asker=request.user, host=request.get_host())
    context: dict[str, Any] = {"form": form, "bound": _is_asked(request)}
    # An address that names a page and nothing else shows it in the one field for both.
    context["on"] = request.GET.get("object") or request.GET.get("page", "")
    status = 200
    if context["bound"]:
        status = form_status(form)
        if form.is_valid():
            question = question_of(request, form)
            context["code"] = form.cleaned_data["permission"]
            context |= _answered(question, answer(question))
    return render(request, "rbac/why.html", context, status=status)


@requires("roles.read")
@require_safe
def why_people(request: HtmxHttpRequest) -> HttpResponse:
    """Those in sight who could be meant by what is typed, as suggestions for the field."""
    words = request.GET.get("person", "")[:200].strip()
    found = directory.search(request.user, words) if words else []
    return render(request, "rbac/why.html#suggestions", {"suggestions": found})


@requires("roles.read")
@require_safe
def why_who(request: HtmxHttpRequest) -> HttpResponse:
    """Everybody in sight who may: a permission turned round."""
    form = ActForm(request.GET, asker=request.user, host=request.get_host())
    context: dict[str, Any] = {"form": form, "bound": bool(request.GET.get("permission"))}
    status = 200
    if context["bound"]:
        people = _who(request, form)
        status = form_status(form)
        if people is not None:
            page = paginate(people, request, order={"name": ("name_key",)}, default="name")
            permission = form.cleaned_data["permission"]
            thing = form.cleaned_data["object"]
            found = by_roles(page.rows, permission, roles=form.roles)
            # Who is shown for an object reaches it.
            has_scope = thing is None and bool(widened_by(permission, form.roles))
            reach = reaches(page.rows, permission, roles=form.roles) if has_scope else {}
            context |= {
                "permission": permission,
                "thing": thing,
                "has_scope": has_scope,
                "page": page,
                "rows": [(person, found.get(person.pk, []), reach.get(person.pk, "")) for person in page.rows],
                "query": _query(form),
            }
    return render(request, "rbac/why_who.html", context, status=status)


@requires("roles.read")
@require_GET
def why_who_export(request: HtmxHttpRequest) -> HttpResponseBase:
    """The same as a file, which the trail takes note of."""
    form = ActForm(request.GET, asker=request.user, host=request.get_host())
    people = _who(request, form)
    if people is None:
        return render(request, "rbac/why_who.html", {"form": form, "bound": True}, status=422)
    permission, thing = form.cleaned_data["permission"], form.cleaned_data["object"]
    record_who_export(
        actor=request.user, permission=str(permission), thing=thing.name if thing else "", count=people.count()
    )
    # The thread of this request lives as long as the stream does, and must hold no connection meanwhile.
    close_connections()
    name = f"who-{permission.resource}-{permission.action}-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        lines(
            people,
            viewer=request.user,
            columns=_columns(permission, form.roles),
            allowed=as_far_as_now(request, "roles.read"),
        ),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def question_of(request: HtmxHttpRequest, form: WhyForm) -> Question:
    """The question of a valid form; about others only for those who may see roles."""
    if form.cleaned_data["person"].pk != request.user.pk and not request.user.has_perm("roles.read"):
        raise PermissionDenied("roles.read")
    return form.question(acted=request.impersonator is not None)


def _answered(question: Question, verdict: Verdict) -> dict[str, Any]:
    asker, thing = question.asker, question.object
    sees_roles = asker.has_perm("roles.read")
    permission = verdict.wanted[0] if len(verdict.wanted) == 1 else None
    asked: dict[str, str] = {"permission": str(permission)} if permission else {}
    if thing is not None and permission is not None:
        asked["object"] = thing.name
    program = {"page": question.page.path} if question.page else asked
    offered = [] if verdict.allowed else offers(asker, question, verdict)
    moved = move(asker, question, verdict)
    whom = None
    if question.is_own and verdict.decided_by in TO_BE_GIVEN and not (verdict.allowed or offered or moved):
        whom = whom_to_ask(asker, verdict.missing[0].name if verdict.missing else "")
    other = others(question, verdict) if sees_roles else None
    return {
        "question": question,
        "verdict": verdict,
        "object_page": thing.kind.page(asker, thing.row) if thing else "",
        "offers": offered,
        "move": moved,
        "whom": whom,
        # Without a permission that is missing, only where somebody could help.
        "asks": bool(whom) or (whom is not None and bool(verdict.missing)),
        "helps": not verdict.allowed and bool(offered or moved or not question.is_own),
        "others": other,
        "who_query": urlencode(asked) if other is not None else "",
        "call": "/api/why?" + urlencode({"person": question.person.username, **program}, safe=":/"),
        "may_see": asker.has_perm("users.read"),
    }


def _who(request: HtmxHttpRequest, form: ActForm) -> UserQuerySet | None:
    """The people a valid form asks for; None where something is to be put right first."""
    if not form.is_valid():
        return None
    if form.cleaned_data["permission"] is None:
        form.add_error("permission", _("Say which permission it is about."))
        return None
    try:
        return who_may(request.user, form.cleaned_data["permission"], form.cleaned_data["object"], roles=form.roles)
    except LookupError:
        form.add_error("object", _("Here the rank of both people decides. Ask about one person at a time."))
        return None


def _columns(permission: Permission, known: RoleMap) -> list[UserColumn]:
    """What the file says beside who it is, each column looked up for a whole batch."""

    def roles(people: Iterable[User]) -> dict[Any, Any]:
        return {
            pk: ["break-glass superuser" if each.is_break_glass else str(each) for each in held]
            for pk, held in by_roles(people, permission, roles=known).items()
        }

    def until(people: Iterable[User]) -> dict[Any, Any]:
        found = by_roles(people, permission, roles=known)
        return {
            pk: [each.until.isoformat(timespec="seconds") if each.until else "no end" for each in held]
            for pk, held in found.items()
        }

    def reach(people: Iterable[User]) -> dict[Any, Any]:
        # The same in every language, for programs.
        with override("en"):
            return reaches(people, permission, roles=known)

    return [
        UserColumn("permission", lambda people: {person.pk: str(permission) for person in people}),
        UserColumn("by role", roles),
        UserColumn("until", until),
        *([UserColumn("reach", reach)] if widened_by(permission, known) else []),
    ]


def _is_asked(request: HttpRequest) -> bool:
    return any(request.GET.get(name, "").strip() for name in ASKED)


def _query(form: ActForm) -> str:
    thing = form.cleaned_data["object"]
    asked = {"permission": str(form.cleaned_data["permission"])}
    return urlencode(asked | ({"object": thing.name} if thing else {}))
