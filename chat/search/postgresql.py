"""Words on PostgreSQL: tsvector in a GIN index, taken apart without regard to the locale of the database."""

# ruff: noqa: S608, S611 - constants of this package alone are put into the statements

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, Q
from django.db.models.expressions import RawSQL

from chat.search.tables import CONVERSATIONS, DIFFERS, MESSAGES, TITLE_DIFFERS, WORDS, is_kept

PLAIN, OF = f"{WORDS}_plain", f"{WORDS}_of"
COLUMNS = "conversation_id, message_id, words"
AGAIN = "ON CONFLICT (conversation_id, message_id) DO UPDATE SET words = EXCLUDED.words"
# PostgreSQL keeps one MB of words of a text and refuses it beyond that: so much is read of one, and so little that it
# can never refuse where it did.
MOST_CHARACTERS, SURE_CHARACTERS = 200_000, 50_000
# Accents that stand apart from their letters, and all that is neither letter nor digit.
ACCENTS = r"[\u0300-\u036f]"
SIGNS = (
    r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7"
    r"\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030\ufe10-\ufe6f"
    r"\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]+"
)
# So many rows are worth a look at whether the newest conversations answer by themselves, and so many of these must.
MANY, NEWEST, ENOUGH = 3000, 100, 20


class Holds(Func):
    """Whether the texts of one conversation answer, asked for each by itself."""

    function = None
    # OFFSET keeps PostgreSQL from turning it round into the search of all texts.
    template = f"EXISTS (SELECT 1 FROM {WORDS} held WHERE held.conversation_id = %(expressions)s OFFSET 0)"
    arg_joiner = " AND held.words @@ "
    output_field = BooleanField()


def matching(words: list[str], owner: int | None) -> Q:
    """The condition that a conversation holds a text with each of `words`."""
    sql, parameters = query(words, owner)
    # Materialized: what is read is what the index finds, however many rows PostgreSQL expects.
    chosen = (
        f"WITH found AS MATERIALIZED (SELECT conversation_id FROM {WORDS} WHERE words @@ {sql}) "
        "SELECT conversation_id FROM found"
    )
    return Q(pk__in=RawSQL(chosen, parameters))


def held(words: list[str]) -> Q:
    """The same, asked of one conversation after the other."""
    sql, parameters = query(words, None)
    return Q(Holds(F("pk"), RawSQL(sql, parameters)))


def expected(words: list[str], owner: int | None) -> int:
    """How many texts PostgreSQL expects to answer."""
    sql, parameters = query(words, owner)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {WORDS} WHERE words @@ {sql}", parameters)
        (plan,) = cursor.fetchone()
    return int((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"])


def first_text(words: list[str], keys: list[int]) -> tuple[str, list[Any]]:
    """The statement that gives the first text with all `words` of each conversation, as its key and the message."""
    sql, parameters = query(words, None)
    first = (
        f"(SELECT message_id FROM {WORDS} held WHERE held.conversation_id = c.id AND held.words @@ {sql} "
        "ORDER BY message_id OFFSET 0 LIMIT 1)"
    )
    found = f"SELECT c.id AS key, {first} AS message FROM {CONVERSATIONS} c WHERE c.id = ANY(%s)"
    return f"SELECT key, message FROM ({found}) AS found WHERE message IS NOT NULL", [*parameters, keys]


def query(words: list[str], owner: int | None) -> tuple[str, list[Any]]:
    each, parameters = [], []
    for word in words:
        if word.endswith("*"):
            # What folds to nothing would be no query at all; an empty one is left out of the others.
            beginning = f"quote_literal(nullif(btrim({PLAIN}(%s)), '')) || ':*'"
            each.append(f"coalesce(to_tsquery('simple', {beginning}), ''::tsquery)")
        else:
            each.append(f"phraseto_tsquery('simple', {PLAIN}(%s))")
        parameters.append(word.rstrip("*"))
    if owner is not None:
        each.append("%s::tsquery")
        parameters.append(f"'#{owner}'")
    return f"({' && '.join(each)})", parameters


def table() -> Iterator[str]:
    yield (
        f"CREATE FUNCTION {PLAIN}(said text) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$ "
        f"SELECT lower(regexp_replace(regexp_replace(normalize(said, NFKD), '{ACCENTS}', '', 'g'), "
        f"'{SIGNS}', ' ', 'g')) $$"
    )
    # No text holds this sign any more, so that nobody can write the word that stands for an owner.
    words = f"array_to_tsvector(ARRAY['#' || owner]) || to_tsvector('simple', {PLAIN}(left(said, %d)))"
    yield (
        f"CREATE FUNCTION {OF}(owner bigint, said text) RETURNS tsvector STABLE LANGUAGE plpgsql AS $$ "
        f"BEGIN RETURN {words % MOST_CHARACTERS}; "
        f"EXCEPTION WHEN program_limit_exceeded THEN RETURN {words % SURE_CHARACTERS}; END $$"
    )
    yield (
        f"CREATE TABLE {WORDS} (conversation_id bigint NOT NULL, message_id bigint NOT NULL, words tsvector NOT NULL, "
        "PRIMARY KEY (conversation_id, message_id))"
    )


def index() -> Iterator[str]:
    # Written at once, not gathered first: gathered rows are read one by one by every search.
    yield f"CREATE INDEX {WORDS}_index ON {WORDS} USING gin (words) WITH (fastupdate = off)"
    # What is known of how often words occur decides how a search is made.
    yield f"ANALYZE {WORDS}"


def filling() -> dict[str, str]:
    """By the table that is read: the statement that reads the rows with keys between two numbers."""
    titles = f"SELECT c.id, 0, {OF}(c.owner_id, {_title('c')}) FROM {CONVERSATIONS} c WHERE c.id BETWEEN %s AND %s"
    messages = (
        f"SELECT m.conversation_id, m.id, {OF}(c.owner_id, m.content) FROM {MESSAGES} m "
        f"JOIN {CONVERSATIONS} c ON c.id = m.conversation_id WHERE {is_kept('m')} AND m.id BETWEEN %s AND %s"
    )
    begin = f"INSERT INTO {WORDS} ({COLUMNS})"
    return {CONVERSATIONS: f"{begin} {titles} {AGAIN}", MESSAGES: f"{begin} {messages} {AGAIN}"}


def triggers() -> Iterator[str]:
    add = (
        f"INSERT INTO {WORDS} ({COLUMNS}) SELECT NEW.conversation_id, NEW.id, {OF}(owner_id, NEW.content) "
        f"FROM {CONVERSATIONS} WHERE id = NEW.conversation_id {AGAIN};"
    )
    remove = f"DELETE FROM {WORDS} WHERE conversation_id = OLD.conversation_id AND message_id = OLD.id;"
    title = f"INSERT INTO {WORDS} ({COLUMNS}) VALUES (NEW.id, 0, {OF}(NEW.owner_id, {_title('NEW')})) {AGAIN};"
    given = (
        f"UPDATE {WORDS} SET words = array_to_tsvector(ARRAY['#' || NEW.owner_id]) "
        f"|| ts_delete(words, '#' || OLD.owner_id) WHERE conversation_id = NEW.id;"
    )
    each = "FOR EACH ROW"
    matters = f"{DIFFERS} AND ({is_kept('OLD')} OR {is_kept('NEW')})"
    events = {
        "begun": (f"AFTER INSERT ON {CONVERSATIONS} {each}", title),
        "named": (f"AFTER UPDATE OF title, description ON {CONVERSATIONS} {each} WHEN {TITLE_DIFFERS}", title),
        "given": (f"AFTER UPDATE OF owner_id ON {CONVERSATIONS} {each} WHEN (OLD.owner_id <> NEW.owner_id)", given),
        "gone": (
            f"AFTER DELETE ON {CONVERSATIONS} {each}",
            f"DELETE FROM {WORDS} WHERE conversation_id = OLD.id;",
        ),
        "said": (f"AFTER INSERT ON {MESSAGES} {each} WHEN ({is_kept('NEW')})", add),
        "changed": (
            f"AFTER UPDATE OF content, status, conversation_id ON {MESSAGES} {each} WHEN ({matters})",
            f"{remove} IF {is_kept('NEW')} THEN {add} END IF;",
        ),
        "unsaid": (f"AFTER DELETE ON {MESSAGES} {each}", remove),
        "emptied": (f"AFTER TRUNCATE ON {CONVERSATIONS} FOR EACH STATEMENT", f"TRUNCATE {WORDS};"),
    }
    for name, (event, act) in events.items():
        yield (
            f"CREATE FUNCTION {WORDS}_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {act} RETURN NULL; END $$"
        )
        yield f"CREATE TRIGGER {WORDS}_{name} {event} EXECUTE FUNCTION {WORDS}_{name}()"


def drop() -> Iterator[str]:
    # Triggers go with their functions.
    for name in ("begun", "named", "given", "gone", "said", "changed", "unsaid", "emptied"):
        yield f"DROP FUNCTION IF EXISTS {WORDS}_{name}() CASCADE"
    yield f"DROP TABLE IF EXISTS {WORDS}"
    yield f"DROP FUNCTION IF EXISTS {OF}(bigint, text)"
    yield f"DROP FUNCTION IF EXISTS {PLAIN}(text)"


def _title(row: str) -> str:
    return f"{row}.title || ' ' || {row}.description"
