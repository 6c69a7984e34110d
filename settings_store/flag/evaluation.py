"""Who gets a flag, and what of it: a pure function over rules that are held in memory, without a query or a lock.

A subject falls into one of 10,000 buckets of a flag by MurmurHash3 (x86, 32 bits) of its own key, seeded by that of the
flag: the same on every machine, independent from flag to flag. A share of 12.34 % takes the buckets below 1,234, so
raising it drops nobody. Variants are dealt by a second hash, so that they stay with people whatever the share is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mmh3 import hash as murmur

# Shares and weights are whole numbers of hundredths of a per cent (basis points).
WHOLE = 10_000


class Reason(Enum):
    """The rule that decided."""

    OFF = "off"
    NOT_YET = "not_yet"
    OVER = "over"
    UNMET = "unmet"
    EXCLUDED = "excluded"
    PERSON = "person"
    ROLE = "role"
    EVERYBODY = "everybody"
    SHARE = "share"
    BEYOND = "beyond"
    # Part of everybody, and nothing to tell by whether this one is of it.
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Decision:
    is_on: bool
    reason: Reason


_OFF, _NOT_YET, _OVER, _UNMET, _EXCLUDED, _BEYOND, _NOBODY = (
    Decision(False, reason)
    for reason in (
        Reason.OFF,
        Reason.NOT_YET,
        Reason.OVER,
        Reason.UNMET,
        Reason.EXCLUDED,
        Reason.BEYOND,
        Reason.NOBODY,
    )
)
_PERSON, _ROLE, _EVERYBODY, _SHARE = (
    Decision(True, reason) for reason in (Reason.PERSON, Reason.ROLE, Reason.EVERYBODY, Reason.SHARE)
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a flag is evaluated for: a person by primary key with the roles that count now, or a stranger by a key."""

    # What its buckets are told by; empty for somebody nothing is known of.
    key: str = ""
    pk: int | None = None
    role_ids: frozenset[int] = frozenset()


ANYBODY = Subject()


def person(pk: int, role_ids: frozenset[int] = frozenset()) -> Subject:
    return Subject(str(pk), pk, role_ids)


def stranger(key: str) -> Subject:
    """Somebody who is no person here, told by a key of a program's own; no such key is taken for a person's."""
    return Subject(f"~{key}") if key else ANYBODY


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    value: Any = field(hash=False)
    weight: int


@dataclass(slots=True)
class Flag:
    """The rules of a flag that hold here, as evaluation wants them."""

    key: str
    type: str = "boolean"
    is_on: bool = False
    # Seconds since 1970, 0 where there is no bound.
    starts: float = 0
    ends: float = 0
    # All of these must be on for the subject too; None where they go round in a circle, which never is on.
    needs: tuple[Flag, ...] | None = ()
    excluded: frozenset[int] = frozenset()
    people: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    # In basis points.
    share: int = 0
    variants: tuple[Variant, ...] = ()
    # Set by whoever evaluates it, taken back by whoever writes down when that was.
    asked: bool = False
    seed: int = field(init=False)
    variant_seed: int = field(init=False)

    def __post_init__(self) -> None:
        self.seed = murmur(f"share:{self.key}", 0, False)
        self.variant_seed = murmur(f"variant:{self.key}", 0, False)


def bucket(flag: Flag, subject: Subject) -> int:
    """In which of the flag's 10,000 buckets the subject falls, from 0."""
    return murmur(subject.key, flag.seed, False) % WHOLE


def variant_bucket(flag: Flag, subject: Subject) -> int:
    """The same for its variants."""
    return murmur(subject.key, flag.variant_seed, False) % WHOLE


def decide(flag: Flag, subject: Subject) -> Decision:
    """Whether the flag is on for the subject now, and by which rule. Raises nothing."""
    if not flag.is_on:
        return _OFF
    if flag.starts and time.time() < flag.starts:
        return _NOT_YET
    if flag.ends and time.time() >= flag.ends:
        return _OVER
    if flag.needs != () and not _met(flag, subject):
        return _UNMET
    pk = subject.pk
    if pk in flag.excluded:
        return _EXCLUDED
    if pk in flag.people:
        return _PERSON
    if not flag.roles.isdisjoint(subject.role_ids):
        return _ROLE
    share = flag.share
    if share == WHOLE:
        return _EVERYBODY
    if not share:
        return _BEYOND
    if not subject.key:
        return _NOBODY
    return _SHARE if murmur(subject.key, flag.seed, False) % WHOLE < share else _BEYOND


def variant_for(flag: Flag, subject: Subject) -> Variant | None:
    """The variant that is the subject's while the flag is on for it; None where the flag has none."""
    place = variant_bucket(flag, subject)
    for variant in flag.variants:
        if place < variant.weight:
            return variant
        place -= variant.weight
    return None


def _met(flag: Flag, subject: Subject) -> bool:
    return flag.needs is not None and all(decide(need, subject).is_on for need in flag.needs)
