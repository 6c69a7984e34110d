"""What people write into the search of conversations, taken apart."""

from __future__ import annotations

from datetime import date

import pytest

from chat.search import parse, pieces, words_in


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("refund", ["refund*"]),
        ("refund deposit", ["refund", "deposit*"]),
        ('"refund"', ["refund"]),
        ('"the refund of" it', ["the refund of", "it"]),
        ('unclosed "the refund', ["unclosed", "the refund"]),
        ("inv* paid", ["inv*", "paid*"]),
        ("it's a_b 100%", ["it s", "a b", "100*"]),
        ("NEAR(a b) AND -not +so OR x:y", ["NEAR a", "b", "AND", "not", "so", "OR", "x y"]),
        ("same same same", ["same", "same*"]),
        ("C++ a#b ~tilde ^ (", ["C", "a b", "tilde"]),
    ],
)
def test_words_and_phrases(text: str, words: list[str]) -> None:
    assert parse(text).words == words


def test_prefixes_narrow() -> None:
    asked = parse(
        'refund TAG:urgent tag:"two words" model:qwen3:0.6b folder:"Tax 2026" after:2026-10-01 before:2026-11-01'
    )
    assert asked.words == ["refund"]
    assert asked.tags == ["urgent", "two words"]
    assert asked.models == ["qwen3:0.6b"]
    assert asked.folders == ["Tax 2026"]
    assert (asked.after, asked.before) == (date(2026, 10, 1), date(2026, 11, 1))
    assert asked.problems == []
    assert asked.narrows


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("before:yesterday", "yesterday"),
        ("before:2026-02-31", "2026-02-31"),
        ("after:", "after:"),
        ("tag:", "tag:"),
        ('folder:""', "folder:"),
        ('"" *** %%', "Signs"),
        (" ".join("abcdefghij"), "8"),
    ],
)
def test_what_makes_no_sense_is_told_and_narrows_nothing(text: str, part: str) -> None:
    asked = parse(text)
    assert len(asked.problems) == 1
    assert part in asked.problems[0]
    assert (asked.before, asked.after, asked.tags, asked.folders) == (None, None, [], [])


def test_nothing_asked_is_no_problem() -> None:
    assert not parse("  ").narrows
    assert parse("  ").problems == []


def test_a_field_of_words_knows_no_prefixes() -> None:
    assert words_in("tag:refund") == ["tag", "refund*"]


@pytest.mark.parametrize(
    ("text", "words", "hits"),
    [
        ("A Refund.", ["refund"], ["Refund"]),
        ("refunded", ["refund"], []),
        ("refunded", ["refund*"], ["refunded"]),
        ("un refund", ["fund"], []),
        ("Straße zum Café, SEÑOR", ["cafe", "senor", "straße"], ["Straße", "Café", "SEÑOR"]),
        ("Cafe\u0301 here", ["café"], ["Café"]),
        ("it's a_b", ["it s", "a b"], ["it's", "a_b"]),
        ("in 東京都 today", ["東京"], ["東京"]),
    ],
)
def test_hits_are_marked_as_they_are_found(text: str, words: list[str], hits: list[str]) -> None:
    assert [piece.text for piece in pieces(text, words) if piece.is_hit] == hits


def test_a_snippet_is_one_short_line_around_the_hit() -> None:
    cut = pieces("first line\n\n" * 400 + "# the **refund**\n\there " + "tail " * 500, ["refund"])
    line = "".join(piece.text for piece in cut)
    assert "the refund here tail" in line
    assert "\n" not in line
    assert len(line) < 230
