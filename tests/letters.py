"""Reading letters as their readers do."""

from __future__ import annotations

import re

from django.core.mail import EmailMessage


def link_in(letter: EmailMessage) -> str:
    """The path of the one address that a letter names, in its text as in its HTML."""
    text = str(letter.body)
    found = re.findall(r"https?://[^/\s]+(/\S*)", text)
    assert len(found) == 1, text
    html = str(letter.alternatives[0][0])  # type: ignore[attr-defined]  # EmailMultiAlternatives has them
    assert html.count(found[0].replace("&", "&amp;")) == 3
    return str(found[0])
