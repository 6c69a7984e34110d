"""Words of the trail: found by all that was asked for, whole or by a beginning that ends with a star."""

from __future__ import annotations

import random
import re

import pytest
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from settings_store import audit
from settings_store.models import AuditEvent
from settings_store.trail.reading import Question, known, question, read
from settings_store.trail.words import create_words, drop_words, words_of
from tests.factories import make_user

# MariaDB finds words only once they are committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def events() -> dict[str, int]:
    ana = make_user(username="ana", full_name="Ana Ruiz-Weber")
    with transaction.atomic(), audit.circumstances(request_id="req_0a1b2c3d4e5f6071"):
        changed = audit.record(
            "setting.changed",
            actor=ana,
            target_type="settings_store.setting",
            target_id="1",
            target_name="chat.rate_limit (production)",
            before={"value": "https://models.example:8443/v1"},
            after={"value": "Grüße aus Köln", "nested": {"deep_field": ["quixotic", 77123]}},
            reason='Asked for by "customer" o\'clock \\ 4411',
        )
    with transaction.atomic():
        other = audit.record("user.updated", actor=None, target_name="Bo", reason="moved to another town")
    return {"changed": changed.sequence, "other": other.sequence}


def found(text: str) -> list[int]:
    return [event.sequence for event in read(question({"q": text}), count=50)]


@pytest.mark.parametrize(
    "text",
    [
        "setting.changed",
        "ruiz",
        "Ana Weber",
        "rate limit",
        "chat.rate_limit",
        "models.example",
        "8443",
        "grüße",
        "quix*",
        "köl* setting.chang*",
        "req_0a1b2c*",
        "77123",
        "deep_field",
        "customer 4411",
        "req_0a1b2c3d4e5f6071",
        "QUIXOTIC köln",
    ],
)
def test_an_event_is_found_by_the_words_it_holds(events: dict[str, int], text: str) -> None:
    assert found(text) == [events["changed"]]


@pytest.mark.parametrize(
    "text",
    ["absent", "quixotic absent", "quix", "uixotic*", "koln", "qu*", "town ana", "....", "'\"*)(", "a & !b | c:*"],
)
def test_an_event_is_not_found_by_what_it_does_not_hold(events: dict[str, int], text: str) -> None:
    assert found(text) == []


def test_every_word_of_a_search_counts_once(events: dict[str, int]) -> None:
    assert words_of("Req_12ab*   a-b_c  Ä b*") == ["12ab*", "a", "b", "c", "ä", "b"]
    assert words_of("x" * 70) == ["x" * 64 + "*"]
    assert len(words_of("word " * 100)) == 8


def test_the_words_of_events_there_were_are_found_when_the_search_is_made_anew(events: dict[str, int]) -> None:
    drop_words(connection)
    create_words(connection)
    assert found("quixotic köln") == [events["changed"]]
    assert found("another town") == [events["other"]]


def test_many_matches_come_newest_first_from_every_part_of_the_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("settings_store.trail.reading.NEAR", 8)
    with transaction.atomic():
        made = [
            audit.record("a.b" if n % 3 else "a.c", actor=None, reason="common" if n % 2 else "other").sequence
            for n in range(60)
        ]
    common = [sequence for n, sequence in enumerate(made) if n % 2][::-1]
    asked = question({"q": "common"})
    assert [event.sequence for event in read(asked, count=100)] == common
    assert [event.sequence for event in read(asked, count=7)] == common[:7]
    assert [event.sequence for event in read(asked, count=7, below=common[6])] == common[7:14]
    assert [event.sequence for event in read(asked, count=7, above=common[20], newest=False)] == common[13:20]
    both = [sequence for n, sequence in enumerate(made) if n % 2 and n % 3 == 0][::-1]
    assert [event.sequence for event in read(question({"q": "common", "action": "a.c"}), count=100)] == both
    grouped = [event.sequence for event in read(question({"action": "a."}), count=100)]
    assert grouped == made[::-1]
    assert [event.sequence for event in read(Question(), count=5)] == made[:-6:-1]


def test_the_trail_has_no_column_for_its_words() -> None:
    columns = {field.attname for field in AuditEvent._meta.concrete_fields}
    assert len(columns) == 22


def test_a_long_trail_answers_as_if_every_event_were_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than what is looked at one by one, with words and filters that meet often, seldom and never."""
    monkeypatch.setattr("settings_store.trail.reading.NEAR", 300)
    monkeypatch.setattr("settings_store.trail.reading.WINDOWS", (700, 1500, 2**62))
    chance = random.Random(4)  # noqa: S311 - the same trail in every run
    people = [make_user(username=name, full_name=name.title()) for name in ("ana", "bert", "zoe")]
    towns = ["köln", "kölnisch", "aachen", "bonn", "bonn24", "ulm"]
    made: list[AuditEvent] = []
    while len(made) < 4500:
        entries = [
            audit.Entry(
                chance.choice(["a.made", "a.left", "b.made"]),
                actor=chance.choice(people) if chance.random() < 0.98 else None,
                target_type=chance.choice(["x.one", "x.two"]),
                target_id=str(chance.randrange(40)),
                reason=" ".join(chance.sample(towns, 2)) + (" quixotic" if chance.random() < 0.002 else ""),
                after={"n": f"line\nbreak{chance.randrange(900)}", "on": chance.random() < 0.5},
            )
            for _ in range(500)
        ]
        with transaction.atomic():
            made += audit.record_many(entries)
    questions: list[dict[str, str]] = [
        {"q": "köln"},
        {"q": "köln bonn ulm"},
        {"q": "aachen break7*"},
        {"q": "bre* bonn24"},
        {"q": "break77"},
        {"q": "köln*"},
        {"q": "quix*"},
        {"q": "quixotic nowhere"},
        {"q": "ulm", "actor": "zoe"},
        {"q": "system bonn"},
        {"action": "a.", "actor": "bert"},
        {"action": "b.made", "target_type": "x.two", "q": "true"},
        {"target_type": "x.one", "target_id": "7", "q": "ana köln"},
        {"target_type": "x.one", "target_id": "7", "action": "a.left"},
    ]
    for asked in questions:
        expected = [event.sequence for event in reversed(made) if answers(event, asked)]
        for count in (7, 5000):
            got = [event.sequence for event in read(question(asked), count=count)]
            assert got == expected[:count], asked
        if expected:
            middle = expected[len(expected) // 2]
            older = [event.sequence for event in read(question(asked), count=9, below=middle)]
            newer = [event.sequence for event in read(question(asked), count=9, above=middle, newest=False)]
            place = expected.index(middle)
            assert older == expected[place + 1 : place + 10], asked
            assert newer == expected[max(0, place - 9) : place], asked


def answers(event: AuditEvent, asked: dict[str, str]) -> bool:
    words = " ".join(
        [event.action, event.actor_name, event.target_name, event.reason, *map(str, (event.after or {}).values())]
    )
    have = re.findall(r"[^\W_]+", f"{words} n on".lower())
    return (
        all(
            any(word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted for word in have)
            for wanted in asked.get("q", "").split()
        )
        and event.action.startswith(asked.get("action", ""))
        and asked.get("actor", "") in event.actor_name.lower()
        and asked.get("target_type", event.target_type) == event.target_type
        and asked.get("target_id", event.target_id) == event.target_id
    )


def test_every_name_is_known_however_many_there_are() -> None:
    names = [f"Person {number:04d}" for number in range(1500)]
    with transaction.atomic():
        audit.record_many([audit.Entry("a.b", actor=None, target_type=name) for name in names])
    assert known("target_type") == names


def test_names_are_found_without_case_and_accents() -> None:
    made: dict[str, int] = {}
    for name in ("José Prado", "Jose Prado", "JOSÉ PRADO", "Joana"):
        person = make_user(username=f"u{len(made)}", full_name=name)
        with transaction.atomic():
            made[name] = audit.record("a.b", actor=person).sequence
    expected = sorted((sequence for name, sequence in made.items() if name != "Joana"), reverse=True)
    for asked in ("josé", "JOSE", "sé pra"):
        found = read(question({"actor": asked, "action": "a.b"}), count=50)
        assert [event.sequence for event in found] == expected, asked


def test_the_migration_of_the_search_goes_back_and_forth_without_losing_an_event(events: dict[str, int]) -> None:
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    before = audit.head()
    try:
        executor.migrate([("settings_store", "0005_proposal_rollback")])
        assert "settings_store_auditwords" not in connection.introspection.table_names()
        with transaction.atomic():
            meanwhile = audit.record("a.b", actor=None, reason="written without a search").sequence
    finally:
        MigrationExecutor(connection).migrate(leaves)
    assert audit.head()[0] == before[0] + 1
    assert list(audit.verify()) == []
    assert found("quixotic köln") == [events["changed"]]
    assert found("without search") == [meanwhile]
    with transaction.atomic():
        after = audit.record("a.b", actor=None, reason="written without haste").sequence
    assert found("written without") == [after, meanwhile]
