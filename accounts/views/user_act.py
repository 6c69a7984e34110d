"""One act upon many people: chosen on the list, confirmed on a page, followed until it is done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import actions, bulk
from accounts.http import HtmxHttpRequest
from accounts.listing import listing
from accounts.models import BulkAct, User
from ui.forms import form_status, posted, require_page_methods
from ui.guard import ask_step_up, requires, stepped_up

# Names of people that the page which asks for a yes tells.
NAMED = 8


@requires("users.read", in_person=True)
@require_POST
def user_act_new(request: HtmxHttpRequest) -> HttpResponse:
    """Fix who is meant: those ticked, or everybody that the filters of the list show."""
    asked = listing(request, QueryDict(request.POST.get("query", "")))
    query = asked.query.urlencode()
    back = reverse("accounts:user_list") + (f"?{query}" if query else "")
    act = bulk.found(request.user, request.POST.get("act", ""))
    if act is None:
        messages.error(request, _("Choose what is to be done with them."))
        return redirect(back)
    left_out = 0
    if "all" in request.POST:
        people = asked.people
    else:
        ids = bulk.ticked(request.POST)
        people = User.objects.visible_to(request.user).filter(public_id__in=ids)
        left_out = len(ids)
    spared = act.spares_actor and people.filter(pk=request.user.pk).exists()
    if spared:
        people, left_out = people.exclude(pk=request.user.pk), max(0, left_out - 1)
    chosen = list(people.order_by("name_key", "pk").values_list("pk", flat=True)[: bulk.MOST])
    left_out = max(0, left_out - len(chosen))
    if not chosen:
        words = (
            _("You cannot do that to yourself. Choose somebody else.") if spared else _("Choose at least one person.")
        )
        messages.error(request, words)
        return redirect(back)
    if spared:
        messages.info(request, _("You yourself are left out."))
    row = actions.ask_act(actor=request.user, act=act, people=chosen, left_out=left_out, back=back)
    return redirect("accounts:user_act", row.public_id)


@requires("users.read", in_person=True)
@require_page_methods
def user_act(request: HtmxHttpRequest, act_id: UUID) -> HttpResponse:
    """What would be done to whom; once it was confirmed, how far it is and who was refused."""
    row = _own(request, act_id)
    if row.state != BulkAct.State.ASKED:
        return redirect("accounts:user_act", row.public_id) if request.method == "POST" else _progress(request, row)
    act = bulk.found(request.user, row.act)
    if act is None:
        raise Http404
    if act.step_up and not stepped_up(request):
        return ask_step_up(request)
    form = bulk.form_of(act, request.user, posted(request), preset=bulk.fields_of(row).dict())
    if request.method == "POST" and (form is None or form.is_valid()):
        actions.begin_act(actor=request.user, row=row, form=form)
        return redirect("accounts:user_act", row.public_id)
    named = User.objects.visible_to(request.user).in_bulk(row.people[:NAMED])
    context = {
        "row": row,
        "act": act,
        "form": form,
        "people": [named[key] for key in row.people[:NAMED] if key in named],
        "more": max(0, row.total - NAMED),
        "most": bulk.MOST,
        **_from_where(row, form),
    }
    return render(request, "accounts/user_act.html", context, status=form_status(form) if form is not None else 200)


@requires("users.read", background=True)
@require_safe
def user_act_progress(request: HtmxHttpRequest, act_id: UUID) -> HttpResponse:
    """How far it is, for the page that follows it."""
    row = _own(request, act_id)
    if row.state != BulkAct.State.RUNNING or row.is_stalled:
        return HttpResponse(status=204, headers={"HX-Redirect": reverse("accounts:user_act", args=[row.public_id])})
    return render(request, "accounts/user_act_done.html#progress", {"row": row})


@requires("users.read", in_person=True)
@require_POST
def user_act_resume(request: HtmxHttpRequest, act_id: UUID) -> HttpResponse:
    row = _own(request, act_id)
    actions.resume_act(row=row)
    return redirect("accounts:user_act", row.public_id)


def _progress(request: HtmxHttpRequest, row: BulkAct) -> HttpResponse:
    act = bulk.found(request.user, row.act)
    form = bulk.form_of(act, request.user, preset=bulk.fields_of(row).dict()) if act else None
    context = {
        "row": row,
        "label": act.label if act else row.act,
        "told": len(row.refused),
        "untold": row.refused_count - len(row.refused),
        **_from_where(row, form),
    }
    return render(request, "accounts/user_act_done.html", context)


def _from_where(row: BulkAct, form: Any) -> dict[str, Any]:
    """The list it was chosen on, under which the rail shows the page too, and what that list is of."""
    back = _back(row)
    elsewhere = _is_elsewhere(row)
    return {
        "back": back,
        "rail_path": back,
        "elsewhere": elsewhere,
        "about": getattr(form, "about", "") if elsewhere else "",
    }


def _own(request: HtmxHttpRequest, act_id: UUID) -> BulkAct:
    """One that this person asked for; those of others do not exist here."""
    return get_object_or_404(BulkAct, public_id=act_id, created_by=request.user)


def _back(row: BulkAct) -> str:
    """The list it was chosen on."""
    return row.query or reverse("accounts:user_list")


def _is_elsewhere(row: BulkAct) -> bool:
    """Whether it was another list than /users/."""
    return _back(row).partition("?")[0] != reverse("accounts:user_list")
