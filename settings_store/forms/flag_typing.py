"""How people and variants come out of what was typed into the form of a flag, and go back into it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.http import QueryDict
from django.utils.translation import gettext as _

from settings_store import people, values
from settings_store.flag import rules
from settings_store.flag.evaluation import WHOLE
from settings_store.flag.rules import Document, FlagType
from settings_store.people import Known
from ui.forms import normalise

# How many names are looked up at once.
MOST_TYPED = 50
NAME_SHOWN = 60
SPARE_ROWS = 2
_NUMBER = re.compile(r"-?[0-9]{1,17}(?:[.,][0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?")

_signer = Signer(salt="settings_store.flag.people")


@dataclass(frozen=True)
class Chosen:
    """The people of one rule: those that were chosen, and what was typed that names nobody."""

    pks: Sequence[int]
    known: Mapping[int, Known]
    left: str = ""
    # One sentence where not all of it could be read.
    trouble: str = ""

    @property
    def sealed(self) -> str:
        return sealed(self.pks)

    @property
    def rows(self) -> list[Known]:
        """Everybody by name; whoever is gone by a name that is none."""
        gone = _("somebody who is gone")
        found = [self.known.get(pk) or Known(pk, gone, f"#{pk}", is_active=False) for pk in self.pks]
        return sorted(found, key=lambda known: (known.name.casefold(), known.pk))

    @property
    def checked(self) -> list[int]:
        """Their primary keys; raises ValidationError where somebody typed is not known."""
        if self.trouble:
            raise ValidationError(self.trouble)
        return list(self.pks)


def sealed(pks: Sequence[int]) -> str:
    """People as a hidden field carries them: nobody else's number can be put among them."""
    return _signer.sign(".".join(str(pk) for pk in pks))


def choose_people(query: QueryDict | None, rule: str, start: Sequence[int], viewer: Any) -> Chosen:
    """The people that `rule` ("people", "excluded") names in what was sent, or at the start where nothing was."""
    directory = people.directory()
    if query is None:
        return Chosen(start, directory.people(start) if start else {})
    trouble, left = "", []
    try:
        pks = [int(pk) for pk in _signer.unsign(query.get(rule, "")).split(".") if pk]
    except BadSignature:
        pks = list(start)
        if rule in query:
            trouble = _("The list of people came back damaged. Look at it once more; it shows those who are saved.")
    dropped = query.getlist(f"drop_{rule}")
    typed = [name.strip() for name in re.split(r"[,;\n]", query.get(f"{rule}_add", "")) if name.strip()]
    if len(typed) > MOST_TYPED:
        left, trouble = typed, _("At most %(most)d names at once.") % {"most": MOST_TYPED}
        typed = []
    for name in typed:
        known = _find(name, viewer)
        if known is None:
            left.append(name)
            words = _("Nobody here is called “%(name)s”. Write the username or the e-mail address.")
            trouble = trouble or words % {"name": name[:NAME_SHOWN]}
        else:
            pks.append(known.pk)
    kept = [pk for pk in dict.fromkeys(pks) if str(pk) not in dropped]
    return Chosen(kept, directory.people(kept) if kept else {}, ", ".join(left), trouble)


def variants_from(query: QueryDict | None, start: Sequence[Document], kind: FlagType) -> list[dict[str, str]]:
    """The rows of variants, with spare ones: as they were typed, or those of the rules where nothing was."""
    if query is None:
        rows = [
            {"name": each["name"], "value": value_text(each["value"], kind), "weight": _weight_text(each["weight"])}
            for each in start
        ]
    else:
        columns = [query.getlist(f"variant_{name}") for name in ("name", "value", "weight")]
        # One more than allowed, so that the rule about it answers.
        most = rules.MOST_VARIANTS + 1
        columns = [(column + [""] * most)[:most] for column in columns]
        dropped = query.getlist("drop_variant")
        rows = [
            {"name": name, "value": value.replace("\r\n", "\n"), "weight": weight}
            for number, (name, value, weight) in enumerate(zip(*columns, strict=True))
            if str(number) not in dropped and (name + value + weight).strip()
        ]
        if query.get("do") == "even" and rows:
            share, rest = divmod(WHOLE, len(rows))
            for number, row in enumerate(rows):
                row["weight"] = _weight_text(share + (number < rest))
    spare = 1 if rows else SPARE_ROWS
    if query is not None and query.get("do") == "variant":
        spare = max(spare, len(query.getlist("variant_name")) - len(rows) + 1)
    return [*rows, *({"name": "", "value": "", "weight": ""} for _row in range(spare))][: rules.MOST_VARIANTS + 1]


def variant_from(row: Mapping[str, str], kind: FlagType) -> Document:
    """One variant as it was typed; raises ValidationError with a sentence that names it."""
    name = normalise(row["name"])
    if not name:
        raise ValidationError(_("One variant has no name."))
    try:
        return {"name": name, "value": value_from(row["value"], kind), "weight": rules.points(row["weight"])}
    except ValidationError as error:
        words = {"name": name[: rules.NAME_LENGTH], "sentence": error.messages[0]}
        raise ValidationError(_("Variant “%(name)s”: %(sentence)s") % words) from error


def value_from(text: str, kind: FlagType) -> Any:
    """The value of a variant in the type of its flag."""
    match kind:
        case FlagType.STRING:
            return rules.check_value(normalise(text), kind)
        case FlagType.NUMBER:
            return rules.check_value(_number(text.strip()), kind)
        case _:
            if not text.strip():
                raise ValidationError(_('Write its value as JSON, such as {"size": 20}.'))
            return rules.check_value(values.parse_json(normalise(text), longest=rules.VALUE_LENGTH), kind)


def value_text(value: Any, kind: FlagType) -> str:
    if kind is FlagType.STRING:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _number(text: str) -> int | float | None:
    """A number as people write it; None where it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    found = float(text.replace(",", "."))
    # Whole numbers are kept as such, and exactly.
    whole = int(text) if text.lstrip("-").isdecimal() else int(found) if found.is_integer() else None
    return found if whole is None else whole


def _weight_text(points: int) -> str:
    return rules.per_cent(points).removesuffix(" %")


def _find(name: str, viewer: Any) -> Known | None:
    """Whom a username, an e-mail address or the whole name of somebody the viewer may see means."""
    if "\0" in name:
        return None
    directory = people.directory()
    if (found := directory.named(name)) and found.is_active:
        return found
    same = [known for known in directory.called(viewer, name) if known.is_active]
    return same[0] if len(same) == 1 else None
