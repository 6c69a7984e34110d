"""One flag in one environment: its page with its history, the change of its rules, its share, and test-as."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from settings_store import actions, people
from settings_store.actions import ABOUT_REASON, ABOUT_TIME, ProtectedSetting, StaleSetting
from settings_store.definitions import UnknownSetting
from settings_store.flag.rules import Document
from settings_store.forms.flag_describe import UndoForm
from settings_store.forms.flag_rules import FlagRulesForm
from settings_store.models import Proposal, Setting
from settings_store.views.flag_page import FlagPage
from settings_store.views.flag_pieces import flag_or_404
from settings_store.views.pieces import said
from ui.absence import NotThere
from ui.forms import form_status, require_page_methods
from ui.guard import requires

# What a button of the form does to what is written, without saving it, and the field it is about.
ACTS = {
    "people": "people_add",
    "excluded": "excluded_add",
    "needs": "needs_add",
    "variant": "variants",
    "even": "variants",
    "share": "share",
    "only": "share",
}
DROPS = ("people", "excluded", "needs", "variant")
SEARCHED = frozenset({"people", "excluded", "as"})
WORDS_LENGTH = 200


def act_of_page(view: Callable[[FlagPage], HttpResponse]) -> Callable[[HttpRequest, str], HttpResponse]:
    """One act on the page of a flag; its address, opened, leads to the page."""

    @require_page_methods
    @wraps(view)
    def act(request: HttpRequest, key: str) -> HttpResponse:
        page = FlagPage.asked(request, flag_or_404(key))
        return view(page) if request.method == "POST" else redirect(page.address)

    return act


@requires("flags.read")
@require_safe
def flag_edit(request: HttpRequest, key: str) -> HttpResponse:
    return FlagPage.asked(request, flag_or_404(key, archived=True)).render()


@requires("flags.write")
@act_of_page
def flag_change(page: FlagPage) -> HttpResponse:
    form = page.form(page.request.POST)
    if act := _act(page.request):
        return _draft(page, form, act)
    return _submit(page, form, form.document if form.is_valid() else None, clearing=False)


@requires("flags.delete")
@act_of_page
def flag_clear(page: FlagPage) -> HttpResponse:
    """Take the environment's own rules away, so that the default ones hold."""
    form = page.form(page.request.POST)
    form.full_clean()
    # The rules in the form are beside the point here; only version, reason and time count.
    form.keep_errors("version", "reason", "apply_at")
    return _submit(page, form, None, clearing=True)


@requires("flags.write")
@act_of_page
def flag_put_back(page: FlagPage) -> HttpResponse:
    """Give back the rules that this person has just taken away, where nobody changed them since."""
    form, level = UndoForm(page.request.POST), messages.WARNING
    # No version is 0.
    version = form.cleaned_data["version"] if form.is_valid() else 0
    try:
        row = actions.undo_change(
            actor=page.request.user, key=page.flag.key, environment=page.environment, version=version
        )
    except UnknownSetting as error:
        raise NotThere(str(error)) from error
    except StaleSetting as stale:
        words = _("%(name)s changed this since, so nothing was undone.") % {"name": stale.setting.updated_by_words}
    except ProtectedSetting:
        words = _("It was protected since, so nothing was undone: propose a change.")
    except ValidationError as error:
        words = error.messages[0]
    else:
        level, words = messages.SUCCESS, _("Undone: it is as it was, which is version %(version)d.")
        words %= {"version": row.version}
    messages.add_message(page.request, level, words)
    return redirect(page.address)


@requires("flags.write")
@act_of_page
def flag_share(page: FlagPage) -> HttpResponse:
    """Who of the people present would have the flag by the rules as they stand in the form."""
    form = page.form(page.request.POST)
    if not page.request.headers.get("HX-Request"):
        return _draft(page, form, "share")
    return page.part("counted", form, **_counted(page, form))


@requires("flags.read")
@require_safe
def flag_present(request: HttpRequest, key: str) -> HttpResponse:
    """Who of the people present has the flag by the rules that are saved; counting many takes a while."""
    page = FlagPage.asked(request, flag_or_404(key))
    share = page.share()
    return page.part("share", share=share) if "HX-Request" in request.headers else page.render(share=share)


@requires("flags.write")
@act_of_page
def flag_test(page: FlagPage) -> HttpResponse:
    """What somebody would get by the rules as they stand in the form, beside what they get by those saved."""
    asked, is_partial = page.request.POST, "HX-Request" in page.request.headers
    # Without scripts the rules come along as they were sent before.
    form = page.form(QueryDict(asked["draft"]) if "draft" in asked and not is_partial else asked)
    draft = form.document if form.is_valid() else None
    state = {"untested": draft is None} | page.test(asked, draft)
    if is_partial:
        return page.part("tested", form, **state)
    state |= _counted(page, form)
    form.keep_errors()
    return page.render(form, is_draft=True, **state)


@requires("flags.read")
@require_safe
def flag_people(request: HttpRequest, key: str) -> HttpResponse:
    """Whom the viewer may see and who could be meant by what is typed into a field."""
    page = FlagPage.asked(request, flag_or_404(key))
    field = request.GET.get("field", "")
    if field not in SEARCHED:
        raise NotThere(_("There is no such field."))
    name = "as" if field == "as" else f"{field}_add"
    # Several names may stand there, of which the last is being written.
    before, comma, words = request.GET.get(name, "")[-WORDS_LENGTH:].rpartition(",")
    found = people.directory().search(request.user, words.strip()) if words.strip() else []
    offers = [
        {"person": known, "values": json.dumps({"do": field, name: f"{before}{comma}{known.login}"})} for known in found
    ]
    return page.part("found", field=field, offers=offers, words=words.strip())


def _act(request: HttpRequest) -> str:
    """What a button does to what is written; empty where the rules are to be saved."""
    if (do := request.POST.get("do", "")) in ACTS:
        return do
    return next((name for name in DROPS if f"drop_{name}" in request.POST), "")


def _draft(page: FlagPage, form: FlagRulesForm, act: str) -> HttpResponse:
    """What is written, with a person more or less and the like; nothing is saved."""
    if act == "only":
        form.write(share="0")
    state: dict[str, Any] = {"is_draft": True, "focus": act, **_counted(page, form)}
    # Nobody is done yet: only what this button is about is said to be wrong.
    form.keep_errors(ACTS[act])
    if page.request.headers.get("HX-Request"):
        return page.part("rules", form, **state)
    return page.render(form, **state)


def _counted(page: FlagPage, form: FlagRulesForm) -> dict[str, Any]:
    return {"share": page.share(form.document) if form.is_valid() else None}


def _submit(page: FlagPage, form: FlagRulesForm, document: Document | None, *, clearing: bool) -> HttpResponse:
    """Make or propose the change of a form that may still hold errors."""
    if form.is_valid() or (clearing and not form.errors):
        cleaned = form.cleaned_data
        try:
            made = actions.change_rules(
                actor=page.request.user,
                key=page.flag.key,
                environment=page.environment,
                document=document,
                seen=form.seen,
                reason=cleaned["reason"],
                apply_at=cleaned["apply_at"],
            )
        except StaleSetting as stale:
            return _stale(page, form, stale, document, clearing=clearing)
        except UnknownSetting as error:
            raise NotThere(str(error)) from error
        except ValidationError as error:
            field = {ABOUT_REASON: "reason", ABOUT_TIME: "apply_at"}.get(getattr(error, "code", None) or "")
            form.add_error(field, error)
        else:
            if isinstance(made, Setting) and made.value is None:
                # The page says it itself, with the button that undoes it.
                return redirect(f"{page.address}&taken={made.version}")
            level, words = _said(made)
            messages.add_message(page.request, level, words)
            return redirect(page.address)
    return page.render(form, status=form_status(form), **_counted(page, form))


def _said(made: Setting | Proposal | None) -> tuple[int, str]:
    if made is None:
        return messages.INFO, _("Nothing changed: these rules hold already.")
    return said(made)


def _stale(
    page: FlagPage, form: FlagRulesForm, stale: StaleSetting, document: Document | None, *, clearing: bool
) -> HttpResponse:
    # Sent once more, the form now says that the newer version was seen.
    is_common = stale.setting.environment != page.environment
    form.write(**{"common" if is_common else "version": str(stale.setting.version)})
    state: dict[str, Any] = {"stale": stale, "clearing": clearing, "conflict": page.conflict(stale, document)}
    return page.render(form, status=409, **state, **_counted(page, form))
