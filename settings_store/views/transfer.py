"""Pages that take settings out to a file and in from one."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from settings_store import limits
from settings_store.actions import transfer
from settings_store.actions.transfer import RefusedImport, StaleImport
from settings_store.crypto import CannotOpen
from settings_store.forms.transfer import ApplyForm, ExportForm, ImportForm
from settings_store.models import SettingImport
from settings_store.transfer import checking, writing
from settings_store.transfer.entries import Entry
from ui.forms import form_status, posted, require_page_methods
from ui.guard import ask_step_up, requires, stepped_up

# As many changes as one page lists.
LINES = 200
_OFFSET_DIGITS = 6
# A passphrase costs a fifth of a second and much memory each time, and is not to be guessed here.
LIMIT, LIMIT_SECONDS = 10, 60


@requires("settings.read")
@require_page_methods
def export(request: HttpRequest) -> HttpResponse:
    """The form, and the file without secrets."""
    form = ExportForm(posted(request), initial={"environments": [settings.ENVIRONMENT]})
    if not form.is_bound or not form.is_valid():
        return _export_page(request, form)
    if form.cleaned_data["passphrase"]:
        form.add_error("passphrase", _("A passphrase is for a file with secrets; leave it out for one without."))
        return _export_page(request, form)
    return _file(request, form)


@requires("settings.reveal", step_up=True)
@require_POST
def export_secrets(request: HttpRequest) -> HttpResponse:
    """The same with secrets, for whoever may reveal them."""
    if not request.user.has_perm("settings.read"):
        raise PermissionDenied("settings.read")
    form = ExportForm(request.POST)
    if form.is_valid() and form.cleaned_data["passphrase"] is None:
        form.add_error("passphrase", _("Secrets leave only under a passphrase."))
    if not form.is_valid():
        return _export_page(request, form)
    if not _may_try(request):
        form.add_error("passphrase", _too_many())
        return _export_page(request, form, status=429)
    return _file(request, form)


def _export_page(request: HttpRequest, form: ExportForm, *, status: int | None = None) -> HttpResponse:
    may_reveal = request.user.has_perm("settings.reveal")
    context = {
        "form": form,
        "may_reveal": may_reveal,
        "must_step_up": may_reveal and not stepped_up(request),
        "step_up_url": f"{reverse('step_up')}?{urlencode({'next': reverse('settings_store:export')})}",
    }
    return render(request, "settings_store/export.html", context, status=status or form_status(form))


def _file(request: HttpRequest, form: ExportForm) -> HttpResponse:
    wanted = form.cleaned_data
    found = transfer.export_settings(
        actor=request.user,
        environments=wanted["environments"],
        own_only=wanted["what"] == "own",
        passphrase=wanted["passphrase"],
        format_=wanted["format"],
    )
    text = writing.write(found, wanted["format"])
    answer = HttpResponse(text, content_type=f"{writing.MIME[wanted['format']]}; charset=utf-8")
    name = wanted["environments"][0] if len(wanted["environments"]) == 1 else "environments"
    answer["Content-Disposition"] = f'attachment; filename="settings-{name}.{wanted["format"]}"'
    return answer


@requires("settings.write")
@require_page_methods
def import_new(request: HttpRequest) -> HttpResponse:
    transfer.forget_old_imports()
    form = ImportForm(posted(request), request.FILES or None)
    status = None
    if form.is_bound and form.is_valid() and form.cleaned_data["passphrase"] and not _may_try(request):
        form.add_error("passphrase", _too_many())
        status = 429
    if form.is_bound and form.is_valid():
        try:
            row = transfer.start_import(
                actor=request.user, name=form.name, entries=form.entries, passphrase=form.cleaned_data["passphrase"]
            )
        except ValidationError as error:
            form.add_error("passphrase", error)
        else:
            return redirect(_address(row))
    form.withhold_secrets()
    return render(request, "settings_store/import_new.html", {"form": form}, status=status or form_status(form))


@requires("settings.write")
@require_safe
def import_detail(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """How far the check is, what is wrong, or what would change."""
    return _import_page(request, _import(request, public_id))


@requires("settings.write")
@require_POST
def import_check(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Check the next entries."""
    row = _import(request, public_id)
    try:
        transfer.check_step(row)
    except SettingImport.DoesNotExist:
        # Cancelled while it was checked.
        raise Http404 from None
    except CannotOpen:
        return _gone(request, row)
    if not request.headers.get("HX-Request"):
        return redirect(_address(row))
    if row.checked < row.total:
        return render(request, "settings_store/import_detail.html#progress", {"row": row})
    return HttpResponse(status=204, headers={"HX-Redirect": _address(row)})


@requires("settings.write")
@require_POST
def import_apply(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    row = _import(request, public_id)
    if row.checked < row.total or row.troubles:
        return redirect(_address(row))
    try:
        if checking.has_secrets(checking.entries_of(row)) and not stepped_up(request):
            return ask_step_up(request)
    except CannotOpen:
        return _gone(request, row)
    form = ApplyForm(request.POST)
    if not form.is_valid():
        return _import_page(request, row, form, status=422)
    try:
        count = transfer.apply_import(actor=request.user, row=row, **form.cleaned_data)
    except SettingImport.DoesNotExist:
        raise Http404 from None
    except StaleImport:
        return _import_page(request, row, form, status=409, is_stale=True)
    except RefusedImport:
        return _import_page(request, row, status=409)
    except ValidationError as error:
        form.add_error("reason", error)
        return _import_page(request, row, form, status=422)
    said = ngettext("%(count)d setting was changed.", "%(count)d settings were changed.", count) % {"count": count}
    messages.success(request, said)
    return redirect("settings_store:setting_list")


@requires("settings.write")
@require_POST
def import_cancel(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    transfer.cancel_import(_import(request, public_id))
    messages.info(request, _("The import was cancelled; nothing was changed."))
    return redirect("settings_store:import_new")


def _import(request: HttpRequest, public_id: uuid.UUID) -> SettingImport:
    """An import is its author's alone, who must be allowed to see what holds."""
    transfer.forget_old_imports()
    if not request.user.has_perm("settings.read"):
        raise PermissionDenied("settings.read")
    return get_object_or_404(SettingImport, public_id=public_id, author_id=request.user.pk)


def _import_page(
    request: HttpRequest,
    row: SettingImport,
    form: ApplyForm | None = None,
    *,
    status: int = 200,
    is_stale: bool = False,
) -> HttpResponse:
    context = {"row": row, "is_done": row.checked >= row.total, "most_troubles": checking.MOST_TROUBLES}
    if context["is_done"] and not row.troubles:
        try:
            entries = checking.entries_of(row)
            # Whether a secret would change says something about it.
            if checking.has_secrets(entries) and not stepped_up(request):
                return ask_step_up(request)
            context |= _preview(request, row, entries, form)
        except SettingImport.DoesNotExist:
            raise Http404 from None
        except CannotOpen:
            return _gone(request, row)
    return render(request, "settings_store/import_detail.html", context | {"is_stale": is_stale}, status=status)


def _preview(
    request: HttpRequest, row: SettingImport, entries: list[Entry], form: ApplyForm | None
) -> dict[str, object]:
    try:
        preview = checking.preview(entries)
    except (KeyError, ValidationError):
        # The rules have changed since the check.
        transfer.check_again(row)
        return {}
    if form is None:
        form = ApplyForm(initial={"seen": preview.seen})
    else:
        # Sent once more, the form says that this state was seen.
        form.data = {**form.data, "seen": preview.seen, "reason": form.data.get("reason", "")}
    text = request.GET.get("after", "")
    after = int(text) if text.isascii() and text.isdigit() and len(text) <= _OFFSET_DIGITS else 0
    lines = preview.lines[after : after + LINES]
    return {
        "preview": preview,
        "form": form,
        "lines": lines,
        "first": after + 1,
        "last": after + len(lines),
        "newer": max(after - LINES, 0) if after else None,
        "older": after + LINES if after + LINES < len(preview.lines) else None,
    }


def _gone(request: HttpRequest, row: SettingImport) -> HttpResponse:
    transfer.cancel_import(row)
    messages.error(request, _("What was kept of the file cannot be read any more. Choose it once more."))
    return redirect("settings_store:import_new")


def _may_try(request: HttpRequest) -> bool:
    return limits.reserve("settings.passphrase", str(request.user.pk), limit=LIMIT, seconds=LIMIT_SECONDS).allowed


def _too_many() -> str:
    return _("You have used many passphrases within a minute. Wait a little, then try again.")


def _address(row: SettingImport) -> str:
    return reverse("settings_store:import_detail", args=[row.public_id])
