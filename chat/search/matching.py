"""Conversations in which words are found."""

from __future__ import annotations

import re
from types import ModuleType

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from chat.models import Message
from chat.models.conversation import ConversationQuerySet
from chat.search import mariadb, postgresql, sqlite

# Scripts that write no spaces between words, so that an index of words holds whole sentences of them.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")


def vendor_module() -> ModuleType:
    return {"sqlite": sqlite, "postgresql": postgresql, "mysql": mariadb}[connection.vendor]


def in_index(words: list[str]) -> list[str]:
    """Those of `words` that an index of words can find."""
    return [word for word in words if not UNSPACED.search(word)]


def holding(
    conversations: ConversationQuerySet, words: list[str], *, owner: User | None = None
) -> ConversationQuerySet:
    """Those of `conversations` that hold each of `words`, all in one message or all in title and description.

    Give `owner` where all of them are this person's: it is quicker. PostgreSQL is asked one or two short questions
    here, to find out how to read them.
    """
    for word in set(words) - set(in_index(words)):
        text = word.rstrip("*")
        said = Message.objects.filter(conversation=OuterRef("pk"), content__icontains=text)
        said = said.exclude(status__in=Message.UNFINISHED)
        conversations = conversations.filter(Q(title__icontains=text) | Q(description__icontains=text) | Exists(said))
    if indexed := in_index(words):
        conversations = conversations.filter(_condition(conversations, indexed, owner.pk if owner else None))
    return conversations


def _condition(conversations: ConversationQuerySet, words: list[str], owner: int | None) -> Q:
    """By the index; where PostgreSQL would have to read very many texts, by asking the newest conversations in turn."""
    if connection.vendor != "postgresql":
        condition: Q = vendor_module().matching(words, owner)
        return condition
    if postgresql.expected(words, owner) >= postgresql.MANY:
        newest = conversations.order_by("-last_message_at", "-pk")[: postgresql.NEWEST]
        # Counting them among these alone, not among all until there are enough.
        answering = conversations.model._default_manager.filter(pk__in=list(newest.values_list("pk", flat=True)))
        if answering.filter(postgresql.held(words)).count() >= postgresql.ENOUGH:
            return postgresql.held(words)
    return postgresql.matching(words, owner)
