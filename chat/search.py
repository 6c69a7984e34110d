"""Finding conversations by what was said in them, and showing where.

For now a plain search for the words as they stand, by the database's LIKE: it reads every message in scope, and on
SQLite it takes only the letters A to Z without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Greatest, Lower, StrIndex, Substr

from chat.models import Conversation, Message
from chat.models.conversation import ConversationQuerySet

BEFORE_HIT = 60
SNIPPET_LENGTH = 150
# Signs of Markdown that say nothing where it is not shown as such.
MARKS = str.maketrans(dict.fromkeys("*`#|", ""))


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a snippet; a hit is what was searched for."""

    text: str
    is_hit: bool


def matching(conversations: ConversationQuerySet, text: str) -> ConversationQuerySet:
    """Those of `conversations` whose title or any message contains `text`."""
    said = Message.objects.filter(conversation=OuterRef("pk"), content__icontains=text)
    return conversations.filter(Q(title__icontains=text) | Exists(said))


def snippets(conversations: Iterable[Conversation], text: str) -> dict[int, list[Piece]]:
    """Where `text` was first said in each of `conversations`, by their keys; one query, never whole texts."""
    said = (
        Message.objects.filter(conversation=OuterRef("pk"), content__icontains=text)
        .order_by("id")
        .annotate(at=StrIndex(Lower("content"), Lower(Value(text))))
        .annotate(piece=Substr("content", Greatest(F("at") - BEFORE_HIT, 1), SNIPPET_LENGTH + len(text)))
    )
    keys = [conversation.pk for conversation in conversations]
    found = (
        Conversation.objects.filter(pk__in=keys)
        .annotate(piece=Subquery(said.values("piece")[:1]))
        .exclude(piece=None)
        .values_list("pk", "piece")
    )
    return {key: pieces(piece, text) for key, piece in found}


def pieces(excerpt: str, text: str) -> list[Piece]:
    """`excerpt` on one line, cut into what is a hit and what is not, for a template to mark and escape."""
    if excerpt[BEFORE_HIT : BEFORE_HIT + len(text)].lower() == text.lower():
        # It was cut out of a longer text, so its first word is the end of one.
        excerpt = excerpt[excerpt.find(" ", 0, BEFORE_HIT) + 1 :]
    if not MARKS.keys() & map(ord, text):
        excerpt = excerpt.translate(MARKS)
    line = " ".join(excerpt.split())
    parts = re.split(f"({re.escape(' '.join(text.split()))})", line, flags=re.IGNORECASE)
    return [Piece(part, is_hit=bool(index % 2)) for index, part in enumerate(parts) if part]
