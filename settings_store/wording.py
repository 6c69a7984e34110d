"""Values of settings in words, for pages that show what was, is or is to be; a secret only by its fingerprint."""

from __future__ import annotations

import json
from contextlib import suppress
from difflib import SequenceMatcher
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from settings_store.audit import MASK
from settings_store.crypto import CannotOpen, SealedElsewhere
from settings_store.definitions import Definition
from settings_store.fingerprints import fingerprint_of, fingerprint_of_version
from settings_store.flag import rules
from settings_store.flag.telling import Names
from settings_store.flag.telling import lines as rules_in_lines
from settings_store.holding import Held, Rows, is_set, without_own
from settings_store.models import Setting, SettingVersion
from settings_store.trail.differences import Difference
from settings_store.values import SettingType
from ui.sources import source_in_words

# Longer texts are shown whole on both sides: comparing them line by line takes too long.
MOST_LINES = 1000


def in_words(definition: Definition | None, stored: Any) -> str:
    """A value from its JSON; as it stands where its rules were others then, or nothing declares it any more."""
    if definition is None:
        return str(stored)
    if definition.type is SettingType.FLAG:
        return rules_in_words(stored)
    try:
        return definition.shown(definition.loaded(stored))
    except ValidationError:
        return str(stored)


def held_in_words(definition: Definition, found: Held) -> str:
    """What holds, and where it comes from if nobody gave it there: "60 (default)"."""
    if found.error is not None:
        return secret_in_words(found.error)
    shown = definition.shown(found.value)
    # A flag that nobody gave rules is off, wherever that comes from.
    if found.source in ("own", "") or (definition.type is SettingType.FLAG and not found.is_given):
        return shown
    return _("%(value)s (%(source)s)") % {"value": shown, "source": source_in_words(found.source)}


def default_in_words(definition: Definition | None, environment: str, rows: Rows) -> str:
    """What holds in an environment without a value of its own."""
    if definition is None:
        return _("default")
    return held_in_words(definition, without_own(definition, environment, rows))


def version_in_words(
    definition: Definition | None, version: SettingVersion | None, *, otherwise: str = "", prints: bool = False
) -> str:
    """What a version gave, `otherwise` where it gave nothing; read it with `select_related("setting", "secret")`.

    `prints`: with fingerprints.
    """
    if version is None or version.cleared:
        if otherwise:
            return otherwise
        if definition is not None and definition.type is SettingType.FLAG:
            return _("no rules of its own")
        return _("not set") if definition is not None and definition.is_secret else _("default")
    if version.value is not None:
        return in_words(definition, version.value)
    try:
        return secret_in_words(fingerprint_of_version(version), prints=prints)
    except CannotOpen as error:
        return secret_in_words(error)


def row_in_words(definition: Definition | None, row: Setting, *, otherwise: str, prints: bool = False) -> str:
    """What a setting holds itself in one environment, `otherwise` where it holds nothing."""
    if not is_set(row):
        return otherwise
    if row.sealed is None:
        return in_words(definition, row.value)
    try:
        return secret_in_words(fingerprint_of(row), prints=prints)
    except CannotOpen as error:
        return secret_in_words(error)


def secret_in_words(what: str | CannotOpen, *, prints: bool = False) -> str:
    """A secret as dots, for whoever may compare secrets with its fingerprint; or why it cannot be opened here."""
    if isinstance(what, SealedElsewhere):
        return _("sealed elsewhere")
    if isinstance(what, CannotOpen) or not what:
        return _("damaged")
    if not prints:
        return MASK
    return f"{MASK} {_('fingerprint %(fingerprint)s') % {'fingerprint': what}}"


def line_by_line(definition: Definition | None, old: str, new: str) -> list[Difference]:
    """Both wordings of a value as the lines they share and do not; JSON is laid out for it first."""
    before, after = (_lines(definition, words) for words in (old, new))
    if max(len(before), len(after)) > MOST_LINES:
        return [Difference("del", old), Difference("ins", new)]
    return _differing(before, after)


def rules_in_words(document: Any) -> str:
    """The rules of a flag in one line; as they stand where they are no such document."""
    try:
        return rules.in_words(rules.OFF | document)
    except (TypeError, KeyError, ValueError, OverflowError):
        return rules.printable(str(document))


def rule_by_rule(old: Any, new: Any, names: Names) -> list[Difference]:
    """The rules of a flag before and after as the lines they share and do not; None is nothing known."""
    return _differing(rules_in_lines(old, names), rules_in_lines(new, names))


def _differing(before: list[str], after: list[str]) -> list[Difference]:
    lines = []
    for kind, start, end, new_start, new_end in SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            lines += [Difference("same", line) for line in before[start:end]]
            continue
        lines += [Difference("del", line) for line in before[start:end]]
        lines += [Difference("ins", line) for line in after[new_start:new_end]]
    return lines


def _lines(definition: Definition | None, words: str) -> list[str]:
    if definition is not None and definition.type is SettingType.JSON:
        # Words such as "not set" may stand in a value's place.
        with suppress(ValueError):
            value, end = json.JSONDecoder().raw_decode(words)
            # What is said of its source stays behind it.
            words = json.dumps(value, ensure_ascii=False, indent=2) + words[end:]
    return words.splitlines() or [""]
