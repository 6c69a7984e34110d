"""People as a file for a spreadsheet, by name, in batches as long as its reader may read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone, translation

from accounts.models import User, UserQuerySet
from accounts.status import status_of
from accounts.teams import shown_supervisor
from settings_store.database import at_leisure
from ui.guard import may_still
from ui.registry import UserColumn
from ui.spreadsheets import csv_lines, plain

BATCH = 500


# What makes somebody's sight wider than themselves.
SIGHT = ("users.read", "users.all")


def as_far_as_now(request: HttpRequest, permission: str) -> Callable[[], bool]:
    """Asked before each batch: whether the reader still holds the permission, and still sees as far as at first."""
    return partial(may_still, request, permission, *(name for name in SIGHT if request.user.has_perm(name)))


async def lines(
    people: UserQuerySet, *, viewer: User, columns: Sequence[UserColumn], allowed: Callable[[], bool]
) -> AsyncGenerator[str, None]:
    """The file in pieces; it ends where `allowed` says no. Headings are the same in every language, for programs."""
    headings = [_heading(column) for column in columns]
    # The mark by which spreadsheets know UTF-8.
    yield "\ufeff" + csv_lines(
        [["username", "email", "full name", "status", *headings, "supervisor", "last sign-in", "created"]]
    )
    last: User | None = None
    while batch := await at_leisure(_next, people, last, allowed):
        yield await at_leisure(_text, batch, columns, viewer)
        last = batch[-1]


def _next(people: UserQuerySet, last: User | None, allowed: Callable[[], bool]) -> list[User]:
    if not allowed():
        return []
    if last is not None:
        people = people.filter(Q(name_key__gt=last.name_key) | Q(name_key=last.name_key, pk__gt=last.pk))
    return list(people.select_related("supervisor", "lockout").order_by("name_key", "pk")[:BATCH])


def _text(batch: list[User], columns: Sequence[UserColumn], viewer: User) -> str:
    values, now = [column.values(batch) for column in columns], timezone.now()
    return csv_lines([plain(cell) for cell in _cells(person, values, now, viewer)] for person in batch)


def _cells(person: User, values: list[dict[Any, Any]], now: datetime, viewer: User) -> list[str]:
    supervisor = shown_supervisor(person, viewer)
    return [
        person.username,
        person.email,
        person.full_name,
        status_of(person, now=now).value,
        *(_words(known.get(person.pk)) for known in values),
        supervisor.username if supervisor else "",
        _moment(person.last_login),
        _moment(person.created_at),
    ]


def _heading(column: UserColumn) -> str:
    with translation.override("en"):
        return str(column.label).lower()


def _words(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def _moment(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""
