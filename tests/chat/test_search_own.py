"""Searching one's own conversations: by words wherever they stand, by prefixes, and never anybody else's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat.models import Conversation, Folder, Message, Tag
from chat.search import own_matching, parse, postgresql, snippets

# Full text search of MariaDB finds what is committed.
pytestmark = [pytest.mark.django_db, pytest.mark.schema]


def talk(owner: User, title: str, *said: str, **fields: object) -> Conversation:
    conversation = Conversation.objects.create(owner=owner, title=title, **fields)
    for text in said:
        Message.objects.create(conversation=conversation, role=Message.Role.USER, content=text)
    return conversation


def found(user: User, text: str) -> list[str]:
    return sorted(own_matching(user, parse(text), Conversation.objects.owned_by(user)).values_list("title", flat=True))


@pytest.mark.parametrize(
    "text",
    [
        "refund",
        "REFUND",
        "deposit refund",
        '"refund of the deposit"',
        "refu",
        "of the",
        "it",
        "the",
        "7",
        "senor",
        "SEÑOR",
        "émile",
        "Emile",
        "straße",
        "STRAßE",
        "жалоба",
        "ЖАЛОБА",
        "東京",
        "a_b",
        "foo.bar",
    ],
)
def test_words_are_found_whatever_their_case_length_and_accents(ana: User, text: str) -> None:
    said = "It is a refund of the deposit, 7 €, Señor Émile: “Straße”—Жалоба, 私は東京に住む; a_b foo.bar()"
    talk(ana, "Match", "Hello", said)
    talk(ana, "Other", "Nothing to see here, bye")
    assert found(ana, text) == ["Match"]


@pytest.mark.parametrize("text", ["fund", '"the refund"', '"refu"', "refund absent", "owner", "owner_1", "#1"])
def test_what_was_not_said_is_not_found(ana: User, text: str) -> None:
    talk(ana, "Other", "A refund of the deposit")
    assert found(ana, text) == []


def test_titles_and_descriptions_are_found(ana: User) -> None:
    talk(ana, "About invoices")
    talk(ana, "Plain", description="All of the tariffs")
    assert found(ana, "invoices") == ["About invoices"]
    assert found(ana, "tariffs") == ["Plain"]


def test_all_words_stand_in_one_text(ana: User) -> None:
    talk(ana, "Together", "a refund for the invoice")
    talk(ana, "Apart", "a refund", "an invoice")
    assert found(ana, "invoice refund") == ["Together"]


@pytest.mark.parametrize(
    "text",
    [
        "'",
        '"',
        "*",
        "a*b*",
        "^a",
        "-a",
        "+a -b",
        "(",
        "a AND",
        "NEAR",
        "{a}",
        "a:b",
        "@",
        "%",
        "\\",
        "' OR 1=1",
        "&|!<->:*",
        # Nothing is left of these once accents make no difference; the marks of sounds are letters to Unicode.
        "\u0301\u0301\u0301",
        "\u0345\u0345\u0345",
        "a \u0301\u0301\u0301",
        "\u02b9\u02ba\u02bb",
        "\uff9e\uff9e\uff9e",
        "\u3164\u3164\u3164",
        "\u00b2\u00b3\u00b9",
    ],
)
def test_signs_and_operators_are_mere_text(ana: User, text: str) -> None:
    talk(ana, "T", "something")
    asked = parse(text)
    rows = list(own_matching(ana, asked, Conversation.objects.owned_by(ana)))
    snippets(rows, asked)
    assert len(rows) == (0 if asked.words else 1)


def test_nobody_finds_what_others_said(ana: User, stranger: User) -> None:
    talk(ana, "Mine", "a refund")
    talk(stranger, "Theirs", "a refund")
    assert found(ana, "refund") == ["Mine"]
    # Not even given a wider set to search.
    everybody = own_matching(ana, parse("refund"), Conversation.objects.all())
    assert [conversation.title for conversation in everybody] == ["Mine"]


def test_prefixes_narrow(ana: User, stranger: User) -> None:
    folder = Folder.objects.create(owner=ana, name="Tax 2026", name_key="tax 2026")
    tag = Tag.objects.create(owner=ana, name="Two Words", name_key="two words")
    old = talk(ana, "Old", "refund", last_message_at=datetime(2026, 10, 5, 12, tzinfo=UTC))
    new = talk(ana, "New", "refund", folder=folder, last_message_at=datetime(2026, 11, 5, 12, tzinfo=UTC))
    new.tags.add(tag)
    Message.objects.create(conversation=old, role="assistant", content="Yes.", model_name="qwen3:0.6b")
    for text, titles in {
        'tag:"two words" refund': ["New"],
        "tag:TWO refund": [],
        'folder:"tax 2026"': ["New"],
        "model:qwen3 refund": ["Old"],
        "before:2026-11-01": ["Old"],
        "after:2026-11-01 refund": ["New"],
        "after:2026-10-05 before:2026-10-06": ["Old"],
        "before:nonsense refund": ["New", "Old"],
        "before:0001-01-01": [],
        "after:9999-12-31": [],
    }.items():
        assert found(ana, text) == titles, text
    assert found(stranger, 'tag:"two words"') == []


def test_snippets_show_what_was_found_first(ana: User) -> None:
    by_message = talk(ana, "Plain", "nothing", "here is **the refund** asked for", "refund again")
    by_title = talk(ana, "A Réfund")
    by_description = talk(ana, "Described", description="All of the refunds")
    none = talk(ana, "None", "bye")
    shown = snippets([by_message, by_title, by_description, none], parse("refund"))
    lines = {key: "".join(f"[{p.text}]" if p.is_hit else p.text for p in line) for key, line in shown.items()}
    assert lines == {
        by_message.pk: "here is the [refund] asked for",
        by_title.pk: "A [Réfund]",
        by_description.pk: "All of the [refunds]",
    }


def test_a_hit_far_inside_a_long_message_is_shown(ana: User) -> None:
    conversation = talk(ana, "Long", "x " * 40_000 + "the refund here " + "y " * 1000)
    (line,) = snippets([conversation], parse("refund")).values()
    assert [piece.text for piece in line if piece.is_hit] == ["refund"]


def test_the_number_of_queries_does_not_grow(ana: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(40):
        talk(ana, f"Talk {number}", "a refund", "and again a refund")
    asked = parse("refund")
    with django_assert_num_queries(4 if connection.vendor == "postgresql" else 3):
        rows = list(own_matching(ana, asked, Conversation.objects.owned_by(ana))[:30])
        assert len(snippets(rows, asked)) == 30


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Other databases have one way to read.")
@pytest.mark.parametrize("is_new", [True, False])
def test_both_ways_to_read_find_the_same(
    ana: User, stranger: User, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    """Whether the newest conversations hold the word or the oldest alone: the page is exactly the newest that do."""
    monkeypatch.setattr(postgresql, "MANY", 0)
    monkeypatch.setattr(postgresql, "NEWEST", 10)
    monkeypatch.setattr(postgresql, "ENOUGH", 5)
    for number in range(60):
        moment = datetime(2026, 1, 1, 0, number, tzinfo=UTC)
        talk(ana, f"{number:02}", "a refund" if (number >= 30) == is_new else "else", last_message_at=moment)
        talk(stranger, f"Theirs {number:02}", "a refund", last_message_at=moment)
    page = own_matching(ana, parse("refund"), Conversation.objects.owned_by(ana)).order_by("-last_message_at", "-pk")
    newest = 59 if is_new else 29
    assert [conversation.title for conversation in page[:10]] == [
        f"{number:02}" for number in range(newest, newest - 10, -1)
    ]
    assert page.count() == 30
