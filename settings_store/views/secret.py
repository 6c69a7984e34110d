"""Secrets shown for a moment, or copied without being shown, to those who may and have just given their password."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from settings_store import limits
from settings_store.actions.secret import reveal_secret
from settings_store.definitions import UnknownSetting
from settings_store.holding import DEFAULT, PLACES
from ui.forms import require_page_methods
from ui.guard import requires

SHOWN_SECONDS = 30
# A person reads a few; whoever asks for more than this within a minute gathers them.
LIMIT, LIMIT_SECONDS = 30, 60
TOO_MANY = "too many"


@requires("settings.reveal", step_up=True)
@never_cache
@require_page_methods
def secret_reveal(request: HttpRequest, key: str) -> HttpResponse:
    """The secret for half a minute: the script takes it away, and without one the page goes back by itself."""
    back = _page_of(request, key)
    if request.method != "POST":
        return redirect(back)
    context = {"key": key, "environment": _environment(request), "back": back, "seconds": SHOWN_SECONDS}
    status = 200
    try:
        context["secret"] = _secret(request, key)
    except ValidationError as error:
        context["problem"], status = error.messages[0], _status(error)
    partial = "#shown" if request.headers.get("HX-Request") else ""
    if partial and status != 200:
        # A refusal that the script puts where the button stood.
        status = 409
    response = render(request, f"settings_store/secret_reveal.html{partial}", context, status=status)
    if "secret" in context and not partial:
        response.headers["Refresh"] = f"{SHOWN_SECONDS};url={back}"
    return response


@requires("settings.reveal", step_up=True)
@never_cache
@require_page_methods
def secret_copy(request: HttpRequest, key: str) -> HttpResponse:
    """The secret as plain text, for the script that puts it into the clipboard."""
    if request.method != "POST":
        return redirect(_page_of(request, key))
    try:
        return HttpResponse(_secret(request, key, copied=True), content_type="text/plain; charset=utf-8")
    except ValidationError as error:
        return HttpResponse(error.messages[0], content_type="text/plain; charset=utf-8", status=_status(error))


def _secret(request: HttpRequest, key: str, *, copied: bool = False) -> str:
    environment = _environment(request)
    if not limits.reserve("secret.reveal", str(request.user.pk), limit=LIMIT, seconds=LIMIT_SECONDS).allowed:
        raise ValidationError(
            _("You have asked for many secrets within a minute. Wait a little, then ask again."), code=TOO_MANY
        )
    try:
        return reveal_secret(actor=request.user, key=key, environment=environment, copied=copied)
    except UnknownSetting as error:
        raise Http404 from error


def _status(error: ValidationError) -> int:
    return 429 if getattr(error, "code", None) == TOO_MANY else 409


def _environment(request: HttpRequest) -> str:
    environment = request.GET.get("environment", str(settings.ENVIRONMENT))
    if environment not in PLACES or environment == DEFAULT:
        raise Http404
    return environment


def _page_of(request: HttpRequest, key: str) -> str:
    return f"{reverse('settings_store:setting_edit', args=[key])}?environment={_environment(request)}"
