"""Names and conditions that the statements of every database share."""

CONVERSATIONS, MESSAGES, WORDS = "chat_conversation", "chat_message", "chat_words"
UNFINISHED = "('pending', 'streaming')"
# Whether the change of a message means anything to a search.
DIFFERS = (
    "(OLD.content <> NEW.content OR OLD.conversation_id <> NEW.conversation_id "
    f"OR (OLD.status IN {UNFINISHED}) <> (NEW.status IN {UNFINISHED}))"
)
TITLE_DIFFERS = "(OLD.title <> NEW.title OR OLD.description <> NEW.description)"


def is_kept(row: str) -> str:
    """Whether a message has anything to be found by."""
    return f"({row}.status NOT IN {UNFINISHED} AND {row}.content <> '')"
