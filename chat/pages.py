"""What the page of a conversation shows besides its messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from django.http import Http404
from django.utils import timezone
from django.utils.functional import _StrPromise
from django.utils.translation import gettext_lazy

from accounts.http import HtmxHttpRequest
from accounts.models import User
from chat.actions.message import interrupt_orphans
from chat.branches import SHOWN_TURNS, Branch, branch_of
from chat.forms.message import MessageForm
from chat.models import Conversation, Message

# The list beside a conversation; what is older is found by searching.
LISTED = 100
ALL_TURNS = 5000


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
    return {
        "conversation": conversation,
        "branch": branch_of(conversation, shown=shown) if conversation else Branch([]),
        "form": form,
        "groups": grouped(listed(request.user, search)),
        "search": search,
    }


def listed(user: User, search: str = "") -> list[Conversation]:
    """The person's conversations, pinned ones first, then the newest; each knows whether it is being answered."""
    own = Conversation.objects.owned_by(user).annotate(leaf_status=F("active_leaf__status"))
    if search:
        own = own.filter(title__icontains=search)
    rows = list(own.order_by("-is_pinned", "-last_message_at", "-pk")[:LISTED])
    for row in rows:
        row.is_answering = row.leaf_status in Message.UNFINISHED
    return rows


def grouped(conversations: list[Conversation]) -> list[tuple[_StrPromise, list[Conversation]]]:
    """Pinned, today, this week, older; a group without any is left out."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    groups: dict[_StrPromise, list[Conversation]] = {
        (pinned := gettext_lazy("Pinned")): [],
        (of_today := gettext_lazy("Today")): [],
        (of_week := gettext_lazy("This week")): [],
        (older := gettext_lazy("Older")): [],
    }
    for conversation in conversations:
        if conversation.is_pinned:
            groups[pinned].append(conversation)
        elif conversation.last_message_at >= today:
            groups[of_today].append(conversation)
        elif conversation.last_message_at >= today - timedelta(days=6):
            groups[of_week].append(conversation)
        else:
            groups[older].append(conversation)
    return [(name, rows) for name, rows in groups.items() if rows]
