"""How many of the people present a flag is on for, counted one by one, under its rules as they are or would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from settings_store.flag.evaluation import WHOLE, Decision, Flag, Reason, decide, person, variant_for
from settings_store.flag.rules import per_cent
from settings_store.flag.snapshot import Snapshot, read
from settings_store.holding import DEFAULT
from settings_store.models import Setting
from settings_store.realms import FLAG_PREFIX

# While one of these decides, nobody has the flag.
CLOSED = frozenset({Reason.OFF, Reason.NOT_YET, Reason.OVER})

type Everybody = Iterable[tuple[int, frozenset[int]]]


@dataclass(frozen=True, slots=True)
class Count:
    """So many of so many people."""

    of: int
    total: int
    name: str = ""

    @property
    def per_cent(self) -> str:
        return per_cent(round(self.of * WHOLE / self.total) if self.total else 0)


@dataclass(frozen=True, slots=True)
class Share:
    """Who has the flag now; where that is nobody because it is off or not its time, who would have it else."""

    now: Count
    # None where its time is over, and nobody will.
    once: Count | None
    # How those who have it, or would, come by it, where people or roles are named.
    named: int = 0
    by_role: int = 0
    by_share: int = 0
    names_somebody: bool = False
    # Of those who have it, or would, how many get each variant.
    variants: tuple[Count, ...] = ()
    # Why nobody has it now, None where it is open.
    closed: Reason | None = None


def compiled_for(environment: str) -> Snapshot:
    """The flags of an environment in two queries."""
    return read(
        Setting.objects.filter(key__startswith=FLAG_PREFIX, environment__in={environment, DEFAULT}), environment
    )


def share_of(flag: Flag, everybody: Everybody) -> Share:
    """The share of these people, by primary key with the roles that count for them."""
    closed = closed_by(flag)
    asked = replace(flag, is_on=True, starts=0, ends=0) if closed else flag
    total = on = 0
    dealt, ways = Counter[str](), Counter[Reason]()
    for pk, role_ids in everybody:
        total += 1
        subject = person(pk, role_ids)
        decision = decide(asked, subject)
        if not decision.is_on:
            continue
        on += 1
        ways[decision.reason] += 1
        if flag.variants and (variant := variant_for(asked, subject)) is not None:
            dealt[variant.name] += 1
    nobody, everybody_on = Count(0, total), Count(on, total)
    if _is_over(flag):
        return Share(nobody, None, closed=closed)
    return Share(
        nobody if closed else everybody_on,
        everybody_on,
        named=ways[Reason.PERSON],
        by_role=ways[Reason.ROLE],
        by_share=ways[Reason.SHARE] + ways[Reason.EVERYBODY],
        names_somebody=bool(flag.people or flag.roles),
        variants=tuple(Count(dealt[each.name], on, each.name) for each in flag.variants),
        closed=closed,
    )


def closed_by(flag: Flag) -> Reason | None:
    """Why nobody at all has the flag now, if so."""
    # For nobody in particular, so that only what counts for all can decide.
    decision: Decision = decide(replace(flag, needs=()), person(0))
    return decision.reason if decision.reason in CLOSED else None


def _is_over(flag: Flag) -> bool:
    """Whether its time is over, be it on or off."""
    return closed_by(replace(flag, is_on=True, starts=0)) is Reason.OVER
