"""The rules of a flag line by line in words, with the names of people and roles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from settings_store import people
from settings_store.flag.rules import OFF, Document, moment, per_cent, printable
from settings_store.json_values import WHOLE_LIMIT
from settings_store.people import Known
from ui import moments

# A longer value of a variant is cut where it is only told.
VALUE_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Names:
    """What people and roles are called now; those that are not there are gone."""

    people: Mapping[int, Known] = field(default_factory=dict)
    # The highest first.
    roles: Mapping[int, str] = field(default_factory=dict)

    def person(self, pk: int) -> str:
        known = self.people.get(pk)
        if known is None:
            return _("somebody who is gone (#%(id)d)") % {"id": pk}
        name = known.name if known.name == known.login else f"{known.name} ({known.login})"
        return name if known.is_active else _("%(name)s, deactivated") % {"name": name}

    def role(self, pk: int) -> str:
        return self.roles.get(pk) or _("a role that is gone (#%(id)d)") % {"id": pk}


def names_in(documents: Iterable[Any], roles: Mapping[int, str] | None = None) -> Names:
    """The names of all that these documents name (or that stand in the place of documents), in a few queries.

    `roles` where they are known already.
    """
    asked = {pk for each in documents for rule in ("excluded", "people") for pk in _numbers(each, rule)}
    directory = people.directory()
    return Names(directory.people(asked) if asked else {}, directory.roles() if roles is None else roles)


def lines(document: Any, names: Names) -> list[str]:
    """The rules in words, one line each, in the order in which they are applied; of what is no document, itself."""
    if not isinstance(document, dict):
        return [] if document is None else [printable(str(document))]
    try:
        return [printable(line) for line in _lines(OFF | document, names)]
    except (KeyError, TypeError, ValueError, ValidationError, OverflowError):
        # Written past the pages, or by a newer release: told as it stands.
        return printable(json.dumps(document, ensure_ascii=False, indent=2, default=str)).splitlines()


def value_in_words(value: Any) -> str:
    """The value of a variant on one line, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}…"


def time_in_words(text: str | None) -> str:
    """A time of the rules in the time zone of the person."""
    found = moment(text)
    return "" if found is None else moments.exact(timezone.localtime(found.astimezone(UTC)))


def _lines(document: Document, names: Names) -> Iterable[str]:
    yield _("On") if document["on"] else _("Off")
    if document == OFF:
        # Its share is nobody's concern.
        return
    if document["from"]:
        yield _("From %(when)s") % {"when": time_in_words(document["from"])}
    if document["until"]:
        yield _("Until %(when)s") % {"when": time_in_words(document["until"])}
    for name in document["needs"]:
        yield _("Depends on %(flag)s") % {"flag": name}
    for pk in document["excluded"]:
        yield _("Never for %(name)s") % {"name": names.person(pk)}
    for pk in document["people"]:
        yield _("For %(name)s") % {"name": names.person(pk)}
    for pk in _in_order(document["roles"], names):
        yield _("For the role %(name)s") % {"name": names.role(pk)}
    if document["people"] or document["roles"]:
        yield _("For %(share)s of all others") % {"share": per_cent(document["share"])}
    else:
        yield _("For %(share)s of people") % {"share": per_cent(document["share"])}
    for each in document["variants"]:
        yield _("Variant %(name)s: %(weight)s, %(value)s") % {
            "name": each["name"],
            "weight": per_cent(each["weight"]),
            "value": value_in_words(each["value"]),
        }


def _in_order(roles: Iterable[int], names: Names) -> list[int]:
    ranks = {pk: rank for rank, pk in enumerate(names.roles)}
    return sorted(roles, key=lambda pk: (ranks.get(pk, len(ranks)), pk))


def _numbers(document: Any, rule: str) -> list[int]:
    found = document.get(rule) if isinstance(document, dict) else None
    # Of any other number no database is to be asked.
    return [pk for pk in found if type(pk) is int and 0 < pk < WHOLE_LIMIT] if isinstance(found, list) else []
