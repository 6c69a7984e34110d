"""The tables of one's own conversations and of the archive, and acts upon many of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest
from chat.actions import conversation_bulk as actions
from chat.forms.conversation import FolderPickForm, KnownTagForm, OneTagForm, own_tag_names
from chat.models import Conversation, Tag
from chat.own_list import table_context
from chat.picks import Picks, picked
from ui.forms import form_status
from ui.guard import requires

# Acts that ask for a word or a folder first.
ASKING = ("tag", "untag", "move")


@requires("chat.use")
@require_safe
def conversation_all(request: HtmxHttpRequest) -> HttpResponse:
    """All that a person keeps, as a table to choose from."""
    return _table(request, "")


@requires("chat.use")
@require_safe
def conversation_archived(request: HtmxHttpRequest) -> HttpResponse:
    """What they have put away."""
    return _table(request, "archive")


@requires("chat.use")
@require_POST
def conversation_act(request: HtmxHttpRequest) -> HttpResponse:
    """Do something to those picked; what it lacks to be done is asked for on a page of its own."""
    picks = picked(request.user, request.POST)
    act = request.POST.get("act", "")
    if picks.refusal:
        messages.error(request, picks.refusal)
        return redirect(picks.back)
    if act in ASKING:
        return _asked(request, picks, act)
    done = ACTS.get(act)
    if done is None:
        messages.error(request, _("Choose what is to be done with them."))
        return redirect(picks.back)
    return done(request, picks)


@requires("chat.use")
@require_POST
def conversation_act_undo(request: HtmxHttpRequest) -> HttpResponse:
    """Take back what was just done to many."""
    undo = _undo(request, request.POST.get("undo", ""))
    picks = picked(request.user, request.POST)
    if undo is None:
        messages.error(request, _("There is nothing to take back any more."))
    else:
        undo["take_back"]()
        messages.success(request, _("Taken back."))
    return redirect(picks.back)


def _table(request: HtmxHttpRequest, shelf: str) -> HttpResponse:
    context = table_context(request, shelf)
    page = context["page"]
    counted = len(page.rows)
    if page.newer_url or page.older_url:
        # As far as one act reaches; nobody counts further.
        counted = context["matching"].order_by()[: actions.MOST + 1].count()
    context |= {"counted": counted, "most": actions.MOST, "undo": _undo(request, request.GET.get("undo", ""))}
    return render(request, "chat/conversation_all.html", context)


def _asked(request: HtmxHttpRequest, picks: Picks, act: str) -> HttpResponse:
    """Do what asks for a word or a folder, or ask for it."""
    data = request.POST if "go" in request.POST else None
    form: forms.Form
    if act == "tag":
        form = OneTagForm(data)
    else:
        form = KnownTagForm(data, user=request.user) if act == "untag" else FolderPickForm(data, user=request.user)
    if form.is_valid():
        try:
            return ASKED[act](request, picks, form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
    context = {"picks": picks, "act": act, "form": form, "number": len(picks.keys)}
    if act == "tag":
        context["own_tags"] = own_tag_names(request.user)
    return render(request, "chat/conversation_act.html", context, status=form_status(form))


def _archive(request: HtmxHttpRequest, picks: Picks) -> HttpResponse:
    return _back_with_undo(picks, f"archive {actions.archive_many(actor=request.user, keys=picks.keys).isoformat()}")


def _unarchive(request: HtmxHttpRequest, picks: Picks) -> HttpResponse:
    actions.unarchive_many(actor=request.user, keys=picks.keys)
    return _told(
        request,
        picks,
        ngettext("%(number)s conversation is back.", "%(number)s conversations are back.", len(picks.keys)),
    )


def _delete(request: HtmxHttpRequest, picks: Picks) -> HttpResponse:
    return _back_with_undo(picks, f"delete {actions.delete_many(actor=request.user, keys=picks.keys).isoformat()}")


def _tag(request: HtmxHttpRequest, picks: Picks, given: dict[str, Any]) -> HttpResponse:
    tag, since, until, full = actions.tag_many(actor=request.user, keys=picks.keys, name=given["tags"])
    if full:
        words = ngettext(
            "%(number)s conversation carries as many tags as it may and was left out.",
            "%(number)s conversations carry as many tags as they may and were left out.",
            full,
        )
        messages.warning(request, words % {"number": full})
    if since == until:
        messages.info(request, _("Nothing changed: they carry “%(tag)s” already.") % {"tag": tag})
    return _back_with_undo(picks, f"tag {tag.pk} {since} {until}")


def _untag(request: HtmxHttpRequest, picks: Picks, given: dict[str, Any]) -> HttpResponse:
    tag = given["tags"]
    actions.untag_many(actor=request.user, keys=picks.keys, tag=tag)
    return _told(request, picks, _("The tag “%(tag)s” is off them.") % {"tag": tag})


def _move(request: HtmxHttpRequest, picks: Picks, given: dict[str, Any]) -> HttpResponse:
    folder = given["folder"]
    actions.move_many(actor=request.user, keys=picks.keys, folder=folder)
    words = ngettext("%(number)s conversation is moved.", "%(number)s conversations are moved.", len(picks.keys))
    return _told(request, picks, words)


ACTS: dict[str, Callable[[HtmxHttpRequest, Picks], HttpResponse]] = {
    "archive": _archive,
    "unarchive": _unarchive,
    "delete": _delete,
}
ASKED: dict[str, Callable[[HtmxHttpRequest, Picks, dict[str, Any]], HttpResponse]] = {
    "tag": _tag,
    "untag": _untag,
    "move": _move,
}


def _told(request: HtmxHttpRequest, picks: Picks, words: str) -> HttpResponse:
    messages.success(request, words % {"number": len(picks.keys)} if "%(number)s" in words else words)
    return redirect(picks.back)


def _back_with_undo(picks: Picks, undo: str) -> HttpResponse:
    mark = "&" if "?" in picks.back else "?"
    return redirect(f"{picks.back}{mark}{urlencode({'undo': undo})}")


def _undo(request: HtmxHttpRequest, text: str) -> dict[str, Any] | None:
    """What an address says was just done, as far as it still stands so, in words and as an act that takes it back."""
    kind, _space, rest = text.partition(" ")
    if kind == "tag":
        return _undo_tags(request, text, rest)
    moment = _moment(rest)
    if kind not in {"archive", "delete"} or moment is None:
        return None
    user = request.user
    if kind == "archive":
        there, take_back = Conversation.objects.archived_by(user).filter(archived_at=moment), actions.unarchive_many
    else:
        there, take_back = Conversation.objects.in_bin_of(user).filter(deleted_at=moment), actions.restore_many
    keys = list(there.order_by("pk").values_list("pk", flat=True)[: actions.MOST])
    if not keys:
        return None
    words = (
        ngettext(
            "%(number)s conversation is in the archive.", "%(number)s conversations are in the archive.", len(keys)
        )
        if kind == "archive"
        else ngettext("%(number)s conversation is in the bin.", "%(number)s conversations are in the bin.", len(keys))
    )
    return {
        "value": text,
        "words": words % {"number": len(keys)},
        "take_back": lambda: take_back(actor=user, keys=keys),
    }


def _undo_tags(request: HtmxHttpRequest, text: str, rest: str) -> dict[str, Any] | None:
    numbers = [int(part) for part in rest.split() if part.isascii() and part.isdigit() and len(part) < 18]
    if len(numbers) != 3:
        return None
    tag = Tag.objects.filter(owner=request.user, pk=numbers[0]).first()
    if tag is None:
        return None
    number = actions.put_on(tag=tag, since=numbers[1], until=numbers[2]).count()
    if not number:
        return None
    words = ngettext(
        "%(number)s conversation carries “%(tag)s” now.", "%(number)s conversations carry “%(tag)s” now.", number
    )
    return {
        "value": text,
        "words": words % {"number": number, "tag": tag},
        "take_back": lambda: actions.untag_of(actor=request.user, tag=tag, since=numbers[1], until=numbers[2]),
    }


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
        # Some of what Python can read, such as a day's distance from UTC, no database can.
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
