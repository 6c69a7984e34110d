"""What the page of a conversation shows besides its messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone

from accounts.http import HtmxHttpRequest
from accounts.models import User
from chat.actions.message import first_words, interrupt_orphans
from chat.branches import ALL_TURNS, SHOWN_TURNS, Branch, branch_of
from chat.forms.message import MessageForm
from chat.models import Conversation, Message
from chat.own_list import own_list
from chat.tasks import is_title_due
from chat.thread import left_out, load_files, with_spent

TITLE_COMES_WITHIN = timedelta(minutes=1)


def own_conversation(user: User, public_id: UUID) -> Conversation:
    """One of the person's own, not in the bin; anybody else's does not exist here."""
    found = with_spent(Conversation.objects.owned_by(user)).select_related("model__provider", "system_prompt", "folder")
    conversation = found.filter(public_id=public_id).first()
    if conversation is None:
        raise Http404
    conversation.owner = user
    return conversation


def conversation_page(
    request: HtmxHttpRequest, conversation: Conversation | None, form: MessageForm | None = None
) -> dict[str, Any]:
    """The context of chat/conversation.html, in a number of queries that does not grow."""
    listed = own_list(request, read=conversation)
    folder = listed.folder if conversation is None else None
    form = form or MessageForm(user=request.user, conversation=conversation, folder=folder)
    shown = ALL_TURNS if "all" in request.GET else SHOWN_TURNS
    branch = _branch(conversation, shown) if conversation else Branch([])
    load_files(branch.turns)
    return {
        "conversation": conversation,
        "branch": branch,
        "left_out": left_out(branch),
        "shows_all": shown == ALL_TURNS,
        "spent": getattr(conversation, "spent", None),
        # The answer that was just called bad: a word on why is asked for.
        "rated": request.GET.get("rated", ""),
        "title_try": 1 if conversation and awaits_title(conversation, branch) else None,
        "form": form,
        "list": listed,
    }


def _branch(conversation: Conversation, shown: int) -> Branch:
    branch = branch_of(conversation, shown=shown)
    answer = branch.unfinished
    if answer is not None and answer.lease_until is not None and answer.lease_until < timezone.now():
        # Whoever wrote it is gone.
        interrupt_orphans()
        return branch_of(conversation, shown=shown)
    return branch


def awaits_title(conversation: Conversation, branch: Branch) -> bool:
    """Whether the model that has just answered is about to name the conversation."""
    answer = branch.turns[-1].message if branch.turns else None
    if answer is None or answer.status != Message.Status.COMPLETE or answer.finished_at is None:
        return False
    turns_before = branch.earlier + len(branch.turns) - 1
    if not is_title_due(conversation, answer, turns_before=turns_before):
        return False
    if answer.finished_at < timezone.now() - TITLE_COMES_WITHIN:
        return False
    said = conversation.messages.order_by("pk").values_list("content", flat=True).first()
    return said is not None and conversation.title == first_words(said)
