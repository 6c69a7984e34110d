"""Two texts line by line, as people compare them: side by side where there is room, else one below the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

# Beyond so many pairs of lines, or of words in a line, what lies between the common ends counts as changed as a whole:
# the search for what stayed in between grows with their product.
MOST_PAIRS = 400_000
# Two lines that share less than this are no versions of one another.
ALIKE = 0.4

type Pieces = Sequence[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the old and its counterpart of the new, each in pieces that are marked where they differ.

    One that stayed has only `old`; None is a place without a counterpart.
    """

    old: Pieces | None
    new: Pieces | None
    stayed: bool = False


def rows_of(old: str, new: str) -> list[Row]:
    """Every line of both, in order."""
    before, after = old.split("\n"), new.split("\n")
    return [row for pair in _stretches(before, after) for row in _rows(*pair)]


def is_changed(rows: Sequence[Row]) -> bool:
    return any(not row.stayed for row in rows)


def _rows(before: Sequence[str], after: Sequence[str], stayed: bool) -> Iterator[Row]:
    if stayed:
        yield from (Row([(line, False)], None, stayed=True) for line in before)
        return
    for one, other in zip_longest(before, after):
        if one is None or other is None:
            yield Row(None if one is None else [(one, False)], None if other is None else [(other, False)])
        else:
            yield _pair(one, other)


def _pair(one: str, other: str) -> Row:
    """Two lines whose words differ; where next to nothing is the same, no word is marked."""
    words, others = re.findall(r"\s+|\w+|[^\w\s]", one), re.findall(r"\s+|\w+|[^\w\s]", other)
    old: list[tuple[str, bool]] = []
    new: list[tuple[str, bool]] = []
    same = 0
    for before, after, stayed in _stretches(words, others):
        same += 2 * sum(map(len, before)) if stayed else 0
        old.append(("".join(before), not stayed))
        new.append(("".join(after), not stayed))
    if same < ALIKE * (len(one) + len(other)):
        return Row([(one, False)], [(other, False)])
    return Row([piece for piece in old if piece[0]], [piece for piece in new if piece[0]])


def _stretches(before: list[str], after: list[str]) -> Iterator[tuple[list[str], list[str], bool]]:
    """Stretches of both in order: the same in both, or not."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    if start:
        yield before[:start], after[:start], True
    yield from _middle(before[start : len(before) - end], after[start : len(after) - end])
    if end:
        yield before[-end:], after[-end:], True


def _middle(before: list[str], after: list[str]) -> Iterator[tuple[list[str], list[str], bool]]:
    if not before and not after:
        return
    if len(before) * len(after) > MOST_PAIRS:
        yield before, after, False
        return
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, one, one_end, other, other_end in matcher.get_opcodes():
        yield before[one:one_end], after[other:other_end], tag == "equal"
