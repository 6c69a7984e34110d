"""Pages of settings: the grid of all, and one setting in one environment with its history."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from settings_store import actions, grid, store
from settings_store.actions import ABOUT_REASON, StaleSetting
from settings_store.definitions import Definition, UnknownSetting, definition_of, definitions
from settings_store.forms import SettingForm
from settings_store.models import SettingVersion
from ui.forms import form_status, require_page_methods
from ui.guard import requires, stepped_up
from ui.keyset import paginate

HISTORY = 20


@requires("settings.read")
@require_safe
def setting_list(request: HttpRequest) -> HttpResponse:
    every = definitions()
    groups = {definition.group: definition.category for definition in every}
    group = request.GET.get("group", "")
    words = request.GET.get("q", "")[:200]
    differing = "differs" in request.GET
    chosen = [definition for definition in every if group not in groups or definition.group == group]
    rows = grid.rows_of(chosen)
    lines = [
        line
        for line in (grid.line_of(definition, rows) for definition in chosen)
        if line.holds(words) and (line.differs or not differing)
    ]
    context = {
        "lines": lines,
        "columns": grid.COLUMNS,
        "here": settings.ENVIRONMENT,
        "groups": groups,
        "group": group if group in groups else "",
        "count": len(every),
        "words": words,
        "differing": differing,
        "filtered": bool(words or differing),
    }
    return render(request, "settings_store/setting_list.html", context)


@requires("settings.read")
@require_safe
def setting_edit(request: HttpRequest, key: str) -> HttpResponse:
    definition = _definition(key)
    environment = _environment(request, definition)
    return _page(request, definition, environment)


@requires("settings.write")
@require_page_methods
def setting_change(request: HttpRequest, key: str) -> HttpResponse:
    """A change of anything but a secret, which asks for a fresh password first."""
    definition = _definition(key)
    if definition.is_secret:
        raise Http404
    return _change(request, definition)


@requires("settings.write", step_up=True)
@require_page_methods
def secret_change(request: HttpRequest, key: str) -> HttpResponse:
    definition = _definition(key)
    if not definition.is_secret:
        raise Http404
    return _change(request, definition)


@requires("settings.delete")
@require_page_methods
def setting_clear(request: HttpRequest, key: str) -> HttpResponse:
    definition = _definition(key)
    environment = _environment(request, definition)
    if request.method != "POST":
        return redirect(_address(key, environment))
    form = SettingForm(definition, request.POST)
    form.full_clean()
    # The value in the form is beside the point here; only version and reason count.
    form.errors.pop("value", None)
    if form.is_valid():
        try:
            actions.clear_setting(
                actor=request.user,
                key=key,
                environment=environment,
                reason=form.cleaned_data["reason"],
                expected_version=form.cleaned_data["version"],
            )
        except StaleSetting as stale:
            return _stale(request, definition, environment, form, stale)
        except ValidationError as error:
            _refuse(form, error)
        else:
            messages.success(request, _("The default holds again."))
            return redirect(_address(key, environment))
    return _page(request, definition, environment, form, status=form_status(form))


def _change(request: HttpRequest, definition: Definition) -> HttpResponse:
    key, environment = definition.key, _environment(request, definition)
    if request.method != "POST":
        return redirect(_address(key, environment))
    form = SettingForm(definition, request.POST)
    if "check" in request.POST:
        # Somebody left the field and is not done yet: nothing is saved.
        return render(request, "settings_store/setting_edit.html#checked", {"form": form})
    if form.is_valid():
        if definition.is_secret and not form.cleaned_data["value"]:
            messages.info(request, _("The secret stays as it is."))
            return redirect(_address(key, environment))
        before = form.cleaned_data["version"]
        try:
            setting = actions.change_setting(
                actor=request.user,
                key=key,
                environment=environment,
                value=form.cleaned_data["value"],
                reason=form.cleaned_data["reason"],
                expected_version=before,
            )
        except StaleSetting as stale:
            return _stale(request, definition, environment, form, stale)
        except ValidationError as error:
            _refuse(form, error)
        else:
            if setting.version == before:
                messages.info(request, _("Nothing changed: it has this value already."))
            else:
                messages.success(request, _("Saved as version %(version)d.") % {"version": setting.version})
            return redirect(_address(key, environment))
    return _page(request, definition, environment, form, status=form_status(form))


def _stale(
    request: HttpRequest, definition: Definition, environment: str, form: SettingForm, stale: StaleSetting
) -> HttpResponse:
    # Sent once more, the form now says that the newer version was seen.
    sent = request.POST.copy()
    sent["version"] = str(stale.setting.version)
    form.data = sent
    clearing = bool(request.resolver_match and request.resolver_match.url_name == "setting_clear")
    return _page(request, definition, environment, form, status=409, stale=stale, clearing=clearing)


def _refuse(form: SettingForm, error: ValidationError) -> None:
    about_reason = getattr(error, "code", None) == ABOUT_REASON
    form.add_error("reason" if about_reason else None, error)


def _page(
    request: HttpRequest,
    definition: Definition,
    environment: str,
    form: SettingForm | None = None,
    *,
    status: int = 200,
    stale: StaleSetting | None = None,
    clearing: bool = False,
) -> HttpResponse:
    key = definition.key
    versions = SettingVersion.objects.filter(setting__key=key, setting__environment=environment)
    page = paginate(versions, request, order={"version": ("-version",)}, default="version", per_page=HISTORY)
    before = versions.filter(version__lt=page.rows[-1].version).order_by("-version").first() if page.rows else None
    rows = grid.rows_of([definition])
    row = rows.get((key, environment))
    if form is None:
        initial = {"version": row.version if row else 0, "value": _initial(definition, environment, rows)}
        form = SettingForm(definition, initial=initial)
    line = grid.line_of(definition, rows)
    cell = next(cell for cell in line.cells if cell.environment == environment)
    context = {
        "definition": definition,
        "environment": environment,
        "line": line,
        "cell": cell,
        "form": form,
        "stale": stale,
        "clearing": clearing,
        "page": page,
        "history": grid.history(definition, page.rows, before),
        "current": row,
        "must_step_up": definition.is_secret and not stepped_up(request),
        "step_up_url": f"{reverse('step_up')}?{urlencode({'next': _address(key, environment)})}",
        "code_default": definition.shown(definition.default),
    }
    return render(request, "settings_store/setting_edit.html", context, status=status)


def _definition(key: str) -> Definition:
    try:
        return definition_of(key)
    except UnknownSetting as error:
        raise Http404 from error


def _environment(request: HttpRequest, definition: Definition) -> str:
    environment = request.GET.get("environment", str(settings.ENVIRONMENT))
    # Never a guess: a change meant for another environment must not land in this one.
    if environment not in grid.COLUMNS or (definition.is_secret and environment == store.DEFAULT):
        raise Http404
    return environment


def _initial(definition: Definition, environment: str, rows: grid.Rows) -> str | bool:
    if definition.is_secret:
        return ""
    value: Any = definition.default
    for place in (environment, store.DEFAULT):
        row = rows.get((definition.key, place))
        if row is not None and store.is_set(row):
            try:
                value = store.own_value(definition, row)
            except ValidationError:
                # Under rules tightened since: shown as it is kept, to be put right.
                return row.value if isinstance(row.value, str) else json.dumps(row.value)
            break
    return value if isinstance(value, bool) else str(definition.written(value))


def _address(key: str, environment: str) -> str:
    return f"{reverse('settings_store:setting_edit', args=[key])}?environment={environment}"
