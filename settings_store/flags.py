"""`flag_enabled` and `flag_variant`: the way to ask a flag, at the cost of a dictionary look-up and a hash.

Every process keeps a copy of all flags, which follows changes as that of settings does (settings_store.store). An
unknown flag gives the default and is counted: a page never fails for a flag that is not there yet, or no more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from settings_store import people, store
from settings_store.flag import snapshot
from settings_store.flag.evaluation import ANYBODY, Decision, Flag, Subject, Variant, decide, person, variant_for

__all__ = ["Outcome", "Subject", "Variant", "evaluate", "find", "flag_enabled", "flag_variant", "subject_of"]

# How often flags were asked that are not there, until it is written down; beyond `MOST_UNKNOWN` names no more are kept.
unknown: Counter[str] = Counter()
MOST_UNKNOWN = 1000
NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one evaluation came to; `flag` None where there is none of this key."""

    flag: Flag | None
    decision: Decision | None = None
    variant: Variant | None = None


def flag_enabled(key: str, user: object = None, *, default: bool = False) -> bool:
    """Whether the flag is on for this person (None: for somebody nothing is known of).

    `user` is a User, an AnonymousUser or a Subject. An unknown flag gives `default`; nothing is raised for one.
    """
    flag = snapshot.current.flags.get(key)
    if flag is None or store.is_writing():
        flag = find(key)
        if flag is None:
            return default
    flag.asked = True
    return decide(flag, subject_of(user)).is_on


def flag_variant(key: str, user: object = None, *, default: Any = None) -> Any:
    """The value of the variant that this person gets; `default` where the flag is off for them, or unknown."""
    outcome = evaluate(key, subject_of(user))
    return default if outcome.variant is None else outcome.variant.value


def evaluate(key: str, subject: Subject) -> Outcome:
    """The same with the rule that decided, for whoever has to say why."""
    flag = find(key)
    if flag is None:
        return Outcome(None)
    flag.asked = True
    decision = decide(flag, subject)
    return Outcome(flag, decision, variant_for(flag, subject) if decision.is_on else None)


def find(key: str) -> Flag | None:
    """The flag as it holds here; None, and counted, where there is none."""
    found = store.flags_now().flags.get(key)
    if found is None and (key in unknown or len(unknown) < MOST_UNKNOWN):
        unknown[key[:NAME_LENGTH]] += 1
    return found


def subject_of(user: object) -> Subject:
    """Whom a flag is evaluated for: the person with their roles of this moment.

    Somebody the sign-in loaded carries them; for any other person they are read once.
    """
    # By its type itself: asking a lazy user what class it is of takes longer than all the rest.
    if type(user) is Subject:
        return user
    known: Subject | None = getattr(user, "flag_subject", None)
    if known is not None:
        return known
    pk = getattr(user, "pk", None)
    if pk is None:
        return ANYBODY
    role_ids = getattr(user, "role_ids", None)
    found = person(pk, people.directory().role_ids(pk) if role_ids is None else role_ids)
    user.flag_subject = found  # type: ignore[attr-defined]  # kept where the roles themselves are
    return found
