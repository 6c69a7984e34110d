"""Pages of the trail: events newest first under filters, and one event whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from settings_store.differences import differences, summary
from settings_store.forms import AuditFilter
from settings_store.models import AuditEvent
from ui.guard import requires
from ui.keyset import paginate

PER_PAGE = 50
BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Chip:
    label: str
    url: str
    kept: list[tuple[str, str]]


@requires("audit.read")
@require_safe
def audit_list(request: HttpRequest) -> HttpResponse:
    form = AuditFilter(request.GET)
    events = _chosen(form.cleaned_data) if form.is_valid() else AuditEvent.objects.none()
    chips = _chips(request, form.cleaned_data)
    page = paginate(events, request, order={"time": ("-sequence",)}, default="time", per_page=PER_PAGE)
    context = {
        "form": form,
        # The sequence is the order of time, though it is a number.
        "page": replace(page, by_time=True),
        "events": [(event, summary(event.before, event.after)) for event in page.rows],
        "filtered": any(request.GET.get(name) for name in form.fields),
        "chips": chips,
        # Searching on keeps what a link has narrowed the list to.
        "kept": [pair for chip in chips for pair in chip.kept],
    }
    return render(request, "settings_store/audit_list.html", context)


@requires("audit.read")
@require_safe
def audit_event(request: HttpRequest, sequence: int) -> HttpResponse:
    event = AuditEvent.objects.filter(pk=sequence).first() if sequence <= BIGGEST else None
    if event is None:
        raise Http404
    links: dict[str, dict[str, str | int]] = {
        "object": {"target_type": event.target_type, "target_id": event.target_id} if event.target_id else {},
        "actor": {"actor_id": event.actor_id} if event.actor_id is not None else {},
        "request": {"request": event.request_id} if event.request_id else {},
        "address": {"address": event.address} if event.address else {},
    }
    context = {
        "event": event,
        "lines": differences(event.before, event.after),
        "links": {name: f"?{urlencode(query)}" for name, query in links.items() if query},
    }
    return render(request, "settings_store/audit_event.html", context)


def _chosen(asked: dict[str, Any]) -> QuerySet[AuditEvent]:
    events = AuditEvent.objects.all()
    exact = {
        name: asked[name]
        for name in ("actor_id", "target_type", "target_id", "address")
        if asked[name] not in (None, "")
    }
    events = events.filter(**exact)
    if asked["request"]:
        events = events.filter(request_id=asked["request"])
    if asked["actor"]:
        events = events.filter(Q(actor_name__icontains=asked["actor"]) | Q(impersonator_name__icontains=asked["actor"]))
    if asked["action"]:
        events = events.filter(action__startswith=asked["action"])
    if asked["since"]:
        events = events.filter(at__gte=asked["since"])
    if asked["until"]:
        events = events.filter(at__lt=asked["until"])
    for word in asked["q"].split()[:5]:
        events = events.filter(
            Q(action__icontains=word)
            | Q(target_name__icontains=word)
            | Q(actor_name__icontains=word)
            | Q(reason__icontains=word)
            | Q(request_id=word)
        )
    return events


def _chips(request: HttpRequest, asked: dict[str, Any]) -> list[Chip]:
    """The filters that links set, each with the address of the list without it."""
    chips = []
    for names, label in (
        (("target_type", "target_id"), _("Object")),
        (("actor_id",), _("Person")),
        (("request",), _("Request")),
    ):
        if any(asked.get(name) in (None, "") for name in names):
            continue
        exact = {"request_id" if name == "request" else name: asked[name] for name in names}
        event = AuditEvent.objects.filter(**exact).order_by("-sequence").first()
        words = str(asked[names[-1]])
        if event is not None:
            words = {"actor_id": event.actor_name, "target_id": event.target_words}.get(names[-1], words)
        rest = request.GET.copy()
        for name in (*names, "after", "before"):
            rest.pop(name, None)
        kept = [(name, str(asked[name])) for name in names]
        chips.append(Chip(f"{label}: {words}", f"?{rest.urlencode()}", kept))
    return chips
