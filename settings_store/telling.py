"""What an event of the trail says in one line: of settings and flags what they hold in words, else what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from settings_store.definitions import Definition, definitions
from settings_store.flag.rules import FlagType
from settings_store.flag.telling import Names, names_in
from settings_store.models import AuditEvent, Flag, Proposal, Protection, Setting
from settings_store.realms import are_words_of_flag
from settings_store.trail.differences import Difference, differences, shortened, summary
from settings_store.values import MASK, SettingType
from settings_store.wording import in_words, rule_by_rule, rules_in_words

SETTING, PROPOSAL, PROTECTION, FLAG = (model._meta.label_lower for model in (Setting, Proposal, Protection, Flag))
PLACED = (SETTING, PROPOSAL, FLAG)
# So many rules of a flag are told of one change.
MOST_RULES = 3
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
    every = list(events)
    names = _names(every)
    rows = []
    for event in every:
        told_of = _line_of_flag(event, names) if _is_about_flag(event) else _line(event, known.get(_key(event)))
        place = _place(event)
        is_placed = bool(place) and told_of.startswith(f"{place}: ")
        rows.append(Told(event, _key(event) if is_placed else event.target_words, told_of))
    return rows


def field_by_field(event: AuditEvent) -> list[Difference]:
    """Before and after of an event, field by field; of the rules of a flag line by line."""
    if _is_about_flag(event):
        return _fields_of_flag(event)
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
        return _protected(after)
    return summary(before, after)


def _line_of_flag(event: AuditEvent, names: Names) -> str:
    before, after = event.before or {}, event.after or {}
    if event.target_type == PROPOSAL and after.get("act") == Proposal.Act.UNPROTECT:
        return _("take the protection away")
    if event.action == "flag.created" and "gives" in after:
        return f"{_gives(after)}: {shortened(str(after.get('label', '')))}"
    if "awaiting_now" in after:
        return _protected(after)
    is_about_rules = "version" in after or "act" in after
    if not is_about_rules:
        return summary(_renamed(before), _renamed(after))
    words = _rules(before["value"], after.get("value"), names) if "value" in before else _own_rules(after.get("value"))
    if back := after.get("rolled_back_to"):
        words = _("%(change)s, version %(number)s brought back") % {"change": words, "number": back}
    if trouble := after.get("trouble"):
        words = f"{words}: {trouble}"
    return _placed(event, words)


def _rules(old: Any, new: Any, names: Names) -> str:
    """What changed of the rules of a flag: of many lines the first."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return f"{_own_rules(old)} → {_own_rules(new)}"
    lines = [line for line in rule_by_rule(old, new, names) if line.kind != "same"]
    if [line.kind for line in lines] == ["del", "ins"]:
        return " → ".join(shortened(line.text) for line in lines)
    words = [f"{'−' if line.kind == 'del' else '+'}{shortened(line.text)}" for line in lines[:MOST_RULES]]
    if (more := len(lines) - MOST_RULES) > 0:
        words.append(ngettext("%(count)d more", "%(count)d more", more) % {"count": more})
    return ", ".join(words)


def _own_rules(document: Any) -> str:
    return _("no rules of its own") if document is None else shortened(rules_in_words(document))


def _fields_of_flag(event: AuditEvent) -> list[Difference]:
    before, after = event.before or {}, event.after or {}
    old, new = ({name: value for name, value in _renamed(side).items() if name != "value"} for side in (before, after))
    lines = differences(old, new)
    if "value" not in before and "value" not in after:
        return lines
    was, comes = before.get("value"), after.get("value")
    if "value" in before and was is None:
        lines.append(Difference("del", _("no rules of its own")))
    lines += rule_by_rule(was, comes, names_in([was, comes]))
    if comes is None and ("value" in after or after.get("act") == Proposal.Act.CLEAR):
        lines.append(Difference("ins", _("no rules of its own")))
    return lines


def _renamed(side: Side) -> dict[str, Any]:
    """The fields of a flag by the words people know them by."""
    words = {"label": _("name"), "is_permanent": _("permanent")}
    renamed = {words.get(name, name): value for name, value in side.items()}
    return renamed | ({"gives": _gives(side)} if "gives" in side else {})


def _gives(side: Side) -> str:
    kinds = {kind.value: str(kind.label) for kind in FlagType}
    return kinds.get(side["gives"], str(side["gives"]))


def _names(events: Iterable[AuditEvent]) -> Names:
    """What the people and roles are called whom the flags of these events name; no question where there is none."""
    sides = [side for event in events if _is_about_flag(event) for side in (event.before, event.after) if side]
    documents = [side["value"] for side in sides if isinstance(side.get("value"), dict)]
    return names_in(documents) if documents else Names()


def _protected(after: Side) -> str:
    count = after.get("awaiting_now", 0)
    words = ngettext("%(count)d change awaits approval now", "%(count)d changes await approval now", count)
    return words % {"count": count} if count else ""


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
    return place.removesuffix(")") if name and event.target_type in PLACED else ""


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
    """What an event is about, without the environment."""
    return event.target_name.partition(" (")[0]


def _is_about_flag(event: AuditEvent) -> bool:
    return event.target_type == FLAG or (event.target_type == PROPOSAL and are_words_of_flag(event.target_name))
