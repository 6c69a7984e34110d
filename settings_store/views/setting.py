"""One setting in one environment: its page with its history, and its changes, there or in its row of the grid."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from settings_store import actions, grid, proposals
from settings_store.actions import StaleSetting
from settings_store.definitions import Definition
from settings_store.fingerprints import may_compare
from settings_store.forms import SettingForm
from settings_store.models import OwnSetting, SettingVersion
from settings_store.views.grid import row
from settings_store.views.pieces import (
    definition_or_404,
    environment_or_404,
    form_context,
    page_of,
    refuse,
    said,
    slow_down,
)
from ui.forms import form_status, require_page_methods
from ui.guard import ask_step_up, requires, stepped_up
from ui.keyset import paginate

HISTORY = 20


@requires("settings.read")
@require_safe
def setting_edit(request: HttpRequest, key: str) -> HttpResponse:
    definition = definition_or_404(key, retired=True)
    environment = environment_or_404(request, definition)
    return _page(request, definition, environment)


@requires("settings.write")
@sensitive_post_parameters("value")
@require_page_methods
def setting_change(request: HttpRequest, key: str) -> HttpResponse:
    """A change of anything but a secret, which asks for a fresh password first."""
    definition = definition_or_404(key)
    if definition.is_secret:
        raise Http404
    return _change(request, definition)


@requires("settings.write", step_up=True)
@sensitive_post_parameters("value")
@require_page_methods
def secret_change(request: HttpRequest, key: str) -> HttpResponse:
    definition = definition_or_404(key)
    if not definition.is_secret:
        raise Http404
    return _change(request, definition)


@requires("settings.delete")
@sensitive_post_parameters("value")
@require_page_methods
def setting_clear(request: HttpRequest, key: str) -> HttpResponse:
    definition = definition_or_404(key)
    environment = environment_or_404(request, definition)
    if request.method != "POST":
        return redirect(page_of(key, environment))
    if definition.is_secret and not stepped_up(request):
        return ask_step_up(request)
    form = SettingForm(definition, request.POST)
    form.full_clean()
    # The value in the form is beside the point here; only version, reason and time count.
    form.errors.pop("value", None)
    return _submit(request, definition, environment, form, value=None)


def _change(request: HttpRequest, definition: Definition) -> HttpResponse:
    environment = environment_or_404(request, definition)
    if request.method != "POST":
        return redirect(page_of(definition.key, environment))
    form = SettingForm(definition, request.POST)
    if "check" in request.POST:
        # Somebody left the field and is not done yet: nothing is saved.
        return render(request, "settings_store/_setting_form.html#checked", {"form": form})
    if form.is_valid() and definition.is_secret and not form.cleaned_data["value"]:
        return _done(request, definition, environment, messages.INFO, _("The secret stays as it is."))
    if form.is_valid() and definition.is_secret:
        slow_down(request, form)
    return _submit(request, definition, environment, form, value=form.cleaned_data.get("value", ""))


def _submit(
    request: HttpRequest, definition: Definition, environment: str, form: SettingForm, *, value: str | None
) -> HttpResponse:
    """Make or propose the change of a form that may still hold errors."""
    if form.is_valid():
        try:
            made = actions.submit_change(
                actor=request.user,
                key=definition.key,
                environment=environment,
                value=value,
                reason=form.cleaned_data["reason"],
                expected_version=form.cleaned_data["version"],
                apply_at=form.cleaned_data["apply_at"],
            )
        except StaleSetting as stale:
            return _stale(request, definition, environment, form, stale, clearing=value is None)
        except ValidationError as error:
            refuse(form, error)
        else:
            level, words = said(made)
            return _done(request, definition, environment, level, words)
    status = form_status(form)
    if _in_place(request):
        return row(request, definition, environment, opened=True, form=form, status=status)
    return _page(request, definition, environment, form=form, status=status)


def _done(request: HttpRequest, definition: Definition, environment: str, level: int, words: str) -> HttpResponse:
    if not _in_place(request):
        messages.add_message(request, level, words)
        return redirect(page_of(definition.key, environment))
    response = row(request, definition, environment)
    response.headers["HX-Trigger"] = json.dumps({"toast": words})
    return response


def _stale(
    request: HttpRequest,
    definition: Definition,
    environment: str,
    form: SettingForm,
    stale: StaleSetting,
    *,
    clearing: bool,
) -> HttpResponse:
    # Sent once more, the form now says that the newer version was seen.
    sent = request.POST.copy()
    sent["version"] = str(stale.setting.version)
    form.data = sent
    if _in_place(request):
        return row(request, definition, environment, opened=True, form=form, status=409, stale=stale, clearing=clearing)
    return _page(request, definition, environment, form=form, status=409, stale=stale, clearing=clearing)


def _in_place(request: HttpRequest) -> bool:
    return bool(request.headers.get("HX-Request"))


def _page(
    request: HttpRequest,
    definition: Definition,
    environment: str,
    *,
    status: int = 200,
    **form_and_state: Any,
) -> HttpResponse:
    key = definition.key
    versions = SettingVersion.objects.filter(setting__key=key, setting__environment=environment)
    versions = versions.select_related("setting", "secret", "proposal")
    page = paginate(versions, request, order={"version": ("-version",)}, default="version", per_page=HISTORY)
    before = versions.filter(version__lt=page.rows[-1].version).order_by("-version").first() if page.rows else None
    line = grid.lines_of([definition])[0]
    context = {
        "line": line,
        "page": page,
        "history": grid.history(definition, page.rows, before, prints=may_compare(request.user)),
        "current": {"version": line.at(environment).version},
        "code_default": definition.shown(definition.default),
        "own": OwnSetting.objects.filter(key=key).first() if definition.is_own else None,
        **form_context(request, definition, environment, line, **form_and_state),
        **proposals.around_setting(request, key, environment),
    }
    return render(request, "settings_store/setting_edit.html", context, status=status)
