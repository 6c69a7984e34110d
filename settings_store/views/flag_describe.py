"""A flag itself: created, described, archived and brought back. Its rules have pages of their own."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from settings_store import actions
from settings_store.actions import StaleFlag
from settings_store.definitions import UnknownSetting
from settings_store.flag import use
from settings_store.flag.rules import KEY, KEY_LENGTH
from settings_store.forms.flag_describe import DescriptionForm, FlagForm
from settings_store.models import Flag
from settings_store.views.flag_pieces import flag_or_404, page_of_flag
from ui.absence import NotThere
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires


@requires("flags.write")
@require_page_methods
def flag_create(request: HttpRequest) -> HttpResponse:
    form = FlagForm(posted(request), key=request.GET.get("key", "")[:KEY_LENGTH])
    if form.is_valid():
        key = form.cleaned_data["key"]
        try:
            flag = actions.create_flag(actor=request.user, key=key, kind=form.kind, description=form.words())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Created, and off everywhere. Say whom it is on for, then switch it on."))
            return redirect(page_of_flag(flag.key))
    # One that was archived is brought back instead, which is a click away.
    sent = form.data.get("key", "").strip() if "key" in form.errors else ""
    taken = Flag.objects.filter(key=sent).first() if KEY.fullmatch(sent) else None
    context = {"form": form, "taken": taken}
    return render(request, "settings_store/flag_create.html", context, status=form_status(form))


@requires("flags.write")
@require_page_methods
def flag_describe(request: HttpRequest, key: str) -> HttpResponse:
    flag = flag_or_404(key)
    form = DescriptionForm(posted(request), row=flag)
    if not form.is_valid():
        return _form(request, form, status=form_status(form))
    try:
        described = actions.describe_flag(
            actor=request.user, key=key, description=form.words(), expected_version=form.cleaned_data["version"]
        )
    except StaleFlag as stale:
        # Sent once more, the form now says that the newer words were seen.
        sent = request.POST.copy()
        sent["version"] = str(stale.row.version)
        return _form(request, DescriptionForm(sent, row=stale.row), stale=True, status=409)
    except UnknownSetting as error:
        raise NotThere(str(error)) from error
    if described.version == flag.version:
        messages.info(request, _("Nothing changed: this is how it is described already."))
    else:
        messages.success(request, _("Saved."))
    return redirect(page_of_flag(key))


@requires("flags.delete")
@require_POST
def flag_archive(request: HttpRequest, key: str) -> HttpResponse:
    """Archived it stays with its history, and the list offers to bring it back at once."""
    flag = flag_or_404(key, archived=True)
    try:
        actions.archive_flag(actor=request.user, key=flag.key)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect(page_of_flag(flag.key))
    return redirect(f"{reverse('settings_store:flag_list')}?{urlencode({'put_away': flag.key})}")


@requires("flags.delete")
@require_POST
def flag_restore(request: HttpRequest, key: str) -> HttpResponse:
    flag = flag_or_404(key, archived=True)
    actions.restore_flag(actor=request.user, key=flag.key)
    messages.success(request, _("%(key)s is back, with the rules it had.") % {"key": flag.key})
    return redirect(page_of_flag(flag.key))


def _form(request: HttpRequest, form: DescriptionForm, *, stale: bool = False, status: int = 200) -> HttpResponse:
    flag = form.row
    context = {
        "form": form,
        "flag": flag,
        "stale": stale,
        "back": page_of_flag(flag.key),
        "evaluated_at": use.last_evaluated([flag.key]).get(flag.key),
    }
    return render(request, "settings_store/flag_describe.html", context, status=status)
