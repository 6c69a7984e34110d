"""Settings of one's own: declare one, change its rules, retire it and bring it back."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from settings_store import actions
from settings_store.actions import BreaksValues, StaleDefinition
from settings_store.forms import TYPES, DefinitionForm
from settings_store.models import OwnSetting
from settings_store.own import every_definition
from settings_store.values import SETTING_TYPES, SettingType
from settings_store.views.pieces import definition_or_404
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires


@requires("settings.admin")
@require_page_methods
def definition_create(request: HttpRequest) -> HttpResponse:
    """First the type, which stays; then a form with the fields that fit it."""
    kind = _kind(request.GET.get("type", ""))
    if kind is None:
        return render(request, "settings_store/definition_type.html", {"types": TYPES.items()})
    form = DefinitionForm(kind, posted(request), category=request.GET.get("category", "")[:60])
    if form.is_valid():
        try:
            row = actions.create_definition(actor=request.user, definition=form.definition())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Created. Give it a value wherever the default does not fit."))
            return redirect(_page_of(row.key))
    return _form(request, form)


@requires("settings.admin")
@require_page_methods
def definition_edit(request: HttpRequest, key: str) -> HttpResponse:
    row = _row(key)
    form = DefinitionForm(SettingType(row.type), posted(request), row=row)
    if not form.is_valid():
        return _form(request, form)
    try:
        changed = actions.change_definition(
            actor=request.user,
            definition=form.definition(),
            expected_version=form.cleaned_data["version"],
            despite=form.cleaned_data["despite"],
        )
    except BreaksValues as breaks:
        return _form(request, form, broken=breaks.broken, status=422)
    except StaleDefinition as stale:
        sent = request.POST.copy()
        sent["version"] = str(stale.row.version)
        return _form(request, DefinitionForm(SettingType(row.type), sent, row=stale.row), stale=True, status=409)
    except ValidationError as error:
        form.add_error(None, error)
        return _form(request, form)
    if changed.version == row.version:
        messages.info(request, _("Nothing changed: these are its rules already."))
    else:
        messages.success(request, _("The rules are saved and hold from now on."))
    return redirect(_page_of(key))


@requires("settings.admin")
@require_POST
def definition_retire(request: HttpRequest, key: str) -> HttpResponse:
    row = _row(key)
    try:
        actions.retire_definition(actor=request.user, key=row.key)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, _("Retired. Its history stays, and it can be brought back."))
    return redirect(_page_of(key))


@requires("settings.admin")
@require_POST
def definition_restore(request: HttpRequest, key: str) -> HttpResponse:
    row = _row(key)
    try:
        actions.restore_definition(actor=request.user, key=row.key)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, _("Brought back, with the values it had."))
    return redirect(_page_of(key))


def _form(
    request: HttpRequest,
    form: DefinitionForm,
    *,
    broken: object = None,
    stale: bool = False,
    status: int | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "row": form.row,
        "kind": form.kind,
        "kind_words": TYPES[form.kind],
        "categories": sorted({str(definition.category) for definition in every_definition()}),
        "broken": broken,
        "stale": stale,
        "back": _page_of(form.row.key) if form.row else reverse("settings_store:setting_list"),
    }
    return render(request, "settings_store/definition_edit.html", context, status=status or form_status(form))


def _kind(name: str) -> SettingType | None:
    return SettingType(name) if name in SETTING_TYPES else None


def _row(key: str) -> OwnSetting:
    if not definition_or_404(key, retired=True).is_own:
        raise Http404
    return OwnSetting.objects.get(key=key)


def _page_of(key: str) -> str:
    return reverse("settings_store:setting_edit", args=[key])
