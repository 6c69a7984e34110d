"""The text of a CSV file, its lines, and which of its columns is likely what."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.imports.columns import Column
from accounts.names import normalised, storable

MOST_BYTES = 2 * 1024 * 1024
MOST_LINES = 10_000
MOST_COLUMNS = 60
# Longer than anything that could be kept of a person.
CELL_LENGTH = 2000
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file: where it begins, counted as editors count, and its cells."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    headings: Sequence[str]
    lines: Sequence[Line]
    delimiter: str


def decoded(data: bytes) -> str:
    """The text of a file; ValidationError with a sentence where it is none."""
    if len(data) > MOST_BYTES:
        raise ValidationError(_("The file is larger than 2 MB. Split it into several."))
    if data.startswith(b"PK\x03\x04"):
        raise ValidationError(
            _("This is a workbook or an archive. Save the table as CSV (UTF-8) and choose that file.")
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValidationError(_("The file is written in UTF-16. Save it as CSV in UTF-8."))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValidationError(
            _("The file is not in UTF-8: line %(line)d holds a byte that is not. Save it as CSV in UTF-8.")
            % {"line": line}
        ) from None
    if "\x00" in text:
        raise ValidationError(_("This is not a text file. Save the table as CSV in UTF-8."))
    if not text.strip():
        raise ValidationError(_("The file is empty."))
    return text


def parsed(text: str) -> Table:
    """The headings and lines of a text, empty lines left out; ValidationError where it is no table."""
    delimiter = _delimiter(text)
    lines = list(_lines(text, delimiter))
    if not lines:
        raise ValidationError(_("The file is empty."))
    headings = [heading.strip() for heading in lines[0].cells]
    while headings and not headings[-1]:
        headings.pop()
    if not headings:
        raise ValidationError(_("The first line must hold the headings of the columns."))
    if len(headings) > MOST_COLUMNS:
        raise ValidationError(_("The file has more than %(most)d columns.") % {"most": MOST_COLUMNS})
    if len(lines) == 1:
        raise ValidationError(_("The file has headings, but nobody below them."))
    if len(lines) - 1 > MOST_LINES:
        raise ValidationError(
            _("The file has more than %(most)d people. Split it into several.") % {"most": MOST_LINES}
        )
    return Table(headings, lines[1:], delimiter)


def guessed(headings: Sequence[str], columns: Sequence[Column]) -> dict[str, int]:
    """Which heading is likely which column, by its words: the number of the heading by the name of the column."""
    words = ["".join(letter for letter in normalised(heading) if letter.isalnum()) for heading in headings]
    found: dict[str, int] = {}
    for column in columns:
        number = next((n for n, word in enumerate(words) if word in column.headings and n not in found.values()), None)
        if number is not None:
            found[column.name] = number
    return found


def cells_of(line: Line, mapping: Mapping[str, int]) -> dict[str, str]:
    """What the line says in each column that was mapped; a cell that is not there is empty."""
    return {name: line.cells[number].strip() if number < len(line.cells) else "" for name, number in mapping.items()}


def odd(text: str) -> str:
    """Why this cannot be the text of a cell; empty where it can."""
    if len(text) > CELL_LENGTH:
        return _("This is longer than %(most)d characters.") % {"most": CELL_LENGTH}
    return "" if storable(text) else _("This contains a character that cannot be kept.")


def _delimiter(text: str) -> str:
    """Whichever sign parts the first line most often, outside quotes."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = "".join(first.split('"')[::2])
    return max(DELIMITERS, key=bare.count)


def _lines(text: str, delimiter: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    last = 0
    try:
        for cells in reader:
            number, last = last + 1, reader.line_num
            if any(cell.strip() for cell in cells):
                yield Line(number, cells)
    except csv.Error as error:
        raise ValidationError(
            _("What begins in line %(line)d cannot be read; a quote is missing there, or one too many.")
            % {"line": last + 1}
        ) from error
