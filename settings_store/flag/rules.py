"""The rules of a flag in one environment: one JSON document, the value that its versions keep.

    {"on": true, "excluded": [7], "people": [3], "roles": [2], "share": 2500,
     "variants": [{"name": "short", "value": "Be brief.", "weight": 5000}, …],
     "from": "2026-11-20T08:00:00Z", "until": null, "needs": ["new-search"]}

People and roles are primary keys; shares and weights whole basis points (hundredths of a per cent).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from settings_store.flag.evaluation import WHOLE
from settings_store.json_values import JSON_DEPTH, WHOLE_LIMIT, check_json

type Document = dict[str, Any]

KEY = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
KEY_LENGTH = 60
MOST_PEOPLE, MOST_ROLES, MOST_VARIANTS, MOST_NEEDS = 1000, 50, 20, 5
NAME_LENGTH, VALUE_LENGTH = 60, 5000
# Longer than any document within the bounds above, so that a text that is none is turned away unread.
LENGTH = 700_000
# What a value may have of the depth of its whole document.
VALUE_DEPTH = JSON_DEPTH - 3
# In years further away there are days that the time zone of another has not.
FIRST_YEAR, LAST_YEAR = 1970, 2999
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class FlagType(StrEnum):
    """What a flag gives to those for whom it is on: just that, or a variant of one of these types."""

    BOOLEAN = "boolean"
    STRING = "string"
    NUMBER = "number"
    JSON = "json"

    @property
    def label(self) -> Any:
        return _TYPES[self]


_TYPES = {
    FlagType.BOOLEAN: gettext_lazy("on or off"),
    FlagType.STRING: gettext_lazy("variants of text"),
    FlagType.NUMBER: gettext_lazy("variants of numbers"),
    FlagType.JSON: gettext_lazy("variants of JSON"),
}

OFF: Document = {
    "on": False,
    "excluded": [],
    "people": [],
    "roles": [],
    "share": WHOLE,
    "variants": [],
    "from": None,
    "until": None,
    "needs": [],
}


def per_cent(points: int) -> str:
    """Basis points as people write them, without needless digits: "12.5 %"."""
    return f"{points / 100:.2f}".rstrip("0").rstrip(".") + " %"


def points(text: str) -> int:
    """The basis points of a percentage as people write it; raises ValidationError with one sentence."""
    found = re.fullmatch(r"([0-9]{1,3})(?:[.,]([0-9]{1,2}))?", text.strip().removesuffix("%").strip())
    if found is None:
        raise ValidationError(_("Write a percentage from 0 to 100 with at most two decimals, such as 12.5."))
    value = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
    if value > WHOLE:
        raise ValidationError(_("At most 100 %%; this is %(share)s.") % {"share": per_cent(value)})
    return value


def time_text(moment: datetime | None) -> str | None:
    """A moment as rules keep it, in UTC to the second."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def in_words(document: Document) -> str:
    """The rules in one line: "on · 25 % · 3 people · 1 role"."""
    if not document["on"]:
        return _("off")
    words = [_("on")]
    if document["share"] != WHOLE or document["people"] or document["roles"]:
        words.append(per_cent(document["share"]))
    if count := len(document["people"]):
        words.append(ngettext("%(count)d person", "%(count)d people", count) % {"count": count})
    if count := len(document["roles"]):
        words.append(ngettext("%(count)d role", "%(count)d roles", count) % {"count": count})
    if count := len(document["excluded"]):
        words.append(_("without %(count)d") % {"count": count})
    words += [f"{each['name']} {per_cent(each['weight'])}" for each in document["variants"]]
    if document["from"]:
        words.append(_("from %(when)s") % {"when": document["from"]})
    if document["until"]:
        words.append(_("until %(when)s") % {"when": document["until"]})
    if document["needs"]:
        words.append(_("with %(flags)s") % {"flags": ", ".join(document["needs"])})
    return printable(" · ".join(words))


def printable(text: str) -> str:
    """The text with what no page can show written out, which a document written past the pages may hold."""
    return text.encode(errors="backslashreplace").decode()


def check(document: Any, kind: FlagType) -> Document:
    """The document in its one form, when it is one for a flag of this type; raises ValidationError, one sentence.

    Whether the people, roles and flags it names exist is not asked here: they come and go.
    """
    if not isinstance(document, dict) or document.keys() - OFF.keys():
        raise ValidationError(_("This is not a document of the rules of a flag."))
    given = OFF | document
    if not isinstance(given["on"], bool):
        raise ValidationError(_("“on” is true or false."))
    excluded = _ids(given["excluded"], _("excluded people"), MOST_PEOPLE)
    people = _ids(given["people"], _("people"), MOST_PEOPLE)
    if given["on"] and kind is not FlagType.BOOLEAN and not given["variants"]:
        raise ValidationError(_("Give it a variant before it is switched on."))
    if both := set(excluded) & set(people):
        raise ValidationError(_("Somebody is excluded and targeted at once (%(id)d).") % {"id": min(both)})
    return {
        "on": given["on"],
        "excluded": excluded,
        "people": people,
        "roles": _ids(given["roles"], _("roles"), MOST_ROLES),
        "share": _points(given["share"]),
        "variants": _variants(given["variants"], kind),
        **_window(given["from"], given["until"]),
        "needs": _needs(given["needs"]),
    }


def check_value(value: Any, kind: FlagType) -> Any:
    """The value of a variant; raises ValidationError where it is not of this type."""
    match kind:
        case FlagType.STRING:
            if not isinstance(value, str) or len(value) > VALUE_LENGTH:
                raise ValidationError(
                    _("The value of a variant is a text of at most %(most)d characters.") % {"most": VALUE_LENGTH}
                )
            check_json(value)
        case FlagType.NUMBER:
            # NaN is below nothing.
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < WHOLE_LIMIT:
                raise ValidationError(_("The value of a variant is a number such as 12 or 0.75."))
        case _:
            check_json(value, VALUE_DEPTH)
            if len(json.dumps(value)) > VALUE_LENGTH:
                raise ValidationError(
                    _("The value of a variant is at most %(most)d characters long.") % {"most": VALUE_LENGTH}
                )
    return value


def circle(key: str, needs: Callable[[str], list[str]]) -> list[str]:
    """The way from a flag through those it needs back to itself; empty where there is none."""
    waiting, came_from = [key], dict[str, str]()
    while waiting:
        at = waiting.pop()
        for name in needs(at):
            if name == key:
                way = [key]
                while at != key:
                    way.append(at)
                    at = came_from[at]
                return [*way, key][::-1]
            if name not in came_from:
                came_from[name] = at
                waiting.append(name)
    return []


def _ids(given: Any, what: str, most: int) -> list[int]:
    if not isinstance(given, list) or not all(type(each) is int and 0 < each < WHOLE_LIMIT for each in given):
        raise ValidationError(_("The %(what)s are named by their numbers.") % {"what": what})
    if len(given) > most:
        raise ValidationError(
            _("At most %(most)d %(what)s; for more, use a role or the share.") % {"most": most, "what": what}
        )
    return sorted(set(given))


def _points(given: Any) -> int:
    if type(given) is not int or not 0 <= given <= WHOLE:
        raise ValidationError(_("A share is a whole number of hundredths of a per cent, from 0 to 10000."))
    return given


def _variants(given: Any, kind: FlagType) -> list[Document]:
    if not isinstance(given, list) or not all(
        isinstance(each, dict) and each.keys() == {"name", "value", "weight"} for each in given
    ):
        raise ValidationError(_("Each variant has a name, a value and a weight."))
    if kind is FlagType.BOOLEAN:
        if given:
            raise ValidationError(_("A flag that is on or off has no variants."))
        return []
    if len(given) > MOST_VARIANTS:
        raise ValidationError(_("At most %(most)d variants.") % {"most": MOST_VARIANTS})
    found: list[Document] = []
    for each in given:
        name = each["name"]
        if not isinstance(name, str) or not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
            raise ValidationError(_("A variant needs a name of at most %(most)d characters.") % {"most": NAME_LENGTH})
        if any(other["name"] == name for other in found):
            raise ValidationError(_("Two variants are named “%(name)s”.") % {"name": name})
        value = check_value(each["value"], kind)
        found.append({"name": name, "value": value, "weight": _points(each["weight"])})
    total = sum(each["weight"] for each in found)
    if found and total != WHOLE:
        raise ValidationError(_("The weights add up to %(total)s instead of 100 %%.") % {"total": per_cent(total)})
    return found


def _window(start: Any, end: Any) -> Document:
    for given in (start, end):
        if given is not None and not (isinstance(given, str) and _TIME.fullmatch(given) and _is_time(given)):
            raise ValidationError(_("A time is written such as 2026-11-20T08:00:00Z."))
        if given is not None and not FIRST_YEAR <= int(given[:4]) <= LAST_YEAR:
            years = {"first": FIRST_YEAR, "last": LAST_YEAR}
            raise ValidationError(_("Give a day of the years %(first)d to %(last)d.") % years)
    # In this form the order of texts is that of times.
    if start is not None and end is not None and start >= end:
        raise ValidationError(_("“From” must lie before “until”."))
    return {"from": start, "until": end}


def _is_time(text: str) -> bool:
    try:
        return moment(text) is not None
    except ValueError:
        return False


def _needs(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(
        isinstance(name, str) and KEY.fullmatch(name) and len(name) <= KEY_LENGTH for name in given
    ):
        raise ValidationError(_("The flags it depends on are named by their keys."))
    if len(given) > MOST_NEEDS:
        raise ValidationError(_("A flag depends on at most %(most)d others.") % {"most": MOST_NEEDS})
    return sorted(set(given))
