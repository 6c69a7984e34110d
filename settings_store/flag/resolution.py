"""A flag evaluated as programs ask for it by OpenFeature: value, variant, and the reason in its words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from settings_store import flags, people
from settings_store.flag.evaluation import ANYBODY, WHOLE, Decision, Flag, Reason, Subject, decide, person, stranger
from settings_store.flag.rules import FlagType
from settings_store.flags import Outcome
from settings_store.people import Known

# Longer than any username or e-mail address, so that nobody is looked up by a text that cannot be one.
NAME_LENGTH = 254
# The variants of whoever gets none of the flag's own.
ON, OFF = "on", "off"


class Word(StrEnum):
    """Why a value is what it is, as the OpenFeature specification calls it."""

    STATIC = "STATIC"
    DEFAULT = "DEFAULT"
    DISABLED = "DISABLED"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"


_WORDS = {
    Reason.OFF: Word.DISABLED,
    Reason.NOT_YET: Word.DISABLED,
    Reason.OVER: Word.DISABLED,
    Reason.UNMET: Word.DEFAULT,
    Reason.EXCLUDED: Word.TARGETING_MATCH,
    Reason.PERSON: Word.TARGETING_MATCH,
    Reason.ROLE: Word.TARGETING_MATCH,
    Reason.SHARE: Word.SPLIT,
}


class UnknownKey(LookupError):
    """There is no flag of this key."""


class NeedsTargetingKey(LookupError):
    """Only a share decides, and nothing tells whether this one is of it."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What an evaluation came to; there is no value where the program's own default holds."""

    flag: Flag
    word: Word
    # The rule that decided.
    rule: Reason
    variant: str
    has_value: bool
    value: Any = None


def resolve(key: str, subject: Subject) -> Resolution:
    """Evaluate a flag; raises UnknownKey, and NeedsTargetingKey where only a key would tell. Asks no database."""
    outcome = flags.evaluate(key, subject)
    flag, decision = outcome.flag, outcome.decision
    if flag is None or decision is None:
        raise UnknownKey(key)
    if subject.pk is None and not subject.key and _hangs_on_key(flag, decision):
        raise NeedsTargetingKey(key)
    word = _word(flag, decision)
    if flag.type == FlagType.BOOLEAN:
        return Resolution(flag, word, decision.reason, ON if decision.is_on else OFF, True, decision.is_on)
    return _with_variant(outcome, flag, word, decision)


def is_shown(viewer: Any, known: Known) -> bool:
    """Whether this viewer may be told what somebody gets: whom they see, and all to whom they may give it."""
    return viewer.has_perm("flags.write") or people.directory().sees(viewer, known.pk)


def subject_named(name: str, viewer: Any = None) -> Subject:
    """The person of this public id, username or e-mail address with their roles, else a stranger of this key.

    Whoever a viewer may not be told of is a stranger to them; a program in this process has none. Asks the database;
    empty it is somebody nothing is known of, and asks nothing.
    """
    if not name:
        return ANYBODY
    # What a database could not even be asked for is nobody's name.
    if len(name) > NAME_LENGTH or not name.isprintable():
        return stranger(name)
    known = people.directory().named(name)
    if known is None or (viewer is not None and not is_shown(viewer, known)):
        return stranger(name)
    return subject_known(known)


def subject_known(known: Known) -> Subject:
    """This person with their roles of this moment; nobody in particular once they are deactivated."""
    return person(known.pk, people.directory().role_ids(known.pk)) if known.is_active else ANYBODY


def _with_variant(outcome: Outcome, flag: Flag, word: Word, decision: Decision) -> Resolution:
    if outcome.variant is None:
        return Resolution(flag, word, decision.reason, OFF, False)
    return Resolution(flag, word, decision.reason, outcome.variant.name, True, outcome.variant.value)


def _word(flag: Flag, decision: Decision) -> Word:
    if decision.reason is Reason.BEYOND:
        return Word.SPLIT if flag.share else Word.DEFAULT
    if decision.reason is not Reason.EVERYBODY:
        return _WORDS[decision.reason]
    if _is_dealt(flag):
        return Word.SPLIT
    # Static only where the rules as they are never come to anything else, for anybody.
    changes = flag.excluded or flag.needs or flag.ends
    return Word.DEFAULT if changes else Word.STATIC


def _is_dealt(flag: Flag) -> bool:
    return any(0 < variant.weight < WHOLE for variant in flag.variants)


def _hangs_on_key(flag: Flag, decision: Decision) -> bool:
    if decision.reason is Reason.UNMET:
        return _need_hangs_on_key(flag)
    return decision.reason is Reason.NOBODY or (decision.is_on and _is_dealt(flag))


def _need_hangs_on_key(flag: Flag) -> bool:
    """Whether a key alone keeps the flag off: where one of all it needs is off for anybody at all, none would help."""
    waiting, seen, hangs = [flag], {flag.key}, False
    while waiting:
        each = waiting.pop()
        decision = decide(each, ANYBODY, alone=True)
        if each.needs is None or not (decision.is_on or decision.reason is Reason.NOBODY):
            return False
        hangs = hangs or not decision.is_on
        for need in each.needs:
            if need.key not in seen:
                seen.add(need.key)
                waiting.append(need)
    return hangs
