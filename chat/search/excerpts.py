"""Where it was said: a piece of the text around what was searched for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Case, F, Min, Value, When
from django.db.models.functions import Lower, StrIndex, Substr

from chat.models import Conversation, Message
from chat.search.language import Asked, words_in
from chat.search.matching import UNSPACED, in_index, vendor_module

BEFORE_HIT, SNIPPET_LENGTH = 60, 150
# So much of a text is read to find the hit; what is found beyond is read from there on.
READ = 10_000
# Signs of Markdown that say nothing where it is not shown as such.
MARKS = str.maketrans(dict.fromkeys("*`#|", ""))


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a snippet; a hit is what was searched for."""

    text: str
    is_hit: bool


class _Folding(dict[int, str]):
    """Each letter without case and accent, as one letter still, so that places in a text stay what they are."""

    def __missing__(self, code: int) -> str:
        folded = unicodedata.normalize("NFD", chr(code))[0].lower()
        self[code] = folded if len(folded) == 1 else chr(code)
        return self[code]


_FOLDING = _Folding()


def snippets(conversations: Iterable[Conversation], asked: Asked | str) -> dict[int, list[Piece]]:
    """Where each of `conversations` holds what was searched for, by their keys: the first text, in two queries.

    Conversations that do not hold it have none. Of long texts a part is read, never the whole.
    """
    words = words_in(asked) if isinstance(asked, str) else asked.words
    rows = {conversation.pk: conversation for conversation in conversations}
    if not words or not rows:
        return {}
    found = _first_texts(words, list(rows))
    texts = _texts([message for message in found.values() if message], words[0].rstrip("*"))
    return {
        key: pieces(texts.get(message, "") if message else _heading(rows[key], words), words)
        for key, message in found.items()
        if not message or message in texts
    }


def pieces(text: str, words: list[str]) -> list[Piece]:
    """What stands around the first hit, on one line, cut into hits and what is none for a template to mark."""
    line = " ".join(unicodedata.normalize("NFC", text).translate(MARKS).split())
    pattern = _pattern(words)
    hit = pattern.search(line.translate(_FOLDING))
    start = max(hit.start() - BEFORE_HIT, 0) if hit else 0
    if start:
        # Cut out of a longer text, it begins with a whole word where there is one.
        start = max(line.find(" ", start, start + BEFORE_HIT) + 1, start)
    line = line[start : start + SNIPPET_LENGTH + (hit.end() - hit.start() if hit else 0)]
    parts, place = [], 0
    for hit in pattern.finditer(line.translate(_FOLDING)):
        parts += [Piece(line[place : hit.start()], is_hit=False), Piece(line[hit.start() : hit.end()], is_hit=True)]
        place = hit.end()
    return [piece for piece in [*parts, Piece(line[place:], is_hit=False)] if piece.text]


def _pattern(words: list[str]) -> re.Pattern[str]:
    each = []
    for word in words:
        # What stands between the words of a phrase is no matter.
        inner = r"[\W_]+".join(map(re.escape, word.rstrip("*").translate(_FOLDING).split()))
        if UNSPACED.search(word):
            each.append(inner)
        else:
            each.append(rf"(?<![^\W_]){inner}" + (r"[^\W_]*" if word.endswith("*") else r"(?![^\W_])"))
    return re.compile("|".join(each))


def _first_texts(words: list[str], keys: list[int]) -> dict[int, int]:
    """By conversation, the first message that holds `words`; 0 is its title."""
    if indexed := in_index(words):
        sql, parameters = vendor_module().first_text(indexed, keys)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return dict(cursor.fetchall())
    said = Message.objects.filter(conversation__in=keys, content__icontains=words[0].rstrip("*"))
    found = dict(said.order_by().values_list("conversation").annotate(Min("pk")))
    return dict.fromkeys(keys, 0) | found


def _texts(messages: list[int], word: str) -> dict[int, str]:
    at = StrIndex(Lower("content"), Lower(Value(word)))
    far = Substr("content", F("at") - BEFORE_HIT, 2 * SNIPPET_LENGTH + len(word))
    part = Case(When(at__gt=READ - len(word), then=far), default=Substr("content", 1, READ))
    found = Message.objects.filter(pk__in=messages).annotate(at=at).annotate(part=part)
    return dict(found.values_list("pk", "part"))


def _heading(conversation: Conversation, words: list[str]) -> str:
    """The description where that holds a word, and else the title."""
    described = _pattern(words).search(conversation.description.translate(_FOLDING))
    return conversation.description if described else conversation.title
