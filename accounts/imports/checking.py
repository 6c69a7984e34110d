"""Looking at the lines of a file: what is wrong with each, or who would come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.imports.hashes import encoded
from accounts.imports.reading import Line, Table, cells_of, odd
from accounts.models import User
from accounts.names import USERNAME_LENGTH, clean_email, clean_username, key_of, normalised, storable
from ui.forms import normalise
from ui.registry import ImportColumn, registry

YES = frozenset({"", "1", "yes", "y", "true", "t", "active", "on", "x", "sí", "si"})
NO = frozenset({"0", "no", "n", "false", "f", "inactive", "off", "deactivated"})
NAME_LENGTH = User._meta.get_field("full_name").max_length or 150


@dataclass(slots=True)
class Newcomer:
    """Somebody a line would bring in."""

    line: int
    username: str
    email: str
    full_name: str = ""
    # The keys by which a supervisor is found once it is their turn: somebody here, or of an earlier line.
    supervisor: str = ""
    is_active: bool = True
    password: str = field(default="", repr=False)
    further: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: the line, the column (empty where it is the line as a whole), and the sentence."""

    line: int
    column: str
    sentence: str

    def as_json(self) -> list[Any]:
        return [self.line, self.column, self.sentence]


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who is here already, where those are to be left as they are."""

    line: int


class Checker:
    """Looks at lines of one file with the eyes of whoever brings it in, at this moment."""

    def __init__(self, actor: User, table: Table, mapping: Mapping[str, int], *, skip_known: bool = False) -> None:
        self.actor, self.table, self.mapping, self.skip_known = actor, table, mapping, skip_known
        self.further: list[ImportColumn] = [each for each in registry.import_columns if each.name in mapping]
        self._cleaned: dict[tuple[str, str], Any] = {}
        self._first = {"email": dict[str, int](), "username": dict[str, int]()}
        for line in table.lines:
            for name, key in self._keys(line).items():
                self._first[name].setdefault(key, line.number)

    def look(
        self, lines: Sequence[Line], *, wrong: frozenset[int] = frozenset()
    ) -> list[Newcomer | Known | list[Fault]]:
        """What comes of each line; `wrong` are the numbers of earlier ones that bring nobody."""
        taken = self._taken(lines)
        supervisors = self._supervisors(lines)
        wrong_now, answers = set(wrong), list[Newcomer | Known | list[Fault]]()
        for line in lines:
            answer = self._one(line, taken, supervisors, wrong_now)
            if isinstance(answer, list):
                wrong_now.add(line.number)
            answers.append(answer)
        return answers

    def _one(
        self, line: Line, taken: set[str], supervisors: Mapping[str, User], wrong: set[int]
    ) -> Newcomer | Known | list[Fault]:
        if len([cell for cell in line.cells[len(self.table.headings) :] if cell.strip()]):
            words = _("This line has %(cells)d cells, but there are %(headings)d headings.")
            return [Fault(line.number, "", words % {"cells": len(line.cells), "headings": len(self.table.headings)})]
        cells, faults = cells_of(line, self.mapping), list[Fault]()

        def fault(column: str, error: ValidationError | str) -> None:
            sentence = error if isinstance(error, str) else " ".join(error.messages)
            faults.append(Fault(line.number, column, sentence))

        for name, text in cells.items():
            if sentence := odd(text):
                fault(name, sentence)
        if faults:
            return faults
        came = Newcomer(line.number, "", "", full_name=normalise(cells.get("full_name", "")))
        for name, clean in (("email", clean_email), ("username", clean_username)):
            try:
                setattr(came, name, self._name(name, cells, clean))
            except ValidationError as error:
                fault(name, error)
        keys = self._keys(line)
        if self.skip_known and any(key in taken for key in keys.values()):
            return Known(line.number)
        for name, key in keys.items():
            if key in taken:
                fault(name, _("Somebody here has it already, or one that looks the same."))
            elif (first := self._first[name][key]) != line.number:
                fault(name, _("Line %(line)d has it already, or one that looks the same.") % {"line": first})
        if len(came.full_name) > NAME_LENGTH:
            fault("full_name", _("Use %(limit)s characters at most.") % {"limit": NAME_LENGTH})
        self._supervisor(line, cells.get("supervisor", ""), came, supervisors, wrong, fault)
        word = normalised(cells.get("active", ""))
        came.is_active = word in YES
        if word not in YES | NO:
            fault("active", _("Write yes or no."))
        if text := cells.get("hash", ""):
            try:
                came.password = encoded(text)
            except ValidationError as error:
                fault("hash", error)
        for column in self.further:
            try:
                came.further[column.name] = self._clean(column, cells[column.name])
            except ValidationError as error:
                fault(column.name, error)
        return faults or came

    def _name(self, name: str, cells: Mapping[str, str], clean: Any) -> str:
        if text := cells.get(name, ""):
            return str(clean(text))
        if name == "email":
            raise ValidationError(_("The email address is missing."))
        # Without a column or a cell for it, the address lends its first part.
        return clean_username(_username_from(cells.get("email", "")))

    def _keys(self, line: Line) -> dict[str, str]:
        """The names in this line as they are compared; those that cannot be names are left out."""
        cells = cells_of(line, self.mapping)
        email = cells.get("email", "")
        names = {"email": email, "username": cells.get("username", "") or _username_from(email)}
        return {name: key_of(text) for name, text in names.items() if text and not odd(text)}

    def _taken(self, lines: Sequence[Line]) -> set[str]:
        """Which of the names in these lines somebody here has."""
        keys = [self._keys(line) for line in lines]
        emails = [key["email"] for key in keys if "email" in key]
        usernames = [key["username"] for key in keys if "username" in key]
        return {
            *User.objects.filter(email_key__in=emails).values_list("email_key", flat=True),
            *User.objects.filter(username_key__in=usernames).values_list("username_key", flat=True),
        }

    def _supervisors(self, lines: Sequence[Line]) -> dict[str, User]:
        """Whoever these lines name as supervisors and is here, in the sight of the actor, by both of their names."""
        named = {key_of(cells_of(line, self.mapping).get("supervisor", "")) for line in lines}
        named = {name for name in named if name and storable(name)}
        visible = User.objects.visible_to(self.actor).active()
        found = [*visible.filter(email_key__in=named), *visible.filter(username_key__in=named)]
        return {key: person for person in found for key in (person.email_key, person.username_key)}

    def _supervisor(
        self,
        line: Line,
        text: str,
        came: Newcomer,
        here: Mapping[str, User],
        wrong: set[int],
        fault: Any,
    ) -> None:
        if not text:
            return
        key = key_of(text)
        came.supervisor = key
        if key in here:
            return
        above = self._first["email" if "@" in key else "username"].get(key)
        if above is None:
            fault("supervisor", _("Nobody you may see has this username or email address, nor does a line above."))
        elif above == line.number:
            fault("supervisor", _("Nobody looks after themselves."))
        elif above > line.number:
            fault("supervisor", _("Put line %(line)d, which is their supervisor, above this one.") % {"line": above})
        elif above in wrong:
            fault("supervisor", _("Line %(line)d, which is their supervisor, is wrong itself.") % {"line": above})

    def _clean(self, column: ImportColumn, text: str) -> Any:
        """What a higher floor makes of a cell; the same words are asked about once."""
        known = self._cleaned
        if (column.name, text) not in known:
            try:
                known[column.name, text] = column.clean(self.actor, text) if text else None
            except ValidationError as error:
                known[column.name, text] = error
        if isinstance(answer := known[column.name, text], ValidationError):
            raise answer
        return answer


def _username_from(email: str) -> str:
    """The first part of an address as a username."""
    first = email.partition("@")[0]
    return "".join(letter for letter in first if letter.isalnum() or letter in "._-+").lstrip(".-+")[:USERNAME_LENGTH]
