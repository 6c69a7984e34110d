"""Home, the two questions of a load balancer, and the pages shown when something is wrong."""

from __future__ import annotations

from typing import Any

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from config.health import findings
from ui.guard import public, signed_in
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
    found = findings()
    ready = not any(finding.problem for finding in found)
    status = 200 if ready else 503
    if _may_see_details(request):
        return render(request, "config/readyz.html", {"findings": found, "ready": ready}, status=status)
    return HttpResponse("ready" if ready else "unready", content_type="text/plain", status=status)


def _may_see_details(request: HttpRequest) -> bool:
    try:
        return request.user.has_perm("system.read")
    except Error:  # the person cannot be looked up while the database is away
        return False
