"""Home, the two questions of a load balancer, and the pages shown when something is wrong."""

from __future__ import annotations

import sys
from typing import Any

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import csrf, defaults
from django.views.decorators.http import require_safe

from config.health import findings, is_ready
from settings_store.disk import is_full
from settings_store.trail.chain import ForeignTrail
from ui.absence import NotThere
from ui.guard import Access, Dialect, Kind, access_of, obstacle_of, program_refusal, public, refuse_program, signed_in
from ui.registry import registry


@signed_in
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    wide: list[tuple[str, dict[str, Any]]] = []
    beside: list[tuple[str, dict[str, Any]]] = []
    for card in sorted(registry.home_cards, key=lambda card: card.order):
        context = card.context(request)
        if context is not None:
            (wide if card.wide else beside).append((card.template, context))
    return render(request, "config/home.html", {"wide": wide, "beside": beside, "now": timezone.now()})


@public
@require_safe
async def healthz(request: HttpRequest) -> HttpResponse:
    """Answers while the process lives; asks nothing of the database."""
    return HttpResponse("ok", content_type="text/plain")


@public
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """One word to everybody, ready or unready; every check with its sentence to those who may read the system."""
    details = _may_see_details(request)
    # What is not fatal makes no difference to the one word, and whoever asks for it asks often.
    found = findings(only_fatal=not details)
    ready = is_ready(found)
    status = 200 if ready else 503
    if details:
        return render(request, "config/readyz.html", {"findings": found, "ready": ready}, status=status)
    return HttpResponse("ready" if ready else "unready", content_type="text/plain", status=status)


def _may_see_details(request: HttpRequest) -> bool:
    try:
        return request.user.has_perm("system.read") and obstacle_of(request, Access(Kind.SIGNED_IN)) is None
    except Error:  # the person cannot be looked up while the database is away
        return False


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Where a form or a call does not show that it comes from here; a program of nobody is told that first."""
    access = _program_access(request)
    if access is None or request.resolver_match is None:
        return csrf.csrf_failure(request, reason)
    sentence = _("The call needs the header X-CSRFToken beside the cookies: %(reason)s")
    refusal = program_refusal(request, access, request.resolver_match.kwargs)
    return refusal or refuse_program(sentence % {"reason": reason}, status=403, dialect=access.api or Dialect.PROBLEM)


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Where a form cannot be read, before any view could say so."""
    access = _program_access(request)
    if access is None or access.api is None:
        return defaults.bad_request(request, exception)
    return refuse_program(_("The request could not be read."), status=400, dialect=access.api)


def _program_access(request: HttpRequest) -> Access | None:
    """What the route asks of a program; None where it is for people, or there is none."""
    access = access_of(request.resolver_match.func) if request.resolver_match else None
    return access if access is not None and access.api else None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Where nothing is, with the sentence of a page that knows what is not there."""
    sentence = exception.sentence if isinstance(exception, NotThere) else ""
    return render(request, "404.html", {"sentence": sentence}, status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """Where something went wrong; what those who run the installation can mend is said, and asks no database."""
    trouble = sys.exception()
    if is_full(trouble):
        title = _("There is no room left to save this")
        words = _("The disk of the database is full; nothing was saved, and nothing saved before was harmed.")
    elif isinstance(trouble, ForeignTrail):
        title, words = _("Nothing can be changed here now"), _("Nothing was saved.") + f" {trouble}"
    else:
        return defaults.server_error(request)
    if request.headers.get("HX-Request") or "text/html" not in request.headers.get("Accept", "text/html"):
        answer = HttpResponse(words, content_type="text/plain; charset=utf-8")
    else:
        answer = HttpResponse(render_to_string("503.html", {"title": title, "words": words}))
    answer.status_code = 503
    answer["Retry-After"] = "30"
    return answer
