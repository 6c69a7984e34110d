"""The lines of an access review as a file for a spreadsheet, in batches as long as its reader may read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime

from django.utils import timezone

from rbac.models import Review, ReviewItem, ReviewItemQuerySet
from settings_store.database import at_leisure
from ui.spreadsheets import csv_lines, plain

BATCH = 500
# The same in every language, for programs.
HEADINGS = (
    "person",
    "username",
    "email",
    "active",
    "role",
    "since",
    "until",
    "assigned by",
    "reason",
    "last sign-in",
    "decision",
    "decided by",
    "decided",
    "note",
)
WORDS = {"undecided": "undecided", "confirmed": "confirmed", "revoked": "taken away", "ended": "ended meanwhile"}


async def lines(review: Review, items: ReviewItemQuerySet, *, allowed: Callable[[], bool]) -> AsyncGenerator[str, None]:
    """The file in pieces; it ends where `allowed` says no."""
    # The mark by which spreadsheets know UTF-8.
    yield "\ufeff" + csv_lines([HEADINGS])
    last = 0
    while batch := await at_leisure(_next, items, last, allowed):
        yield await at_leisure(_text, review, batch)
        last = batch[-1].pk


def _next(items: ReviewItemQuerySet, last: int, allowed: Callable[[], bool]) -> list[ReviewItem]:
    if not allowed():
        return []
    related = items.select_related("user", "assignment", "decided_by", "review")
    # In the order in which they were listed: by the names that people had when it began.
    return list(related.filter(pk__gt=last).order_by("pk")[:BATCH])


def _text(review: Review, batch: list[ReviewItem]) -> str:
    now = timezone.now()
    return csv_lines([plain(cell) for cell in _cells(review, item, now)] for item in batch)


def _cells(review: Review, item: ReviewItem, now: datetime) -> list[str]:
    person = item.user
    return [
        str(person),
        person.username,
        person.email,
        "yes" if person.is_active else "no",
        item.role_name,
        _moment(item.since),
        _moment(item.until),
        item.given_by or "Gatehouse",
        item.reason,
        _moment(person.last_login if review.is_running else item.last_login),
        WORDS[item.standing(now).value],
        str(item.decided_by or ""),
        _moment(item.decided_at),
        item.note,
    ]


def _moment(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""
