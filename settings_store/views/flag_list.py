"""/flags/: every flag in every environment, with the switch that turns it on or off in this one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from settings_store import actions, proposals
from settings_store.actions import ABOUT_REASON, AlreadyProposed, ProtectedSetting, StaleSetting
from settings_store.definitions import UnknownSetting
from settings_store.flag import use
from settings_store.flag.following import protected_with
from settings_store.flag.grid import FlagLine, State, lines_of
from settings_store.flag.rules import KEY, KEY_LENGTH
from settings_store.forms.flag_describe import SwitchForm, UndoForm
from settings_store.holding import PLACES
from settings_store.models import Flag, Proposal, Setting
from settings_store.realms import Realm
from settings_store.views.flag_pieces import flag_or_404
from ui.absence import NotThere
from ui.guard import requires

PER_PAGE = 100
LONG_AGO = datetime.min.replace(tzinfo=UTC)
SORTS = {
    "changed": lambda line: line.changed.at,
    "evaluated": lambda line: line.evaluated_at or LONG_AGO,
}


@requires("flags.read")
@require_safe
def flag_list(request: HttpRequest) -> HttpResponse:
    return _page(request)


@requires("flags.read")
@require_safe
def flag_row(request: HttpRequest, key: str) -> HttpResponse:
    """One line of the list."""
    return _row(request, flag_or_404(key), focus=True)


@requires("flags.write")
@require_POST
def flag_switch(request: HttpRequest, key: str) -> HttpResponse:
    """Turn the flag on or off in this environment."""
    flag, form = flag_or_404(key), SwitchForm(request.POST)
    if not form.is_valid():
        if form.errors.keys() == {"reason"}:
            return _ask_why(request, flag, form)
        return _answer(request, flag, _("This is not a switch of this page; load it anew."), level="error", status=422)
    is_on = form.cleaned_data["on"]
    try:
        made = actions.switch_flag(
            actor=request.user,
            key=key,
            environment=settings.ENVIRONMENT,
            is_on=is_on,
            seen=form.seen,
            reason=form.cleaned_data["reason"],
        )
    except UnknownSetting as error:
        raise NotThere(str(error)) from error
    except StaleSetting as stale:
        words = _("%(name)s changed %(key)s meanwhile. Nothing was switched; this is how it stands now.")
        words %= {"name": stale.setting.updated_by_words, "key": key}
        return _answer(request, flag, words, level="warning", status=409)
    except AlreadyProposed as already:
        return _answer(request, flag, _proposed_words(request, already.proposal), level="warning")
    except ValidationError as error:
        if getattr(error, "code", "") == ABOUT_REASON:
            if form.cleaned_data["reason"]:
                form.add_error("reason", error)
            return _ask_why(request, flag, form)
        return _answer(request, flag, f"{key}: {error.messages[0]}", level="error", status=422)
    return _switched(request, flag, made, is_on=is_on)


@requires("flags.write")
@require_POST
def flag_undo(request: HttpRequest, key: str) -> HttpResponse:
    """Take one's own change in this environment back, where it is the newest still."""
    flag, form = flag_or_404(key), UndoForm(request.POST)
    if not form.is_valid():
        return _answer(request, flag, _("There is nothing to undo."), level="error", status=422)
    try:
        row = actions.undo_change(
            actor=request.user, key=key, environment=settings.ENVIRONMENT, version=form.cleaned_data["version"]
        )
    except UnknownSetting as error:
        raise NotThere(str(error)) from error
    except StaleSetting as stale:
        words = _("%(name)s changed %(key)s since, so nothing was undone; this is how it stands now.")
        words %= {"name": stale.setting.updated_by_words, "key": key}
        return _answer(request, flag, words, level="warning", status=409)
    except ProtectedSetting:
        words = _("%(key)s was protected since, so nothing was undone: propose a change on its page.")
        return _answer(request, flag, words % {"key": key}, level="warning", status=409)
    except ValidationError as error:
        return _answer(request, flag, f"{key}: {error.messages[0]}", level="error", status=422)
    words = _("Undone: %(key)s is as it was, which is version %(version)d.")
    return _answer(request, flag, words % {"key": key, "version": row.version}, focus=True)


def _switched(request: HttpRequest, flag: Flag, made: Setting | Proposal | None, *, is_on: bool) -> HttpResponse:
    place = {"key": flag.key, "environment": settings.ENVIRONMENT}
    if isinstance(made, Proposal):
        words = _("%(key)s is protected, so this is proposed. It counts once somebody else approves it.")
        return _answer(request, flag, words % place, proposal=made)
    if made is None:
        same = _("%(key)s is on in %(environment)s already."), _("%(key)s is off in %(environment)s already.")
        return _answer(request, flag, same[not is_on] % place, level="info")
    if not _in_place(request):
        # The page says it itself, with the button that undoes it.
        return redirect(_address(request, switched=flag.key))
    done = _("%(key)s is switched on in %(environment)s."), _("%(key)s is switched off in %(environment)s.")
    words = " ".join(filter(None, [done[not is_on] % place, _follow_words(flag, is_on=is_on)]))
    return _answer(request, flag, words, undo=made.version)


def _proposed_words(request: HttpRequest, proposal: Proposal) -> str:
    is_own = proposal.author_id == request.user.pk
    words = _("You proposed this already.") if is_own else _("%(name)s proposed this already.")
    url = reverse("settings_store:proposal_detail", args=[proposal.realm, proposal.public_id])
    link = format_html('<a href="{}">{}</a>', url, _("Open the proposal"))
    return format_html("{} {}", words % {"name": proposal.author_words}, link)


def _follow_words(flag: Flag, *, is_on: bool) -> str:
    """Which protected flags change along, though nobody approved it."""
    keys = protected_with(flag.key)
    if is_on:
        words = ngettext(
            "%(keys)s (protected) needs it, so its own rules count now.",
            "%(keys)s (protected) need it, so their own rules count now.",
            len(keys),
        )
    else:
        words = ngettext(
            "%(keys)s (protected) needs it and is off now too.",
            "%(keys)s (protected) need it and are off now too.",
            len(keys),
        )
    return words % {"keys": ", ".join(keys)} if keys else ""


def _answer(
    request: HttpRequest,
    flag: Flag,
    words: str,
    *,
    level: str = "success",
    status: int = 200,
    undo: int = 0,
    proposal: Proposal | None = None,
    focus: bool = False,
) -> HttpResponse:
    """The line as it is now and what is said of it; without scripts, the list with both.

    `undo` is the version that a button takes back, `proposal` one just made, which can be withdrawn; with `focus` the
    switch has it, where the button asked is gone.
    """
    if not _in_place(request):
        messages.add_message(request, getattr(messages, level.upper()), words)
        return redirect(_address(request))
    more: dict[str, Any] = {"said": words, "level": level, "focus": focus}
    if undo:
        url = f"{reverse('settings_store:flag_undo', args=[flag.key])}?{_kept(request).urlencode()}"
        more |= {"undo_url": url, "undo_version": undo, "undo_target": f"#flag-{flag.pk}"}
    if proposal is not None:
        url = reverse("settings_store:proposal_withdraw", args=[proposal.realm, proposal.public_id])
        more |= {"withdraw_url": url, "back": _address(request), "counts": proposals.counts(Realm.FLAGS)}
    return _row(request, flag, status=status, **more)


def _ask_why(request: HttpRequest, flag: Flag, form: SwitchForm) -> HttpResponse:
    """The line open to say why, where the house asks for a reason."""
    # Several lines may be open at once; each field has a name of its own to a label.
    form.auto_id = f"flag-{flag.pk}-%s"
    if _in_place(request):
        return _row(request, flag, why=form, status=422)
    return _page(request, only=flag, why=form, status=422)


def _row(request: HttpRequest, flag: Flag, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {"line": lines_of([flag])[0]} | more | _shared(request)
    return render(request, "settings_store/flag_list.html#answer", context, status=status)


def _page(
    request: HttpRequest, *, only: Flag | None = None, why: SwitchForm | None = None, status: int = 200
) -> HttpResponse:
    every = list(Flag.objects.order_by("key"))
    archived = "archived" in request.GET
    words, state = request.GET.get("q", "")[:200], request.GET.get("state", "")
    chosen = [flag for flag in every if (flag.archived_at is not None) is archived and _holds(flag, words)]
    stale, sort = "stale" in request.GET, request.GET.get("sort", "")
    if only is not None:
        # Whatever the filters say: somebody is asked something about it.
        chosen, state, stale = [only], "", False
    count = len(chosen)
    if state in State or stale or sort in SORTS:
        lines = [
            line
            for line in lines_of(chosen)
            if (state not in State or line.here.state == state) and (line.stale or not stale)
        ]
        if sort in SORTS:
            lines.sort(key=SORTS[sort], reverse=True)
        count = len(lines)
        shown, more = _slice(request, lines, [line.flag.key for line in lines])
    else:
        some, more = _slice(request, chosen, [flag.key for flag in chosen])
        shown = lines_of(some)
    undoable = _undoable(request, every)
    context = {
        "lines": shown,
        "count": count,
        "total": sum(flag.archived_at is None for flag in every),
        "archived_count": sum(flag.archived_at is not None for flag in every),
        "words": words,
        "state": state,
        "states": [(State.ON, _("On for everybody")), (State.PART, _("On for a part")), (State.OFF, _("Off"))],
        "stale": stale,
        "archived": archived,
        "sort": sort if sort in SORTS else "",
        "more": more,
        "filtered": bool(words or state in State or stale),
        "unknown": _unknown(every) if not archived else [],
        "why": why,
        "undoable": undoable,
        "follow_words": _follow_words(undoable.flag, is_on=undoable.here.is_on) if undoable else "",
        "counts": proposals.counts(Realm.FLAGS),
        "put_away": next(
            (flag for flag in every if flag.archived_at and flag.key == request.GET.get("put_away")), None
        ),
    }
    return render(request, "settings_store/flag_list.html", context | _shared(request), status=status)


def _shared(request: HttpRequest) -> dict[str, Any]:
    """What a line needs: which environments are shown, and the address that forms come back to."""
    here, asked = settings.ENVIRONMENT, request.GET.getlist("env")
    # The column with the switches always is.
    columns = [place for place in PLACES if place in asked or place == here] if set(asked) & set(PLACES) else PLACES
    return {
        "columns": columns,
        "every_column": PLACES,
        "narrowed": len(columns) < len(PLACES),
        "width": len(columns) + 2,
        "here": here,
        "realm": Realm.FLAGS,
        "kept": _kept(request).urlencode(),
    }


def _undoable(request: HttpRequest, every: Sequence[Flag]) -> FlagLine | None:
    """The flag that was just switched without scripts, where its newest change is this person's own."""
    flag = _named(every, request.GET.get("switched", ""), archived=False)
    if flag is None or not request.user.has_perm("flags.write"):
        return None
    line = lines_of([flag])[0]
    return line if line.here.changed_by == request.user.pk else None


def _named(every: Sequence[Flag], key: str, *, archived: bool) -> Flag | None:
    return next((flag for flag in every if flag.key == key and (flag.archived_at is not None) is archived), None)


def _unknown(every: Sequence[Flag]) -> list[dict[str, Any]]:
    """What programs ask for that is not there, and whether it could be created or brought back."""
    archived = {flag.key for flag in every if flag.archived_at is not None}
    return [
        {
            "use": each,
            "is_archived": each.key in archived,
            "is_possible": bool(KEY.fullmatch(each.key)) and len(each.key) <= KEY_LENGTH,
        }
        for each in use.unknown_flags()
    ]


def _holds(flag: Flag, words: str) -> bool:
    """Whether key, name or description contain the words."""
    text = f"{flag.key}\n{flag.label}\n{flag.description}".casefold()
    return all(word in text for word in words.casefold().split())


def _slice[T](request: HttpRequest, found: Sequence[T], keys: Sequence[str]) -> tuple[list[T], str]:
    """As many as fit on a page from the asked key on, and the key that the next one starts with."""
    start = keys.index(asked) if (asked := request.GET.get("from", "")) in keys else 0
    following = keys[start + PER_PAGE : start + PER_PAGE + 1]
    return list(found[start : start + PER_PAGE]), following[0] if following else ""


def _kept(request: HttpRequest) -> QueryDict:
    """The question of the list, without what was said of one flag."""
    query = request.GET.copy()
    for name in ("switched", "put_away"):
        query.pop(name, None)
    return query


def _address(request: HttpRequest, **said: str) -> str:
    query = _kept(request)
    query.update(said)
    return f"{reverse('settings_store:flag_list')}?{query.urlencode()}".removesuffix("?")


def _in_place(request: HttpRequest) -> bool:
    return bool(request.headers.get("HX-Request"))
