"""Words on SQLite: FTS5, whose row numbers say which conversation and which message of it."""

# ruff: noqa: S608 - constants of this package alone are put into the statements

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q
from django.db.models.expressions import RawSQL

from chat.search.tables import CONVERSATIONS, DIFFERS, MESSAGES, TITLE_DIFFERS, WORDS, is_kept

# The lower bits of a row number are the message, 0 for the title; so a conversation's rows lie together.
BITS = 31
COLUMNS = "rowid, owner, words"


def matching(words: list[str], owner: int | None) -> Q:
    """The condition that a conversation holds a text with each of `words`."""
    chosen = f"SELECT rowid >> {BITS} FROM {WORDS} WHERE {WORDS} MATCH %s"
    return Q(pk__in=RawSQL(chosen, [query(words, owner)]))  # noqa: S611


def first_text(words: list[str], keys: list[int]) -> tuple[str, list[Any]]:
    """The statement that gives the first text with all `words` of each conversation, as its key and the message."""
    # The conversations of a page lie near each other where many answer, and few are between them where few do.
    between = f"rowid BETWEEN %s << {BITS} AND ((%s + 1) << {BITS}) - 1"
    found = (
        f"SELECT rowid >> {BITS} AS key, min(rowid) AS text FROM {WORDS} WHERE {WORDS} MATCH %s AND {between} "
        "GROUP BY key"
    )
    marks = ", ".join(["%s"] * len(keys))
    sql = f"SELECT key, text & ((1 << {BITS}) - 1) FROM ({found}) WHERE key IN ({marks})"
    return sql, [query(words, None), min(keys), max(keys), *keys]


def query(words: list[str], owner: int | None) -> str:
    # Quoted, a word is never an operator.
    each = (f'"{word[:-1]}"*' if word.endswith("*") else f'"{word}"' for word in words)
    found = f"words : ({' AND '.join(each)})"
    return found if owner is None else f'owner : "{owner}" AND {found}'


def table() -> Iterator[str]:
    tokens = "unicode61 remove_diacritics 2"
    # The shortest beginnings have the most words, so these are kept together.
    yield f"CREATE VIRTUAL TABLE {WORDS} USING fts5(owner, words, tokenize = '{tokens}', prefix = '3', columnsize = 0)"


def index() -> Iterator[str]:
    yield from ()


def filling() -> dict[str, str]:
    """By the table that is read: the statement that reads the rows with keys between two numbers."""
    titles = f"SELECT id << {BITS}, owner_id, {_title('c')} FROM {CONVERSATIONS} c WHERE id BETWEEN %s AND %s"
    messages = (
        f"SELECT (m.conversation_id << {BITS}) | m.id, c.owner_id, m.content FROM {MESSAGES} m "
        f"JOIN {CONVERSATIONS} c ON c.id = m.conversation_id WHERE {is_kept('m')} AND m.id BETWEEN %s AND %s"
    )
    begin = f"INSERT OR REPLACE INTO {WORDS} ({COLUMNS})"
    return {CONVERSATIONS: f"{begin} {titles}", MESSAGES: f"{begin} {messages}"}


def triggers() -> Iterator[str]:
    """They ask no table but that of the words: while a migration makes another one anew, SQLite would refuse."""
    title_row, row = f"NEW.id << {BITS}", f"(NEW.conversation_id << {BITS}) | NEW.id"
    all_rows = f"rowid BETWEEN OLD.id << {BITS} AND ((OLD.id + 1) << {BITS}) - 1"
    # The row of the title knows the owner.
    add = (
        f"INSERT OR REPLACE INTO {WORDS} ({COLUMNS}) SELECT {row}, owner, NEW.content FROM {WORDS} "
        f"WHERE rowid = NEW.conversation_id << {BITS} AND {is_kept('NEW')};"
    )
    remove = f"DELETE FROM {WORDS} WHERE rowid = (OLD.conversation_id << {BITS}) | OLD.id;"
    yield _trigger(
        "begun",
        f"AFTER INSERT ON {CONVERSATIONS}",
        f"INSERT OR REPLACE INTO {WORDS} ({COLUMNS}) VALUES ({title_row}, NEW.owner_id, {_title('NEW')});",
    )
    yield _trigger(
        "named",
        f"AFTER UPDATE OF title, description ON {CONVERSATIONS} WHEN {TITLE_DIFFERS}",
        f"UPDATE {WORDS} SET words = {_title('NEW')} WHERE rowid = {title_row};",
    )
    yield _trigger(
        "given",
        f"AFTER UPDATE OF owner_id ON {CONVERSATIONS} WHEN OLD.owner_id <> NEW.owner_id",
        f"UPDATE {WORDS} SET owner = NEW.owner_id WHERE {all_rows};",
    )
    yield _trigger("gone", f"AFTER DELETE ON {CONVERSATIONS}", f"DELETE FROM {WORDS} WHERE {all_rows};")
    yield _trigger("said", f"AFTER INSERT ON {MESSAGES} WHEN {is_kept('NEW')}", add)
    yield _trigger(
        "changed",
        f"AFTER UPDATE OF content, status, conversation_id ON {MESSAGES} WHEN {DIFFERS} "
        f"AND ({is_kept('OLD')} OR {is_kept('NEW')})",
        f"{remove} {add}",
    )
    yield _trigger("unsaid", f"AFTER DELETE ON {MESSAGES}", remove)


def drop() -> Iterator[str]:
    for name in ("begun", "named", "given", "gone", "said", "changed", "unsaid"):
        yield f"DROP TRIGGER IF EXISTS {WORDS}_{name}"
    yield f"DROP TABLE IF EXISTS {WORDS}"


def _trigger(name: str, event: str, act: str) -> str:
    return f"CREATE TRIGGER IF NOT EXISTS {WORDS}_{name} {event} BEGIN {act} END"


def _title(row: str) -> str:
    return f"{row}.title || ' ' || {row}.description"
