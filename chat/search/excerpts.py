"""Where it was said: a piece of the text around what was searched for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Greatest, Lower, StrIndex, Substr

from chat.models import Conversation, Message
from chat.search.language import Asked, words_in

BEFORE_HIT = 60
SNIPPET_LENGTH = 150
# Signs of Markdown that say nothing where it is not shown as such.
MARKS = str.maketrans(dict.fromkeys("*`#|", ""))


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a snippet; a hit is what was searched for."""

    text: str
    is_hit: bool


def snippets(conversations: Iterable[Conversation], asked: Asked | str) -> dict[int, list[Piece]]:
    """Where each of `conversations` holds what was searched for, by their keys; never whole texts."""
    words = words_in(asked) if isinstance(asked, str) else asked.words
    if not words:
        return {}
    text = words[0].rstrip("*")
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
    line = " ".join(excerpt.translate(MARKS).split())
    parts = re.split(f"({re.escape(' '.join(text.split()))})", line, flags=re.IGNORECASE)
    return [Piece(part, is_hit=bool(index % 2)) for index, part in enumerate(parts) if part]
