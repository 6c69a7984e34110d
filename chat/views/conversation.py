"""A person's own conversations."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest
from chat.acting import note
from chat.actions.conversation import (
    delete_conversation,
    pin_conversation,
    rename_conversation,
    restore_conversation,
)
from chat.branches import branch_of
from chat.forms.conversation import ConversationRenameForm
from chat.models import Conversation
from chat.pages import awaits_title, conversation_page, own_conversation
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires

# A page asks for the title this often, waiting longer each time.
TITLE_TRIES = {"1": 2, "2": 3, "3": 4}


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
    found = own_conversation(request.user, public_id)
    # Whoever oversees a conversation is noted, and so is who looks at it through its owner's eyes.
    note("conversation.opened", actor=request.user, conversation=found)
    return render(request, "chat/conversation.html", conversation_page(request, found))


@requires("chat.use")
@require_safe
def conversation_title(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """The heading and the entry of the list again, for a page whose conversation is being named by its model."""
    conversation = own_conversation(request.user, public_id)
    branch = branch_of(conversation, shown=1)
    tried = request.GET.get("try", "")
    context = {
        "conversation": conversation,
        "branch": branch,
        "swapped": True,
        # Asked again while the first words still stand there, a few times.
        "title_try": TITLE_TRIES.get(tried) if awaits_title(conversation, branch) else None,
    }
    return render(request, "chat/conversation.html#named", context)


@requires("chat.use")
@require_page_methods
def conversation_rename(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    conversation = own_conversation(request.user, public_id)
    form = ConversationRenameForm(posted(request), initial={"title": conversation.title})
    if form.is_valid():
        rename_conversation(actor=request.user, conversation=conversation, title=form.cleaned_data["title"])
        return redirect("chat:conversation", public_id)
    context = {"conversation": conversation, "form": form}
    return render(request, "chat/conversation_rename.html", context, status=form_status(form))


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
