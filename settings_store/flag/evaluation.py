"""Who gets a flag, and what of it: a pure function over rules that are held in memory, without a query or a lock.

A subject falls into one of 10,000 buckets of a flag: the same on every machine and for ever, independent from flag to
flag. A share of 12.34 % takes the buckets below 1,234, so raising it drops nobody. Variants are dealt a second time, so
that they stay with people whatever the share is.

A stranger's bucket is MurmurHash3 (x86, 32 bits) of their key, seeded by that of the flag. People are dealt like cards
instead: of 10,000 with consecutive primary keys each bucket gets one, where a hash would miss the share by a point now
and then. A deal goes twice through one fixed shuffled deck, begun each time at a place of the flag's own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mmh3 import hash as murmur

# Shares and weights are whole numbers of hundredths of a per cent (basis points).
WHOLE = 10_000
# Twice in a row, so that a place in it plus where one begins is a place as well.
_DECK = 2 * sorted(range(WHOLE), key=lambda card: murmur(str(card), 0, False))

# What a flag deals by: the seed of its hashes, and where the deck is begun the first and the second time.
type Deal = tuple[int, int, int]


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
    # Half a character, which JSON can hold, has no bytes to hash.
    return Subject(f"~{key}".encode(errors="backslashreplace").decode()) if key else ANYBODY


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
    # All of these must be on for the subject too; None where they lead into a circle, which never is on.
    needs: tuple[Flag, ...] | None = ()
    excluded: frozenset[int] = frozenset()
    people: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    # In basis points.
    share: int = 0
    variants: tuple[Variant, ...] = ()
    # Set by whoever evaluates it, taken back by whoever writes down when that was.
    asked: bool = False
    deal: Deal = field(init=False)
    variant_deal: Deal = field(init=False)

    def __post_init__(self) -> None:
        self.deal = _deal(f"share:{self.key}")
        self.variant_deal = _deal(f"variant:{self.key}")


def bucket(flag: Flag, subject: Subject) -> int:
    """In which of the flag's 10,000 buckets the subject falls, from 0."""
    return _dealt(flag.deal, subject)


def variant_bucket(flag: Flag, subject: Subject) -> int:
    """The same for its variants."""
    return _dealt(flag.variant_deal, subject)


def decide(flag: Flag, subject: Subject, *, alone: bool = False) -> Decision:
    """Whether the flag is on for the subject now, and by which rule (`alone`: whatever it needs). Raises nothing."""
    if not flag.is_on:
        return _OFF
    if flag.starts and time.time() < flag.starts:
        return _NOT_YET
    if flag.ends and time.time() >= flag.ends:
        return _OVER
    if flag.needs != () and not alone and not _met(flag, subject):
        return _UNMET
    pk = subject.pk
    if pk in flag.excluded:
        return _EXCLUDED
    if pk in flag.people:
        return _PERSON
    if flag.roles and not flag.roles.isdisjoint(subject.role_ids):
        return _ROLE
    share = flag.share
    if share == WHOLE:
        return _EVERYBODY
    if not share:
        return _BEYOND
    if pk is None and not subject.key:
        return _NOBODY
    if pk is None or pk >= WHOLE:
        place = bucket(flag, subject)
    else:
        # What `bucket` comes to for nearly everybody, without the time of two calls.
        _seed, first, second = flag.deal
        place = _DECK[_DECK[pk + first] + second]
    return _SHARE if place < share else _BEYOND


def variant_for(flag: Flag, subject: Subject) -> Variant | None:
    """The variant that is the subject's while the flag is on for it; None where the flag has none."""
    place = _dealt(flag.variant_deal, subject)
    for variant in flag.variants:
        if place < variant.weight:
            return variant
        place -= variant.weight
    return None


def _met(flag: Flag, subject: Subject) -> bool:
    """Whether all it needs are on, with all that these need: each is asked once, however many need it."""
    waiting, asked = [flag], set[str]()
    while waiting:
        needs = waiting.pop().needs
        if needs is None:
            return False
        for need in needs:
            if need.key not in asked:
                asked.add(need.key)
                if not decide(need, subject, alone=True).is_on:
                    return False
                waiting.append(need)
    return True


def _deal(words: str) -> Deal:
    seed = murmur(words, 0, False)
    return seed, seed % WHOLE, seed // WHOLE % WHOLE


def _dealt(deal: Deal, subject: Subject) -> int:
    seed, first, second = deal
    pk = subject.pk
    if pk is None:
        return murmur(subject.key, seed, False) % WHOLE
    if pk >= WHOLE:
        # Each ten thousand of people are dealt anew.
        ten_thousand, pk = divmod(pk, WHOLE)
        second = murmur(str(ten_thousand), seed, False) % WHOLE
    return _DECK[_DECK[pk + first] + second]
