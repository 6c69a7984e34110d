"""What an event of the trail says in one line: of settings their values as pages show them, else what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from settings_store.definitions import Definition, definitions
from settings_store.models import AuditEvent, Proposal, Protection, Setting
from settings_store.trail.differences import Difference, differences, shortened, summary
from settings_store.values import MASK, SettingType
from settings_store.wording import in_words

SETTING, PROPOSAL, PROTECTION = (model._meta.label_lower for model in (Setting, Proposal, Protection))
FORMATS = {"yaml": "YAML", "json": "JSON", "env": ".env"}

type Side = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """An event, what it was about, and what it did; `target` leaves out what the line says itself."""

    event: AuditEvent
    target: str
    line: str


def told(events: Iterable[AuditEvent]) -> list[Told]:
    """Each event with its line."""
    # As they were last read: a word of an older rule is better than a query for each row.
    known = {definition.key: definition for definition in definitions()}
    rows = []
    for event in events:
        line, place = _line(event, known.get(_key(event))), _place(event)
        is_placed = bool(place) and line.startswith(f"{place}: ")
        rows.append(Told(event, _key(event) if is_placed else event.target_words, line))
    return rows


def field_by_field(event: AuditEvent) -> list[Difference]:
    """Before and after of an event, field by field."""
    definition = next((each for each in definitions() if each.key == _key(event)), None)
    if definition is None or event.target_type not in (SETTING, PROPOSAL):
        return differences(event.before, event.after)
    return differences(_worded(definition, event.before), _worded(definition, event.after))


def _line(event: AuditEvent, definition: Definition | None) -> str:
    before, after = event.before or {}, event.after or {}
    if event.action == "settings.exported":
        return _exported(after)
    if event.action == "settings.imported":
        return _imported(after)
    if event.target_type == SETTING and "version" in after and "value" in after:
        back = after.get("rolled_back_to")
        words = _change(definition, before.get("value"), after["value"])
        if back:
            words = _("%(change)s, version %(number)s brought back") % {"change": words, "number": back}
        return _placed(event, words)
    if event.target_type == PROPOSAL and "act" in after:
        return _proposal(event, definition, before, after)
    if event.action == "setting.created" and "label" in after:
        return f"{after.get('type')}: {shortened(str(after['label']))}"
    if event.target_type == PROTECTION:
        count = after.get("awaiting_now", 0)
        words = ngettext("%(count)d change awaits approval now", "%(count)d changes await approval now", count)
        return words % {"count": count} if count else ""
    return summary(before, after)


def _proposal(event: AuditEvent, definition: Definition | None, before: Side, after: Side) -> str:
    if after["act"] == Proposal.Act.UNPROTECT:
        return _("take the protection away")
    new = after.get("value")
    # Older events do not say what was there.
    if "value" in before:
        words = _change(definition, before["value"], new)
    else:
        words = _("secret") if new == MASK else _side(definition, new)
    if trouble := after.get("trouble"):
        words = f"{words}: {trouble}"
    return _placed(event, words)


def _placed(event: AuditEvent, words: str) -> str:
    """The words behind the environment, which the name of the target ends with."""
    place = _place(event)
    return f"{place}: {words}" if place else words


def _place(event: AuditEvent) -> str:
    name, _bracket, place = event.target_name.rpartition(" (")
    return place.removesuffix(")") if name and event.target_type in (SETTING, PROPOSAL) else ""


def _change(definition: Definition | None, old: Any, new: Any) -> str:
    if MASK in (old, new):
        if old is None:
            return _("secret given")
        return _("secret taken away") if new is None else _("secret changed")
    unit = f" {definition.unit}" if definition and definition.unit and new is not None else ""
    return f"{_side(definition, old)} → {_side(definition, new)}{unit}"


def _side(definition: Definition | None, value: Any) -> str:
    return _("default") if value is None else shortened(in_words(definition, value))


def _exported(after: Side) -> str:
    count, secrets = after.get("values", 0), after.get("secrets", 0)
    words = [
        ", ".join(after.get("environments", [])),
        FORMATS.get(after.get("format", ""), ""),
        ngettext("%(count)d setting", "%(count)d settings", count) % {"count": count},
        ngettext("%(count)d secret, sealed", "%(count)d secrets, sealed", secrets) % {"count": secrets}
        if secrets
        else _("without secrets"),
    ]
    return ", ".join(filter(None, words))


def _imported(after: Side) -> str:
    count, changed = after.get("values", 0), after.get("changed", 0)
    words = ngettext("%(count)d setting in the file", "%(count)d settings in the file", count) % {"count": count}
    return words + ", " + _("%(count)d changed") % {"count": changed}


def _worded(definition: Definition, side: Side | None) -> Side | None:
    if side is None or side.get("value") in (None, MASK) or definition.type is SettingType.JSON:
        return side
    return {**side, "value": in_words(definition, side["value"])}


def _key(event: AuditEvent) -> str:
    return event.target_name.partition(" (")[0]
