"""One's own security history."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.history import Kind, question, told
from accounts.http import HtmxHttpRequest
from settings_store.trail.pages import page_of
from ui.guard import signed_in


@signed_in
@require_safe
def profile_history(request: HtmxHttpRequest) -> HttpResponse:
    """What happened to the account of whoever asks, and what was tried; needs no right to the trail."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in Kind.values else ""
    page = page_of(question(request.user, kind), request)
    context = {"page": page, "lines": told(page.rows, request.user), "kinds": Kind.choices, "kind": kind}
    return render(request, "accounts/profile_history.html", context)
