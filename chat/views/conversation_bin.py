"""The bin: what was thrown away, to be taken out again or to be deleted for good."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts.http import HtmxHttpRequest
from chat.actions.conversation_bulk import MOST, erase_many
from chat.models import Conversation
from ui.forms import require_page_methods
from ui.guard import requires
from ui.keyset import paginate

ORDER = {"deleted": ("-deleted_at", "-id")}


@requires("chat.use")
@require_safe
def conversation_bin(request: HtmxHttpRequest) -> HttpResponse:
    there = Conversation.objects.in_bin_of(request.user)
    page = paginate(there, request, order=ORDER, default="deleted", never_null=("deleted_at",))
    return render(request, "chat/conversation_bin.html", {"page": page})


@requires("chat.use")
@require_page_methods
def conversation_erase(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """Delete one for good, once it was said what that means."""
    conversation = get_object_or_404(Conversation.objects.in_bin_of(request.user), public_id=public_id)
    if request.method != "POST":
        return render(request, "chat/conversation_erase.html", {"conversation": conversation})
    erase_many(actor=request.user, keys=[conversation.pk])
    messages.success(request, _("“%(title)s” is deleted for good.") % {"title": conversation})
    return redirect("chat:conversation_bin")


@requires("chat.use")
@require_page_methods
def conversation_bin_empty(request: HtmxHttpRequest) -> HttpResponse:
    """Delete all in the bin for good, as many as one act may concern."""
    there = Conversation.objects.in_bin_of(request.user).order_by("pk")
    if request.method != "POST":
        number = there.order_by()[: MOST + 1].count()
        return render(request, "chat/conversation_bin_empty.html", {"number": number, "most": MOST})
    erased = erase_many(actor=request.user, keys=list(there.values_list("pk", flat=True)[:MOST]))
    words = ngettext(
        "%(number)s conversation is deleted for good.", "%(number)s conversations are deleted for good.", erased
    )
    messages.success(request, words % {"number": erased})
    return redirect("chat:conversation_bin")
