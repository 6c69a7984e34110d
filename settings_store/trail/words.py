"""Words of the trail, so that a search need not read every event: by the full text search that each database has.

PostgreSQL has an index over an expression, SQLite and MariaDB a table beside the trail that a trigger fills: the trail
itself gets no further column, since each of them is in the hash of every event. Secrets are masked before they are
recorded, so no search finds them. A migration makes it; nothing in the product takes it away.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

TRAIL, WORDS = "settings_store_auditevent", "settings_store_auditwords"
INDEX, TRIGGER = "settings_store_audit_words", "settings_store_auditevent_words"
MOST_WORDS, LONGEST_WORD = 8, 64
# A shorter one begins too many words; and MariaDB keeps no words that are shorter.
SHORTEST_BEGINNING = 3
_TEXTS = "action || ' ' || actor_name || ' ' || impersonator_name || ' ' || target_name || ' ' || reason || ' ' || "
_LETTERS = (
    f"lower({_TEXTS}coalesce(left(before::text, 20000), '') || ' ' || coalesce(left(after::text, 20000), '') || ' ' || "
    "request_id)"
)


def _postgresql_words() -> str:
    # Bytes of JSON that stand for others are no letters.
    before, after = (
        rf"""coalesce(regexp_replace(left({side}::text, 20000), '\\[\\bfnrt"]', ' ', 'g'), '')"""
        for side in ("before", "after")
    )
    # Every request id begins so: kept, it would stand in the index once for every event.
    text = f"{_TEXTS}{before} || ' ' || {after} || ' ' || replace(request_id, 'req_', '')"
    # Signs are taken out, for with some of them PostgreSQL makes several words one: an address, a path, a tag.
    signs = r"[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+"
    return f"to_tsvector('simple'::regconfig, regexp_replace({text}, '{signs}', ' ', 'g'))"


_POSTGRESQL_WORDS = _postgresql_words()


def words_of(text: str) -> list[str]:
    """The words that are looked for: letters and digits, as the databases take them apart; `*` ends a beginning."""
    text = re.sub(r"\breq_(?=[0-9a-f])", "", unicodedata.normalize("NFC", text).lower())
    words = []
    for word, star in re.findall(r"([^\W_]+)(\*?)", text)[:MOST_WORDS]:
        is_beginning = (star and len(word) >= SHORTEST_BEGINNING) or len(word) > LONGEST_WORD
        words.append(f"{word[:LONGEST_WORD]}*" if is_beginning else word)
    return words


def holding(words: list[str], low: int, high: int) -> RawSQL:
    """The condition that an event holds each of `words`, or a longer word where one ends with `*`.

    For SQLite and MariaDB, where words stand in a table of their own: `low` and `high` bound the sequence there, too.
    """
    # Below, constants of this file alone are put into the statements.
    if connection.vendor == "sqlite":
        query = " ".join(f'"{word[:-1]}"*' if word.endswith("*") else f'"{word}"' for word in words)
        chosen = f"SELECT rowid FROM {WORDS} WHERE {WORDS} MATCH %s AND rowid BETWEEN %s AND %s"  # noqa: S608
        return RawSQL(f"{TRAIL}.sequence IN ({chosen})", [query, low, high], output_field=BooleanField())  # noqa: S611
    conditions: list[str] = []
    parameters: list[str | int] = []
    if long := [word for word in words if len(word) >= SHORTEST_BEGINNING]:
        conditions.append("MATCH (words) AGAINST (%s IN BOOLEAN MODE)")
        parameters.append(" ".join(f"+{word}" for word in long))
    for word in words:
        if word not in long:
            # Its full text search knows no shorter words, so these are looked for in one event after the other.
            conditions.append("words REGEXP %s")
            parameters.append(f"(^|[^[:alnum:]]){word}([^[:alnum:]]|$)")
    chosen = f"SELECT sequence FROM {WORDS} WHERE {' AND '.join(conditions)} AND sequence BETWEEN %s AND %s"  # noqa: S608
    parameters = [*parameters, low, high]
    return RawSQL(f"{TRAIL}.sequence IN ({chosen})", parameters, output_field=BooleanField())  # noqa: S611


def holding_by_index(words: list[str]) -> RawSQL:
    """The same on PostgreSQL, along its index."""
    return RawSQL(f"{_POSTGRESQL_WORDS} @@ to_tsquery('simple', %s)", [_query(words)], output_field=BooleanField())  # noqa: S611


def holding_each(words: list[str]) -> RawSQL:
    """The same on PostgreSQL by looking at one event after the other."""
    # Letters are compared first, which is quicker than taking the event apart; what is added keeps the index out of it.
    sql = f"{_LETTERS} LIKE ALL (%s) AND ({_POSTGRESQL_WORDS} || '') @@ to_tsquery('simple', %s)"
    letters = [f"%{word.rstrip('*')}%" for word in words]
    return RawSQL(sql, [letters, _query(words)], output_field=BooleanField())  # noqa: S611


def _query(words: list[str]) -> str:
    return " & ".join(f"'{word[:-1]}':*" if word.endswith("*") else f"'{word}'" for word in words)


def create_words(connection: BaseDatabaseWrapper) -> None:
    """Make the index or the table of words and fill it from the events there are."""
    with connection.cursor() as cursor:
        for statement in {"postgresql": _postgresql, "sqlite": _sqlite, "mysql": _mysql}[connection.vendor]():
            cursor.execute(statement)


def drop_words(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP INDEX IF EXISTS {INDEX}")
        else:
            cursor.execute(f"DROP TRIGGER IF EXISTS {TRIGGER}")
            cursor.execute(f"DROP TABLE IF EXISTS {WORDS}")


def empty_words(connection: BaseDatabaseWrapper) -> None:
    """Forget the words of a trail that was emptied, as only the suite does."""
    statements = {"sqlite": f"INSERT INTO {WORDS} ({WORDS}) VALUES ('delete-all')", "mysql": f"TRUNCATE TABLE {WORDS}"}  # noqa: S608
    if statement := statements.get(connection.vendor):
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _postgresql() -> Iterator[str]:
    # Written at once, not gathered first: gathered events are read one by one by every search, and written all
    # together while one append waits.
    yield f"CREATE INDEX {INDEX} ON {TRAIL} USING gin ({_POSTGRESQL_WORDS}) WITH (fastupdate = off)"
    # What is known of how often words occur decides how a search is made.
    yield f"ANALYZE {TRAIL}"


def _sqlite() -> Iterator[str]:
    def words(row: str) -> str:
        # JSON is kept with its letters escaped; its tree gives them back as they are written.
        trees = [
            "coalesce((SELECT group_concat(CASE typeof(part.key) WHEN 'text' THEN part.key ELSE '' END || ' ' || "  # noqa: S608
            "CASE WHEN part.type IN ('true', 'false') THEN part.type ELSE coalesce(part.atom, '') END, ' ') "
            f"FROM json_tree({row}.{side}) AS part), '')"
            for side in ("before", "after")
        ]
        names = ("action", "actor_name", "impersonator_name", "target_name", "reason", "request_id")
        return " || ' ' || ".join([*(f"{row}.{name}" for name in names[:-1]), *trees, f"substr({row}.request_id, 5)"])

    # The words alone: what they say stands in the trail. An accent makes another word, as on PostgreSQL.
    tokens = "tokenize = 'unicode61 remove_diacritics 0'"
    yield f"CREATE VIRTUAL TABLE {WORDS} USING fts5(words, content='', columnsize=0, {tokens})"
    yield f"INSERT INTO {WORDS} (rowid, words) SELECT sequence, {words(TRAIL)} FROM {TRAIL}"  # noqa: S608
    yield (
        f"CREATE TRIGGER {TRIGGER} AFTER INSERT ON {TRAIL} BEGIN "  # noqa: S608
        f"INSERT INTO {WORDS} (rowid, words) VALUES (NEW.sequence, {words('NEW')}); END"
    )


def _mysql() -> Iterator[str]:
    def words(row: str) -> str:
        # JSON is kept with its letters escaped; read as one long string they come back, quotes aside.
        sides = [
            f"coalesce(json_unquote(concat('\"', replace(replace({row}.{side}, '\\\\\"', ' '), '\"', ' '), '\"')), "
            f"{row}.{side}, '')"
            for side in ("before", "after")
        ]
        names = ("action", "actor_name", "impersonator_name", "target_name", "reason")
        parts = [*(f"{row}.{name}" for name in names), *sides, f"substr({row}.request_id, 5)"]
        return f"lower(replace(concat_ws(' ', {', '.join(parts)}), '_', ' '))"

    yield "SET SESSION innodb_ft_enable_stopword = OFF"
    # An accent makes another word, as on PostgreSQL.
    yield (
        f"CREATE TABLE {WORDS} (sequence bigint NOT NULL PRIMARY KEY, words longtext NOT NULL, "
        f"FULLTEXT KEY {INDEX} (words)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
    )
    yield f"INSERT INTO {WORDS} (sequence, words) SELECT sequence, {words(TRAIL)} FROM {TRAIL}"  # noqa: S608
    yield (
        f"CREATE TRIGGER {TRIGGER} AFTER INSERT ON {TRAIL} FOR EACH ROW "  # noqa: S608
        f"INSERT INTO {WORDS} (sequence, words) VALUES (NEW.sequence, {words('NEW')})"
    )
