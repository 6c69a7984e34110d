"""What forms of every floor share; Django's own forms do the rest, and `{% field %}` their look."""

from __future__ import annotations

import unicodedata


def normalise(text: str) -> str:
    """Text as it is kept: composed (NFC), newlines as LF, no space around it."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
