"""What the page of a review was asked for, and its lines with what whoever looks may decide about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.http import QueryDict
from django.utils import timezone

from accounts.models import User
from rbac.actions.assignment import edition
from rbac.models import Assignment, Review, ReviewItem, ReviewItemQuerySet, Standing, Tally
from rbac.reviews.rules import refusals

MOST_WORDS = 200
# What the address of the list may carry; anything else is left out of the way back.
CARRIED = ("q", "state", "sort", "after", "before")


@dataclass(frozen=True, slots=True)
class Asked:
    """Lines in the viewer's sight, narrowed down by words and by where they stand; nonsense does not narrow."""

    lines: ReviewItemQuerySet
    words: str
    standing: Standing | None
    # What was asked for and makes sense, as an address has it.
    query: QueryDict

    @property
    def is_filtered(self) -> bool:
        return bool(self.words or self.standing)

    @property
    def expected(self) -> Standing:
        """Where lines stand that are decided all at once: only those are, that nobody decided about unseen."""
        return self.standing or Standing.UNDECIDED

    @property
    def decidable(self) -> ReviewItemQuerySet:
        return self.lines.standing(self.expected)

    @property
    def is_decidable(self) -> bool:
        return self.expected in (Standing.UNDECIDED, Standing.CONFIRMED)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as the page shows it."""

    item: ReviewItem
    standing: Standing
    # Why whoever looks may not decide about it; empty where they may, or nothing is to be decided.
    refusal: str = ""
    may_decide: bool = False
    # Where the assignment stands, if that is not merely that it counts.
    state: Assignment.State | None = None
    is_changed: bool = False
    # What ended or was taken away is held anew by an assignment that is not on this list.
    is_held_anew: bool = False
    # The assignment where it still lasts: then the page shows it as it is, not as it was when the review began.
    held: Assignment | None = None

    @property
    def since(self) -> datetime:
        return (self.held.starts_at or self.held.assigned_at) if self.held else self.item.since

    @property
    def until(self) -> datetime | None:
        return self.held.ends_at if self.held else self.item.until

    @property
    def given_by(self) -> str:
        return str(self.held.provider or self.held.assigned_by or "") if self.held else self.item.given_by

    @property
    def reason(self) -> str:
        return self.held.reason if self.held else self.item.reason

    @property
    def seen(self) -> str:
        """What whoever decides has seen of it, as the page sends it along: where it stands, and as which edition."""
        return f"{self.standing.value}:{edition(self.held) if self.held else ''}"

    @property
    def may_confirm(self) -> bool:
        return self.may_decide and self.standing is Standing.UNDECIDED

    @property
    def may_take(self) -> bool:
        return self.may_decide and self.standing in (Standing.UNDECIDED, Standing.CONFIRMED)


def asked_of(review: Review, viewer: User, query: QueryDict) -> Asked:
    lines = _read(review, viewer)
    kept = QueryDict(mutable=True)
    if words := query.get("q", "").strip()[:MOST_WORDS]:
        lines = lines.filter(user__in=User.objects.matching(words).values("pk"))
        kept["q"] = words
    value = query.get("state", "")
    standing = Standing(value) if value in Standing.values else None
    if standing is not None:
        lines = lines.standing(standing)
        kept["state"] = standing.value
    for name in CARRIED[2:]:
        if value := query.get(name, ""):
            kept[name] = value[:500]
    return Asked(lines, words, standing, kept)


def tally_of(review: Review, viewer: User) -> Tally:
    """How many lines in the viewer's sight stand where."""
    return ReviewItem.objects.filter(review=review).visible_to(viewer).tallies().get(review.pk, Tally())


def shown(review: Review, viewer: User, items: Sequence[ReviewItem], *, may_decide: bool) -> list[Line]:
    """These items as lines, in a fixed number of queries."""
    now = timezone.now()
    lines = [_line(review, item, item.standing(now)) for item in items]
    if not review.is_running:
        return lines
    anew = _held_anew([line.item for line in lines if line.standing in (Standing.ENDED, Standing.REVOKED)])
    open_items = [
        line.item
        for line in lines
        if line.standing in (Standing.UNDECIDED, Standing.CONFIRMED) and line.item.is_lasting(now)
    ]
    deciding = {item.pk for item in open_items} if may_decide else set()
    refused = refusals(viewer, open_items) if deciding else {}
    return [
        replace(
            line,
            refusal=refused.get(line.item.pk, ""),
            may_decide=line.item.pk in deciding and line.item.pk not in refused,
            is_held_anew=line.item.pk in anew,
        )
        for line in lines
    ]


def read_line(review: Review, viewer: User, item: ReviewItem, *, may_decide: bool) -> Line:
    """One line, read anew."""
    [fresh] = _read(review, viewer).filter(pk=item.pk)
    return shown(review, viewer, [fresh], may_decide=may_decide)[0]


def _read(review: Review, viewer: User) -> ReviewItemQuerySet:
    related = ("user", "assignment__role", "assignment__ended_by", "decided_by", "review")
    givers = ("assignment__assigned_by", "assignment__provider")
    lines: ReviewItemQuerySet = ReviewItem.objects.filter(review=review).visible_to(viewer)
    return lines.select_related(*related, *givers)


def _line(review: Review, item: ReviewItem, standing: Standing) -> Line:
    row = item.assignment
    if row is None or not review.is_running:
        return Line(item, standing)
    now = timezone.now()
    held = row if item.is_lasting(now) and standing is not Standing.REVOKED else None
    return Line(item, standing, state=row.state(now), is_changed=item.is_changed(), held=held)


def _held_anew(items: Sequence[ReviewItem]) -> set[int]:
    """Those of these ended lines whose person holds the role again."""
    pairs = {item.pk: (item.user_id, item.assignment.role_id) for item in items if item.assignment is not None}
    if not pairs:
        return set()
    held = set(
        Assignment.objects.lasting()
        .filter(user__in={user for user, _role in pairs.values()}, role__in={role for _user, role in pairs.values()})
        .values_list("user_id", "role_id")
    )
    return {key for key, pair in pairs.items() if pair in held}
