"""Conversations in which words are found."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from chat.models import Message
from chat.models.conversation import ConversationQuerySet


def holding(
    conversations: ConversationQuerySet, words: list[str], *, owner: User | None = None
) -> ConversationQuerySet:
    """Those of `conversations` that hold each of `words`."""
    for word in words:
        text = word.rstrip("*")
        said = Message.objects.filter(conversation=OuterRef("pk"), content__icontains=text)
        conversations = conversations.filter(Q(title__icontains=text) | Q(description__icontains=text) | Exists(said))
    return conversations
