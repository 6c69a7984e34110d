"""/settings/compare/: what two environments have, side by side."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from settings_store import grid
from settings_store.fingerprints import may_compare
from settings_store.holding import PLACES
from settings_store.own import every_definition
from ui.guard import requires


@requires("settings.read")
@require_safe
def setting_compare(request: HttpRequest) -> HttpResponse:
    left = _side(request, "left", "staging" if settings.ENVIRONMENT == "production" else "production")
    right = _side(request, "right", settings.ENVIRONMENT)
    words = request.GET.get("q", "")[:200]
    # Asked for the first time, it shows what there is to see: the differences.
    all_of_them = "all" in request.GET
    every = grid.lines_of(every_definition())
    prints = may_compare(request.user)
    pairs = [
        (line, line.at(left), line.at(right), line.unequal(left, right, prints=prints))
        for line in every
        if line.holds(words)
    ]
    context = {
        "rows": [pair for pair in pairs if pair[3] or all_of_them],
        "left": left,
        "right": right,
        "columns": PLACES,
        "here": settings.ENVIRONMENT,
        "words": words,
        "all": all_of_them,
        "unequal": sum(pair[3] for pair in pairs),
        "count": len(pairs),
    }
    return render(request, "settings_store/setting_compare.html", context)


def _side(request: HttpRequest, name: str, otherwise: str) -> str:
    asked = request.GET.get(name, "")
    return asked if asked in PLACES else otherwise
