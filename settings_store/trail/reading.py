"""What the trail is asked, and the newest events that answer it, quick however long it is.

Every answer is read from its newest end. Databases guess how: walking backwards through the trail until enough events
match, which for rare ones never ends, or reading all that match, which for common ones never ends. Here the nearest
part of the trail is walked, and only beyond it an index is asked, for as much of the trail as is likely to be enough.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet

from settings_store.models import AuditEvent, Proposal
from settings_store.trail.words import TRAIL, holding, holding_by_index, holding_each, words_of

BIGGEST = 2**63 - 1
# What names an object, together.
OBJECT = frozenset({"target_type", "target_id"})
# How many of the newest events are looked at one by one.
NEAR = 2000
# Beyond them PostgreSQL looks for several conditions at once in so many events, then in all.
WINDOWS = (300_000, BIGGEST)
# A bitmap of all matches must fit; taking events apart is dear, walking through them dearer, and what PostgreSQL would
# compile or share among processes costs more than the search.
PLAN = {
    "work_mem": "128MB",
    "cpu_operator_cost": "0.05",
    "random_page_cost": "1.1",
    "enable_seqscan": "off",
    "enable_indexscan": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
# With so many values for one filter, as a group of acts, each is read by itself along its index.
MOST_VALUES = 24
# So many values of a column are asked for at once: MariaDB ends a recursion at 1,000.
KNOWN_AT_ONCE = 500
# The moments of events follow their order but for the clocks of several machines.
CLOCKS_APART = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Question:
    """What the trail is asked for; nothing asked is every event."""

    exact: Mapping[str, Any] = field(default_factory=dict)
    # Proposals whose events answer beside those of the object that is asked for, by their public ids.
    proposals: tuple[str, ...] = ()
    # Several values, any of which will do; none of them at all means that no event can match.
    actions: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    words: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether every event between two moments answers it."""
        return not self.conditions

    @property
    def conditions(self) -> int:
        """How many are asked for at once; an object is named by its kind and its id together."""
        named = len(self.exact) - (self.exact.keys() >= OBJECT)
        return named + sum(each is not None for each in (self.actions, self.names, self.words))

    @property
    def is_manifold(self) -> bool:
        """Whether no single index answers it in order."""
        # Names stand in two columns, of which the person or whoever acted as them may be in either.
        many = self.names is not None or (self.actions is not None and not self.apart())
        return self.words is not None or self.conditions > 1 or many or bool(self.proposals)

    @property
    def is_hopeless(self) -> bool:
        return () in (self.actions, self.names, self.words)

    def events(self) -> QuerySet[AuditEvent]:
        """The events that answer, words aside."""
        others = {name: value for name, value in self.exact.items() if name not in OBJECT}
        events = AuditEvent.objects.filter(self.about_object | self.about_proposals, **others)
        if self.actions is not None:
            events = events.filter(action__in=self.actions)
        if self.names is not None:
            events = events.filter(Q(actor_name__in=self.names) | Q(impersonator_name__in=self.names))
        if self.since is not None:
            events = events.filter(at__gte=self.since)
        if self.until is not None:
            events = events.filter(at__lt=self.until)
        return events

    @property
    def about_object(self) -> Q:
        """The condition that an event is about the object itself."""
        return Q(**{name: self.exact[name] for name in OBJECT if name in self.exact})

    @property
    def about_proposals(self) -> Q:
        if not self.proposals:
            return Q()
        return Q(target_type=Proposal._meta.label_lower, target_id__in=self.proposals)

    def apart(self) -> list[Q]:
        """The values of one filter, each as a condition that an index answers in order; empty where there are many."""
        if self.names is not None:
            values = [Q(**{column: name}) for name in self.names for column in ("actor_name", "impersonator_name")]
        else:
            values = [Q(action=action) for action in self.actions or ()]
        return values if len(values) <= MOST_VALUES else []


def question(asked: Mapping[str, Any]) -> Question:
    """What the fields of the filter ask, cleaned."""
    names = ("actor_id", "target_type", "target_id", "address", "environment")
    exact = {name: asked[name] for name in names if asked.get(name) not in (None, "")}
    if asked.get("request"):
        exact["request_id"] = asked["request"]
    group, who, text = asked.get("action"), asked.get("actor"), asked.get("q")
    return Question(
        exact=exact,
        actions=tuple(action for action in known("action") if action.startswith(group)) if group else None,
        names=_names_like(who) if who else None,
        words=tuple(words_of(text)) if text else None,
        since=asked.get("since"),
        until=asked.get("until"),
    )


def known(column: str) -> list[str]:
    """The values a column of the trail has: from one to the next along its index, not through all events."""
    values: list[str] = []
    with connection.cursor() as cursor:
        while True:
            # Names of columns and of the table are constants of this floor.
            cursor.execute(
                f"WITH RECURSIVE found(value, step) AS (SELECT MIN({column}), 1 FROM {TRAIL} WHERE {column} > %s "  # noqa: S608
                f"UNION ALL SELECT (SELECT MIN({column}) FROM {TRAIL} WHERE {column} > found.value), step + 1 "
                f"FROM found WHERE found.value IS NOT NULL AND step < {KNOWN_AT_ONCE}) "
                "SELECT value FROM found WHERE value IS NOT NULL ORDER BY step",
                [values[-1] if values else ""],
            )
            found = [value for (value,) in cursor.fetchall()]
            values += found
            if len(found) < KNOWN_AT_ONCE:
                return values


def _names_like(text: str) -> tuple[str, ...]:
    wanted = _plain(text)
    names = dict.fromkeys([*known("actor_name"), *known("impersonator_name")])
    return tuple(name for name in names if wanted in _plain(name))


def _plain(name: str) -> str:
    """A name without case and accents: where these are the same to a database, it knows one of several names alone."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def read(asked: Question, *, count: int, above: int = 0, below: int = BIGGEST, newest: bool = True) -> list[AuditEvent]:
    """Up to `count` events between the sequences `above` and `below`, newest first; the oldest of them if not `newest`.

    Oldest means those next to `above`; they too come newest first.
    """
    if asked.is_hopeless:
        return []
    low, high = _bounds(asked, above + 1, below - 1)
    found: list[AuditEvent] = []
    for start, end in _parts(asked, low, high, newest=newest):
        if len(found) >= count or start > end:
            break
        # The first part is the nearest one.
        is_near = not asked.is_open and (end == high if newest else start == low)
        found += _part(asked, start, end, count=count - len(found), newest=newest, is_near=is_near)
    return found if newest else found[::-1]


def _bounds(asked: Question, low: int, high: int) -> tuple[int, int]:
    last = AuditEvent.objects.aggregate(last=Max("sequence"))["last"] or 0
    high = min(high, last)
    by_time = AuditEvent.objects.order_by("at", "sequence").values_list("sequence", flat=True)
    if asked.since is not None:
        first = by_time.filter(at__gte=asked.since - CLOCKS_APART).first()
        low = max(low, first) if first is not None else high + 1
    if asked.until is not None:
        final = by_time.filter(at__lt=asked.until + CLOCKS_APART).reverse().first()
        high = min(high, final or 0)
    return low, high


def _parts(asked: Question, low: int, high: int, *, newest: bool) -> Iterator[tuple[int, int]]:
    """The parts of the trail between `low` and `high`, in the order they are to be read."""
    size = BIGGEST if asked.is_open else NEAR
    windows = iter(WINDOWS)
    while low <= high:
        part = (max(low, high - size + 1), high) if newest else (low, min(high, low + size - 1))
        yield part
        low, high = (low, part[0] - 1) if newest else (part[1] + 1, high)
        if asked.is_manifold and connection.vendor == "postgresql":
            size = next(windows, BIGGEST)
        else:
            # Words in a table of their own are read in growing parts; all else has an index of its own.
            size = size * 8 if asked.words else BIGGEST


def _part(asked: Question, low: int, high: int, *, count: int, newest: bool, is_near: bool) -> list[AuditEvent]:
    matching = asked.events().filter(sequence__gte=low, sequence__lte=high)
    ordered = matching.order_by("-sequence" if newest else "sequence")
    words = list(asked.words or ())
    if connection.vendor == "postgresql" and asked.is_manifold:
        if not is_near:
            return _by_bitmaps(matching.filter(holding_by_index(words)) if words else matching, count, newest=newest)
        return list(ordered.filter(holding_each(words))[:count] if words else ordered[:count])
    if words:
        return list(ordered.filter(holding(words, low, high))[:count])
    apart = [] if is_near else asked.apart()
    found: set[int] = set()
    if asked.proposals and not is_near:
        apart = [asked.about_object]
        # All of them, as there are few: asked for the newest alone, a database may walk back through all events.
        found.update(matching.filter(asked.about_proposals).values_list("sequence", flat=True))
    if not apart:
        return list(ordered[:count])
    for value in apart:
        found.update(ordered.filter(value).values_list("sequence", flat=True)[:count])
    return _by_sequence(sorted(found, reverse=newest)[:count], newest=newest)


@transaction.atomic
def _by_bitmaps(matching: QuerySet[AuditEvent], count: int, *, newest: bool) -> list[AuditEvent]:
    """The same on PostgreSQL for several conditions, whose indexes are laid over each other."""
    sql, parameters = matching.order_by().values_list("sequence", flat=True).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f"set_config('{name}', '{value}', true)" for name, value in PLAN.items())}")
        # Read whole and sorted afterwards: asked for the newest alone, PostgreSQL may walk back through all instead.
        cursor.execute(
            f"WITH found AS MATERIALIZED ({sql}) SELECT sequence FROM found "  # noqa: S608
            f"ORDER BY sequence {'DESC' if newest else 'ASC'} LIMIT {count}",
            parameters,
        )
        return _by_sequence([sequence for (sequence,) in cursor.fetchall()], newest=newest)


def _by_sequence(sequences: list[int], *, newest: bool) -> list[AuditEvent]:
    events = AuditEvent.objects.filter(sequence__in=sequences)
    return list(events.order_by("-sequence" if newest else "sequence")) if sequences else []
