"""Pages on which staff read the conversations in their scope."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts.http import HtmxHttpRequest
from chat.actions.message import interrupt_orphans
from chat.actions.oversight import open_conversation
from chat.branches import ALL_TURNS, SHOWN_TURNS, branch_of, newest_leaf_below
from chat.forms.oversight import ConversationFilterForm
from chat.models import Conversation, Message
from chat.search import snippets
from chat.thread import load_files
from settings_store.trail.pages import history
from ui.guard import requires
from ui.keyset import paginate


@requires("conversations.oversee")
@require_safe
def conversation_list(request: HtmxHttpRequest) -> HttpResponse:
    form = ConversationFilterForm(request.GET)
    form.is_valid()
    conversations = form.narrow(Conversation.objects.visible_to(request.user))
    page = paginate(
        conversations.select_related("owner", "model", "system_prompt"),
        request,
        order={"last": ("-last_message_at", "-id")},
        default="last",
    )
    text = form.cleaned_data.get("q", "")
    found = snippets(page.rows, text) if text else {}
    rows = [(conversation, found.get(conversation.pk)) for conversation in page.rows]
    return render(request, "chat/conversation_list.html", {"form": form, "page": page, "rows": rows})


@requires("conversations.oversee")
@require_safe
def conversation_read(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """The thread of a conversation, to read only; opening another's is noted in the trail."""
    conversation = get_object_or_404(
        Conversation.objects.visible_to(request.user).select_related("owner", "model", "system_prompt"),
        public_id=public_id,
    )
    if (
        conversation.owner_id == request.user.pk
        and conversation.deleted_at is None
        and request.user.has_perm("chat.use")
    ):
        return redirect("chat:conversation", conversation.public_id)
    # Another version than the one its owner reads is looked at without moving them there.
    version = _version(conversation, request.GET.get("version", ""))
    if version is not None:
        conversation.active_leaf = newest_leaf_below(version)
    shown = ALL_TURNS if "all" in request.GET else SHOWN_TURNS
    interrupt_orphans()
    open_conversation(actor=request.user, conversation=conversation)
    branch = branch_of(conversation, shown=shown)
    load_files(branch.turns)
    context = {"conversation": conversation, "branch": branch}
    return render(request, "chat/conversation_read.html", context)


@requires("audit.read", also="conversations.oversee")
@require_safe
def conversation_history(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """What the trail says about one conversation, for those who may see it."""
    conversation = get_object_or_404(Conversation.objects.visible_to(request.user), public_id=public_id)
    context = {"conversation": conversation, **history(request, "chat.conversation", str(conversation.public_id))}
    return render(request, "chat/conversation_history.html", context)


def _version(conversation: Conversation, wanted: str) -> Message | None:
    try:
        return conversation.messages.filter(public_id=UUID(wanted)).first()
    except ValueError:
        return None
