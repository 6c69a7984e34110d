"""Two texts side by side."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.diff import Pieces, Row, is_changed, rows_of


def text_of(pieces: Pieces | None) -> str | None:
    return None if pieces is None else "".join(piece for piece, _marked in pieces)


def sides(rows: list[Row]) -> tuple[str, str]:
    """Both texts, put together again from what is shown."""
    old = [text_of(row.old) for row in rows]
    new = [text_of(row.old if row.stayed else row.new) for row in rows]
    return "\n".join(line for line in old if line is not None), "\n".join(line for line in new if line is not None)


def test_what_stayed_is_shown_once_and_what_changed_opposite() -> None:
    rows = rows_of("You write letters.\nBe brief.\nSign.", "You write letters.\nBe long.\nSign.\nDate it.")
    assert [(text_of(row.old), text_of(row.new), row.stayed) for row in rows] == [
        ("You write letters.", None, True),
        ("Be brief.", "Be long.", False),
        ("Sign.", None, True),
        (None, "Date it.", False),
    ]


def test_words_that_differ_in_a_line_are_marked() -> None:
    [row] = rows_of("Answer in short sentences.", "Answer in plain sentences.")
    assert row.old == [("Answer in ", False), ("short", True), (" sentences.", False)]
    assert row.new == [("Answer in ", False), ("plain", True), (" sentences.", False)]


def test_lines_that_have_nothing_in_common_are_not_picked_to_pieces() -> None:
    [row] = rows_of("Answer briefly", "Pomegranates, always!")
    assert (row.old, row.new) == ([("Answer briefly", False)], [("Pomegranates, always!", False)])


def test_the_same_text_is_not_changed() -> None:
    assert not is_changed(rows_of("a\nb", "a\nb"))
    assert is_changed(rows_of("a\nb", "a\nb\n"))


@given(st.text(alphabet="ab \n", max_size=60), st.text(alphabet="ab \n", max_size=60))
@settings(max_examples=300, deadline=None)
def test_nothing_of_either_is_lost(old: str, new: str) -> None:
    assert sides(rows_of(old, new)) == (old, new)


@pytest.mark.parametrize("separator", ["\n", " "])
def test_the_longest_prompts_are_compared_in_good_time(separator: str) -> None:
    words = [f"{number:x}" for number in range(7000)]
    other = words[:]
    random.Random(1).shuffle(other)  # noqa: S311 - any order will do
    old, new = separator.join(words)[:32_000], separator.join(other)[:32_000]
    began = time.monotonic()
    assert sides(rows_of(old, new)) == (old, new)
    assert time.monotonic() - began < 3
    old, new = separator.join(words[:600]), separator.join(words[:600][::-1])
    assert sides(rows_of(old, new)) == (old, new)
    assert time.monotonic() - began < 6
