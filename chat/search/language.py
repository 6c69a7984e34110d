"""What people write into the search of conversations: words, "phrases", and prefixes that narrow."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date

from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

# More of either is more than anybody means, and less than a database minds.
LONGEST, MOST_WORDS = 300, 8
# A shorter one begins too many words.
SHORTEST_BEGINNING = 3
_PARTS = re.compile(
    r"""(?P<prefix>tag|model|folder|before|after):(?:"(?P<quoted>[^"]*)"?|(?P<value>[^\s"]*))"""
    r"""|"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+)""",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Asked:
    """A search, taken apart. Each of `words` is to be found: one word, one that begins so where it ends with a star,
    or several in a row; letters, digits and single spaces only.
    """

    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    # Conversations whose last message is from an earlier day, and from that day or a later one.
    before: date | None = None
    after: date | None = None
    # A sentence for each part that makes no sense and narrows nothing.
    problems: list[str] = field(default_factory=list)

    @property
    def narrows(self) -> bool:
        return bool(self.words or self.tags or self.models or self.folders or self.before or self.after)


def parse(text: str) -> Asked:
    """What `text` asks for. Signs, and what would be an operator to a database, are mere text."""
    asked = Asked()
    text = unicodedata.normalize("NFC", text[:LONGEST])
    parts = list(_PARTS.finditer(text))
    for part in parts:
        if part["prefix"]:
            value = part["value"] if part["quoted"] is None else part["quoted"]
            _narrow(asked, part["prefix"].lower(), " ".join(value.split()))
        elif part["phrase"] is not None:
            asked.words += filter(None, [plain(part["phrase"])])
        else:
            asked.words += filter(None, [_word(part["word"], is_last=part is parts[-1])])
    asked.words = list(dict.fromkeys(asked.words))
    if len(asked.words) > MOST_WORDS:
        asked.problems.append(_("Only the first %(number)d words are looked for.") % {"number": MOST_WORDS})
        asked.words = asked.words[:MOST_WORDS]
    if text.strip() and not asked.narrows and not asked.problems:
        asked.problems.append(_("Signs alone are not looked for. Write a word."))
    return asked


def words_in(text: str) -> list[str]:
    """The words alone, for a field that knows no prefixes: `tag:` is a word like any other there."""
    return parse(re.sub(r":", " ", text)).words


def plain(text: str) -> str:
    """Letters and digits of `text`, with single spaces where anything else stood: the databases take it apart alike."""
    words = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in text).split()
    # Accents without a letter, in whatever width, are nothing that could be found.
    return " ".join(word for word in words if any(_is_written(c) for c in unicodedata.normalize("NFKD", word)))


def _is_written(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _word(chunk: str, *, is_last: bool) -> str:
    word = plain(chunk)
    # The last word may not be written to its end yet.
    begins = (is_last or chunk.endswith("*")) and len(word) >= SHORTEST_BEGINNING and " " not in word
    return f"{word}*" if begins else word


def _narrow(asked: Asked, prefix: str, value: str) -> None:
    if not value:
        asked.problems.append(_("Nothing follows %(prefix)s: here.") % {"prefix": prefix})
    elif prefix in ("before", "after"):
        _narrow_days(asked, prefix, value)
    else:
        {"tag": asked.tags, "model": asked.models, "folder": asked.folders}[prefix].append(value)


def _narrow_days(asked: Asked, prefix: str, value: str) -> None:
    try:
        day = parse_date(value)
    except ValueError:
        day = None
    if day is None:
        asked.problems.append(
            _("“%(value)s” is no date. Write it like this: %(prefix)s:2026-11-01") % {"value": value, "prefix": prefix}
        )
    elif prefix == "before":
        asked.before = min(day, asked.before or day)
    else:
        asked.after = max(day, asked.after or day)
