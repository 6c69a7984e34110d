"""Words on MariaDB and MySQL: a full text index of InnoDB. It finds what is committed, not what is about to be."""

# ruff: noqa: S608, S611 - constants of this package alone are put into the statements

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from chat.search.tables import CONVERSATIONS, DIFFERS, MESSAGES, TITLE_DIFFERS, WORDS, is_kept

COLUMNS = "conversation_id, message_id, words"
# InnoDB leaves out words of one and two letters and these, so they are made longer, here and in what is looked for.
LEFT_OUT = (
    *("about", "are", "com", "for", "from", "how", "that", "the", "this"),
    *("und", "was", "what", "when", "where", "who", "will", "with", "www"),
)
SHORT, LONGER = 2, "__"
AGAINST = "MATCH (words) AGAINST (%s IN BOOLEAN MODE)"


def matching(words: list[str], owner: int | None) -> Q:
    """The condition that a conversation holds a text with each of `words`."""
    # Once for all conversations, never again for each of them.
    found = f"SELECT DISTINCT conversation_id FROM {WORDS} WHERE {AGAINST}"
    chosen = f"SELECT conversation_id FROM ({found}) AS found"
    return Q(pk__in=RawSQL(chosen, [query(words, owner)]))


def first_text(words: list[str], keys: list[int]) -> tuple[str, list[Any]]:
    """The statement that gives the first text with all `words` of each conversation, as its key and the message."""
    marks = ", ".join(["%s"] * len(keys))
    sql = f"SELECT conversation_id, min(message_id) FROM {WORDS} WHERE {AGAINST} AND conversation_id IN ({marks})"
    return f"{sql} GROUP BY conversation_id", [query(words, None), *keys]


def query(words: list[str], owner: int | None) -> str:
    each = [] if owner is None else [f"+__{owner}"]
    for word in words:
        long = " ".join(map(_longer, word.split()))
        each.append(f'+"{long}"' if " " in long else f"+{long}")
    return " ".join(each)


def _longer(word: str) -> str:
    return f"{word}{LONGER}" if len(word) <= SHORT or word.lower() in LEFT_OUT else word


def table() -> Iterator[str]:
    yield (
        f"CREATE TABLE {WORDS} (conversation_id bigint NOT NULL, message_id bigint NOT NULL, words longtext NOT NULL, "
        "PRIMARY KEY (conversation_id, message_id)) "
        "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci"
    )


def index() -> Iterator[str]:
    # "thé" would be left out as "the" is. An index made anew without this keeps the words above all the same.
    yield "SET SESSION innodb_ft_enable_stopword = OFF"
    yield f"CREATE FULLTEXT INDEX {WORDS}_index ON {WORDS} (words)"


def filling() -> dict[str, str]:
    """By the table that is read: the statement that reads the rows with keys between two numbers."""
    titles = f"SELECT c.id, 0, {_said('c.owner_id', _title('c'))} FROM {CONVERSATIONS} c WHERE c.id BETWEEN %s AND %s"
    messages = (
        f"SELECT m.conversation_id, m.id, {_said('c.owner_id', 'm.content')} FROM {MESSAGES} m "
        f"JOIN {CONVERSATIONS} c ON c.id = m.conversation_id WHERE {is_kept('m')} AND m.id BETWEEN %s AND %s"
    )
    begin = f"REPLACE INTO {WORDS} ({COLUMNS})"
    return {CONVERSATIONS: f"{begin} {titles}", MESSAGES: f"{begin} {messages}"}


def triggers() -> Iterator[str]:
    add = (
        f"REPLACE INTO {WORDS} ({COLUMNS}) SELECT NEW.conversation_id, NEW.id, {_said('owner_id', 'NEW.content')} "
        f"FROM {CONVERSATIONS} WHERE id = NEW.conversation_id;"
    )
    remove = f"DELETE FROM {WORDS} WHERE conversation_id = OLD.conversation_id AND message_id = OLD.id;"
    title = f"REPLACE INTO {WORDS} ({COLUMNS}) VALUES (NEW.id, 0, {_said('NEW.owner_id', _title('NEW'))});"
    given = (
        f"UPDATE {WORDS} SET words = concat('__', NEW.owner_id, substr(words, locate(' ', words))) "
        "WHERE conversation_id = NEW.id;"
    )
    kept = is_kept("NEW")
    anew = f"{remove} IF {kept} THEN {add} END IF;"
    events = {
        "begun": (f"AFTER INSERT ON {CONVERSATIONS}", title),
        # One trigger for both, as the order of several is theirs.
        "named": (
            f"AFTER UPDATE ON {CONVERSATIONS}",
            f"IF {TITLE_DIFFERS} THEN {title} END IF; IF OLD.owner_id <> NEW.owner_id THEN {given} END IF;",
        ),
        "gone": (f"AFTER DELETE ON {CONVERSATIONS}", f"DELETE FROM {WORDS} WHERE conversation_id = OLD.id;"),
        "said": (f"AFTER INSERT ON {MESSAGES}", f"IF {kept} THEN {add} END IF;"),
        "changed": (
            f"AFTER UPDATE ON {MESSAGES}",
            f"IF {DIFFERS} AND ({is_kept('OLD')} OR {kept}) THEN {anew} END IF;",
        ),
        "unsaid": (f"AFTER DELETE ON {MESSAGES}", remove),
    }
    for name, (event, act) in events.items():
        yield f"CREATE TRIGGER {WORDS}_{name} {event} FOR EACH ROW BEGIN {act} END"


def drop() -> Iterator[str]:
    for name in ("begun", "named", "gone", "said", "changed", "unsaid"):
        yield f"DROP TRIGGER IF EXISTS {WORDS}_{name}"
    yield f"DROP TABLE IF EXISTS {WORDS}"


def _said(owner: str, text: str) -> str:
    """What is kept of a text. The sign `_` is taken out of it: nobody can write the word that stands for an owner."""
    letter = r"[\\p{L}\\p{N}\\p{M}]"
    short = rf"(?<!{letter})({letter}{{1,{SHORT}}}|{'|'.join(LEFT_OUT)})(?!{letter})"
    reference = r"\\1" if connection.mysql_is_mariadb else "$1"  # type: ignore[attr-defined]  # MySQL alone
    return f"concat('__', {owner}, ' ', regexp_replace(replace({text}, '_', ' '), '{short}', '{reference}{LONGER}'))"


def _title(row: str) -> str:
    return f"concat_ws(' ', {row}.title, {row}.description)"
