"""`flag_enabled` and `flag_variant`: the way to ask a flag, at the cost of a dictionary look-up and a hash.

Every process keeps a copy of all flags, which follows changes as that of settings does (settings_store.store). An
unknown flag gives the default and is counted: a page never fails for a flag that is not there yet, or no more.
"""

from __future__ import annotations

import copy
import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from django.utils.functional import SimpleLazyObject, empty

from settings_store import people, store
from settings_store.flag import snapshot
from settings_store.flag.evaluation import ANYBODY, Decision, Flag, Subject, Variant, decide, person, variant_for

__all__ = [
    "Outcome",
    "Subject",
    "Variant",
    "evaluate",
    "find",
    "flag_enabled",
    "flag_variant",
    "flags_enabled",
    "subject_of",
]

logger = logging.getLogger(__name__)

# How often flags were asked that are not there, until it is written down; beyond `MOST_UNKNOWN` names no more are kept.
unknown: Counter[str] = Counter()
MOST_UNKNOWN = 1000
# The same of those who ask from outside, of whom nobody knows whether they ask at random.
unknown_outside: Counter[str] = Counter()
MOST_OUTSIDE = 100
NAME_LENGTH = 60
# Reads an attribute of a lazy object itself, past what it stands for.
_bare = object.__getattribute__
# Written out in place it would be made anew for each asking.
_NESTED = (dict, list)
# The flags that were asked for a text, each told once.
_asked_for_text: set[str] = set()


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
    return decide(flag, user if type(user) is Subject else subject_of(user, key)).is_on


def flags_enabled(user: object = None) -> dict[str, bool]:
    """Every flag there is by key, and whether it is on for this person: for many at once quicker than one by one."""
    subject = subject_of(user)
    found = {}
    for key, flag in store.flags_now().flags.items():
        flag.asked = True
        found[key] = decide(flag, subject).is_on
    return found


def flag_variant(key: str, user: object = None, *, default: Any = None) -> Any:
    """The value of the variant that this person gets; `default` where the flag is off for them, or unknown."""
    flag = snapshot.current.flags.get(key)
    if flag is None or store.is_writing():
        flag = find(key)
        if flag is None:
            return default
    flag.asked = True
    subject = subject_of(user, key)
    if decide(flag, subject).is_on and (variant := variant_for(flag, subject)) is not None:
        return _own(variant.value)
    return default


def evaluate(key: str, subject: Subject) -> Outcome:
    """The same with the rule that decided, for whoever has to say why."""
    flag = find(key)
    if flag is None:
        return Outcome(None)
    flag.asked = True
    decision = decide(flag, subject)
    variant = variant_for(flag, subject) if decision.is_on else None
    if variant is not None:
        variant = replace(variant, value=_own(variant.value))
    return Outcome(flag, decision, variant)


def find(key: str, *, outside: bool = False) -> Flag | None:
    """The flag as it holds here; None, and counted, where there is none (`outside`: apart, as asked over HTTP)."""
    found = store.flags_now().flags.get(key)
    if found is None:
        counts, most = (unknown_outside, MOST_OUTSIDE) if outside else (unknown, MOST_UNKNOWN)
        name = str(key)[:NAME_LENGTH]
        if name in counts or len(counts) < most:
            counts[name] += 1
    return found


def subject_of(user: object, key: str = "") -> Subject:
    """Whom a flag is evaluated for: the person with their roles of this moment, nobody once they are deactivated.

    Somebody the sign-in loaded carries them; for any other person they are read once. `key` says which flag was asked.
    """
    # By its type itself: asking a lazy user for anything takes longer than all the rest.
    kind = type(user)
    if kind is Subject:
        return user  # type: ignore[return-value]  # what its type says
    if kind is SimpleLazyObject:
        wrapped = _bare(user, "_wrapped")
        if wrapped is empty:
            _bare(user, "_setup")()
            wrapped = _bare(user, "_wrapped")
        user = wrapped
    try:
        return user.flag_subject  # type: ignore[attr-defined,no-any-return]  # kept there below
    except AttributeError:
        pass
    pk = getattr(user, "pk", None)
    if not isinstance(pk, int):
        if isinstance(user, str):
            _tell_of_text(key)
        return ANYBODY
    if not getattr(user, "is_active", True):
        return ANYBODY
    role_ids = getattr(user, "role_ids", None)
    found = person(pk, people.directory().role_ids(pk) if role_ids is None else role_ids)
    user.flag_subject = found  # type: ignore[attr-defined]  # kept where the roles themselves are
    return found


def _tell_of_text(key: str) -> None:
    # A mistake of the program, but none that a page should fail for.
    if key not in _asked_for_text:
        _asked_for_text.add(key)
        logger.warning("Flag %s is asked for a text, which is nobody: pass a User, person(…) or stranger(…)", key)


def _own(value: Any) -> Any:
    # A copy, so that a program which changes it changes nobody else's.
    return copy.deepcopy(value) if isinstance(value, _NESTED) else value
