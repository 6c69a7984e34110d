"""Pages of the trail: events newest first under filters, one event whole, and those that come while one looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_safe

from settings_store.audit import record
from settings_store.database import close_connections
from settings_store.definitions import KEY
from settings_store.flag.rules import KEY as FLAG_KEY
from settings_store.forms import AuditFilter
from settings_store.forms.audit import kind_name
from settings_store.holding import DEFAULT, PLACES
from settings_store.models import AuditEvent, Flag, Setting
from settings_store.realms import key_of_flag
from settings_store.telling import field_by_field, told
from settings_store.trail.export import lines
from settings_store.trail.pages import history, object_url, page_of
from settings_store.trail.reading import BIGGEST, Question, known, question, read
from ui.guard import may_still, requires

# So many new events one look brings at most, and so many in all until the page is better loaded anew.
PER_LOOK, MOST_LIVE = 50, 500
FOLDED = ("address", "environment", "since", "until")
EXPORTS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Chip:
    label: str
    url: str
    kept: list[tuple[str, str]]


@requires("audit.read")
@require_safe
def audit_list(request: HttpRequest) -> HttpResponse:
    form = AuditFilter(request.GET)
    asked = question(form.cleaned_data) if form.is_valid() else Question(words=())
    form.offer(actions=known("action"), types=known("target_type"), environments=known("environment"))
    chips = _chips(request, form.cleaned_data)
    page = page_of(asked, request)
    query = page.query.copy()
    is_live = query.pop("live", ["0"]) == ["1"] and not page.newer_url
    filters = query.urlencode()
    context = {
        "form": form,
        "page": page,
        "events": told(page.rows),
        "filtered": any(request.GET.get(name) for name in form.fields),
        # What is asked for is to be seen: these are folded, and on a phone all but the words.
        "folded_out": any(request.GET.get(name) for name in FOLDED),
        "asked": any(request.GET.get(name) for name in ("actor", "action", "target_type")),
        "chips": chips,
        # Searching on keeps what a link has narrowed the list to.
        "kept": [pair for chip in chips for pair in chip.kept],
        "is_live": is_live,
        "live": _live(filters, page.rows[0].sequence if page.rows else _last(), shown=0) if is_live else None,
        "filters": filters,
    }
    return render(request, "settings_store/audit_list.html", context)


@requires("audit.read", background=True)
@require_safe
def audit_live(request: HttpRequest) -> HttpResponse:
    """The events that came since the page looked last, to be put at its top; nothing where none came."""
    form = AuditFilter(request.GET)
    since, shown = _number(request, "from"), _number(request, "shown")
    if not form.is_valid():
        raise Http404
    events = read(question(form.cleaned_data), above=since, count=PER_LOOK + 1)
    if not events:
        return HttpResponse(status=204)
    rest = request.GET.copy()
    for name in ("from", "shown", "after", "before", "live"):
        rest.pop(name, None)
    missed, events = len(events) > PER_LOOK, events[:PER_LOOK]
    shown += len(events)
    context = {
        "events": told(events),
        "missed": missed,
        "is_full": shown >= MOST_LIVE,
        "filters": rest.urlencode(),
        "live": _live(rest.urlencode(), events[0].sequence, shown=shown),
    }
    return render(request, "settings_store/audit_list.html#live-answer", context)


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
        "lines": field_by_field(event),
        "kind": kind_name(event.target_type) if event.target_type else "",
        "links": {name: f"?{urlencode(query)}" for name, query in links.items() if query},
        "object_url": object_url(request, event),
    }
    # Asked by the list, the event opens below its row.
    part = "#detail-row" if request.headers.get("HX-Request") else ""
    return render(request, f"settings_store/audit_event.html{part}", context)


@requires("audit.read")
@require_GET
def audit_export(request: HttpRequest) -> HttpResponseBase:
    """What is filtered as a file, which the trail itself takes note of."""
    kind = request.GET.get("format", "")
    form = AuditFilter(request.GET)
    if kind not in EXPORTS or not form.is_valid():
        raise Http404
    asked = question(form.cleaned_data)
    filters = {name: str(value) for name, value in form.cleaned_data.items() if value not in (None, "")}
    last = _last()
    with transaction.atomic():
        record("audit.exported", actor=request.user, after={"format": kind, "filters": filters, "to_event": last})
    # The thread of this request lives as long as the stream does, and must hold no connection meanwhile.
    close_connections()
    events = lines(asked, kind=kind, below=last + 1, allowed=partial(may_still, request, "audit.read"))
    name = f"audit-{timezone.localdate():%Y-%m-%d}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(events, content_type=EXPORTS[kind], headers=headers)


@requires("audit.read", also="settings.read")
@require_safe
def setting_events(request: HttpRequest, key: str) -> HttpResponse:
    """What happened to one setting in one environment."""
    environment = request.GET.get("environment", DEFAULT)
    # What could not be a key is not asked for: not every database takes every character.
    if environment not in PLACES or not KEY.fullmatch(key):
        raise Http404
    setting = get_object_or_404(Setting, key=key, environment=environment)
    events = history(request, "settings_store.setting", str(setting.pk), environment=environment, key=key)
    return render(request, "settings_store/setting_events.html", {"setting": setting} | events)


@requires("audit.read", also="flags.read")
@require_safe
def flag_events(request: HttpRequest, key: str) -> HttpResponse:
    """What happened to one flag, in one environment where the address asks for it."""
    environment = request.GET.get("environment", "")
    flag = Flag.objects.filter(key=key).first() if FLAG_KEY.fullmatch(key) else None
    # Not every database tells small letters from capitals.
    if flag is None or flag.key != key or (environment and environment not in PLACES):
        raise Http404
    context = {"flag": flag, "environment": environment, "environments": PLACES}
    about = (flag._meta.label_lower, flag.public_id)
    events = history(request, *about, environment=environment, key=key_of_flag(flag.key))
    return render(request, "settings_store/flag_events.html", context | events)


def _live(filters: str, last: int, *, shown: int) -> str:
    """The query of the next look for new events."""
    return "&".join(filter(None, [filters, urlencode({"from": last, "shown": shown})]))


def _last() -> int:
    event = AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True).first()
    return event or 0


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return min(int(text), BIGGEST - 1) if text.isascii() and text.isdigit() and len(text) <= 19 else 0


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
            # A flag is one object in all environments, which the name of the target ends with.
            target = event.target_id if event.target_type == Flag._meta.label_lower else event.target_words
            words = {"actor_id": event.actor_name, "target_id": target}.get(names[-1], words)
        rest = request.GET.copy()
        for name in (*names, "after", "before"):
            rest.pop(name, None)
        kept = [(name, str(asked[name])) for name in names if name != "target_type"]
        chips.append(Chip(f"{label}: {words}", f"?{rest.urlencode()}", kept))
    return chips
