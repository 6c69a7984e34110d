"""Which turns of a conversation a model is given, where not all of them fit into its context size.

How many tokens a text has, only its model knows. They are estimated from the characters, and measured against what
the server counted for earlier answers of the same conversation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import median_low

from django.utils.formats import number_format
from django.utils.translation import gettext as _

CHARACTERS_PER_TOKEN = 3.5
# What marks a turn as one, in the templates of most models.
TOKENS_PER_TURN = 4
# So few tokens say more about a model's template than about its words.
LEAST_MEASURED = 200
MEASURED_ANSWERS = 3
LEAST_FACTOR, MOST_FACTOR = 0.5, 3.0

# Scripts without spaces between words, in which a character is about a token: Chinese, Japanese, Korean.
_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it is sent. Of an answer also how many tokens its server read for it, and from which message."""

    pk: int
    role: str
    text: str
    tokens_in: int | None = None
    read_from: int | None = None


class TooLong(Exception):
    """Not even the newest question fits; `sentence` says so to its writer."""

    def __init__(self, length: int, room: int) -> None:
        said = {"length": number_format(length, force_grouping=True), "room": number_format(room, force_grouping=True)}
        self.sentence = (
            _(
                "This is too long: with its files and the system prompt it has about %(length)s tokens, and this model "
                "reads at most %(room)s."
            )
            % said
        )
        super().__init__(self.sentence)


def tokens_of(text: str) -> int:
    """About how many tokens a model makes of `text`."""
    dense = 0 if text.isascii() else len(_CJK.findall(text))
    return dense + math.ceil((len(text) - dense) / CHARACTERS_PER_TOKEN)


def room_for(context_tokens: int, max_tokens: int) -> tuple[int, int]:
    """How many tokens may be read and how many written: at most half of the context size is for the answer."""
    written = min(max_tokens, max(context_tokens // 2, 1))
    return context_tokens - written, written


def fitted(turns: Sequence[Turn], *, system_text: str, room: int | None, newest: int = 1, whole: bool = True) -> int:
    """How many of the oldest turns give way so that the others fit into `room` tokens; None where it is not known.

    The system text and the `newest` turns stay; raises TooLong where these alone do not fit. `whole` says that no turn
    lies before these.
    """
    first = 0 if room is None else _giving_way(turns, system_text, room, newest, whole=whole)
    return _at_a_question(turns, first, newest) if first or not whole else 0


def _giving_way(turns: Sequence[Turn], system_text: str, room: int, newest: int, *, whole: bool) -> int:
    sizes = [tokens_of(turn.text) + TOKENS_PER_TURN for turn in turns]
    system = tokens_of(system_text) + TOKENS_PER_TURN if system_text else 0
    factor = _measured(turns, sizes, system, whole=whole)
    left = room - system * factor
    for number, size in enumerate(reversed(sizes)):
        left -= size * factor
        if left < 0:
            if number < newest:
                raise TooLong(math.ceil((system + sum(sizes[-newest:])) * factor), room)
            return len(turns) - number
    return 0


def _at_a_question(turns: Sequence[Turn], first: int, newest: int) -> int:
    # An answer whose question is gone answers nothing, and some models refuse to begin with one.
    last = len(turns) - newest
    while first < last and turns[first].role == "assistant":
        first += 1
    return first


def _measured(turns: Sequence[Turn], sizes: Sequence[int], system: int, *, whole: bool) -> float:
    """By how much the estimates fall short of what the server counted for the last answers; 1 where nothing is known.

    The middle of some answers, because one that was continued was counted more than once.
    """
    ends = [0, *accumulate(sizes)]
    places = {turn.pk: number for number, turn in enumerate(turns)}
    factors: list[float] = []
    for number in reversed(range(len(turns))):
        turn = turns[number]
        first = places.get(turn.read_from) if turn.read_from else (0 if whole else None)
        if not turn.tokens_in or first is None:
            continue
        estimated = system + ends[number] - ends[first]
        if estimated >= LEAST_MEASURED:
            factors.append(min(max(turn.tokens_in / estimated, LEAST_FACTOR), MOST_FACTOR))
        if len(factors) == MEASURED_ANSWERS:
            break
    return median_low(factors) if factors else 1.0
