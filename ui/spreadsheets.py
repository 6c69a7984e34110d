"""CSV that a spreadsheet opens without taking any of it for a formula."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable

# What a spreadsheet takes for the beginning of a formula, in wide and small letters too, and what may stand before it
# unseen.
_FORMULAS = frozenset("=+-@")
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# Where another sign than the comma parts its cells, a formula may begin in the middle.
_PARTED = re.compile(r"([;\t\r\n][\s\u00ad\u200b-\u200f\u2060\ufeff]*)(?=[=+\-@＝＋－＠﹦﹢﹣﹫])")


def plain(text: str) -> str:
    """The text with an apostrophe before whatever a spreadsheet would reckon with."""
    first = next((letter for letter in text if unicodedata.category(letter) not in _UNSEEN), "")
    is_formula = unicodedata.normalize("NFKC", first)[:1] in _FORMULAS or text.startswith(("\t", "\r", "\n"))
    return ("'" if is_formula else "") + _PARTED.sub(r"\1'", text)


def csv_lines(rows: Iterable[Iterable[str]]) -> str:
    """These rows as lines of a file, each cell in quotes; `plain` is for whoever fills the cells."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()
