"""How many of the people present a flag is on for, counted one by one, under its rules as they are or would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError

from settings_store.flag import rules
from settings_store.flag.evaluation import WHOLE, Decision, Flag, Reason, decide, person, variant_for
from settings_store.flag.rules import OFF, Document, FlagType, per_cent
from settings_store.holding import DEFAULT
from settings_store.models import Flag as FlagRow
from settings_store.models import Setting
from settings_store.realms import FLAG_PREFIX, name_of_key

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


@dataclass(frozen=True, slots=True)
class Compiled:
    """All flags as they hold in one environment."""

    flags: Mapping[str, Flag]
    documents: Mapping[str, Document]

    def needs(self, key: str) -> list[str]:
        found: list[str] = self.documents[key]["needs"] if key in self.documents else []
        return found

    def drafted(self, key: str, document: Document) -> Compiled:
        """The same with other rules of one flag, which others may need."""
        flags = {name: replace(flag) for name, flag in self.flags.items()}
        flags[key] = rules.compiled(key, FlagType(flags[key].type), document)
        found = Compiled(flags, {**self.documents, key: document})
        rules.connect(flags, found.needs)
        return found


def compiled_for(environment: str) -> Compiled:
    """The flags of an environment in two queries."""
    rows = Setting.objects.filter(key__startswith=FLAG_PREFIX, environment__in={environment, DEFAULT})
    by_place = {
        (name_of_key(key), place): value for key, place, value in rows.values_list("key", "environment", "value")
    }
    flags, documents = {}, {}
    for key, kind in FlagRow.objects.filter(archived_at=None).order_by("key").values_list("key", "type"):
        document = _held((by_place.get((key, place)) for place in (environment, DEFAULT)), FlagType(kind))
        documents[key] = document
        flags[key] = rules.compiled(key, FlagType(kind), document)
    found = Compiled(flags, documents)
    rules.connect(flags, found.needs)
    return found


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


def _held(values: Iterable[Any], kind: FlagType) -> Document:
    for value in values:
        try:
            if value is not None:
                return rules.check(value, kind)
        except ValidationError:
            # What evaluation passes over is passed over here too.
            continue
    return OFF
