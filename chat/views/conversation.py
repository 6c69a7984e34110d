"""A person's own conversations."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import HtmxHttpRequest
from chat.actions.conversation import (
    delete_conversation,
    pin_conversation,
    rename_conversation,
    restore_conversation,
)
from chat.forms.conversation import ConversationRenameForm
from chat.models import Conversation
from chat.pages import conversation_page, own_conversation
from ui.guard import requires


@requires("chat.use")
@require_safe
def index(request: HtmxHttpRequest) -> HttpResponse:
    """A new conversation."""
    context = conversation_page(request, None)
    context["deleted"] = _just_deleted(request)
    return render(request, "chat/conversation.html", context)


@requires("chat.use")
@require_safe
def conversation(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    page = conversation_page(request, own_conversation(request.user, public_id))
    return render(request, "chat/conversation.html", page)


@requires("chat.use")
@require_http_methods(["GET", "HEAD", "POST"])
def conversation_rename(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    conversation = own_conversation(request.user, public_id)
    form = ConversationRenameForm(request.POST or None, initial={"title": conversation.title})
    if request.method == "POST" and form.is_valid():
        rename_conversation(actor=request.user, conversation=conversation, title=form.cleaned_data["title"])
        return redirect("chat:conversation", public_id)
    context = {"conversation": conversation, "form": form}
    return render(request, "chat/conversation_rename.html", context, status=422 if form.errors else 200)


@requires("chat.use")
@require_POST
def conversation_pin(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    conversation = own_conversation(request.user, public_id)
    pin_conversation(actor=request.user, conversation=conversation, pinned=request.POST.get("pinned") == "yes")
    return redirect("chat:conversation", public_id)


@requires("chat.use")
@require_POST
def conversation_delete(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    delete_conversation(actor=request.user, conversation=own_conversation(request.user, public_id))
    response = redirect("chat:index")
    response["Location"] += f"?deleted={public_id}"
    return response


@requires("chat.use")
@require_POST
def conversation_restore(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    conversation = Conversation.objects.filter(owner=request.user, public_id=public_id).first()
    if conversation is None:
        raise Http404
    restore_conversation(actor=request.user, conversation=conversation)
    return redirect("chat:conversation", public_id)


def _just_deleted(request: HtmxHttpRequest) -> Conversation | None:
    """The conversation that was put into the bin a moment ago, so that it can be taken out again."""
    try:
        public_id = UUID(request.GET.get("deleted", ""))
    except ValueError:
        return None
    return Conversation.objects.filter(owner=request.user, public_id=public_id, deleted_at__isnull=False).first()
