"""What the page of a conversation shows besides its messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.http import HtmxHttpRequest
from accounts.models import User
from chat.actions.message import first_words, interrupt_orphans
from chat.branches import ALL_TURNS, SHOWN_TURNS, Branch, branch_of
from chat.forms.message import MessageForm
from chat.models import Conversation, Message
from chat.tasks import is_title_due

# The list beside a conversation; what is older is found by searching.
LISTED = 100
TITLE_COMES_WITHIN = timedelta(minutes=1)


def own_conversation(user: User, public_id: UUID) -> Conversation:
    """One of the person's own, not in the bin; anybody else's does not exist here."""
    found = Conversation.objects.owned_by(user).select_related("model__provider", "system_prompt")
    conversation = found.filter(public_id=public_id).first()
    if conversation is None:
        raise Http404
    return conversation


def conversation_page(
    request: HtmxHttpRequest, conversation: Conversation | None, form: MessageForm | None = None
) -> dict[str, Any]:
    """The context of chat/conversation.html, in a number of queries that does not grow."""
    interrupt_orphans()
    form = form or MessageForm(user=request.user, conversation=conversation)
    shown = ALL_TURNS if "all" in request.GET else SHOWN_TURNS
    search = request.GET.get("q", "").replace("\0", "").strip()[:200]
    branch = branch_of(conversation, shown=shown) if conversation else Branch([])
    return {
        "conversation": conversation,
        "branch": branch,
        "title_try": 1 if conversation and awaits_title(conversation, branch) else None,
        "form": form,
        "groups": grouped(listed(request.user, search)),
        "search": search,
    }


def listed(user: User, search: str = "") -> list[Conversation]:
    """The person's conversations, pinned ones first, then the newest."""
    own = Conversation.objects.owned_by(user)
    if search:
        own = own.filter(title__icontains=search)
    answering = Message.objects.filter(pk=OuterRef("active_leaf"), status__in=Message.UNFINISHED)
    return list(own.annotate(is_answering=Exists(answering)).order_by("-is_pinned", "-last_message_at", "-pk")[:LISTED])


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


def grouped(conversations: list[Conversation]) -> list[tuple[str, list[Conversation]]]:
    """Pinned, today, this week, older; a group without any is left out."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    pinned: list[Conversation] = []
    of_today: list[Conversation] = []
    of_week: list[Conversation] = []
    older: list[Conversation] = []
    for conversation in conversations:
        if conversation.is_pinned:
            pinned.append(conversation)
        elif conversation.last_message_at >= today:
            of_today.append(conversation)
        elif conversation.last_message_at >= today - timedelta(days=6):
            of_week.append(conversation)
        else:
            older.append(conversation)
    groups = [(_("Pinned"), pinned), (_("Today"), of_today), (_("This week"), of_week), (_("Older"), older)]
    return [(name, rows) for name, rows in groups if rows]
