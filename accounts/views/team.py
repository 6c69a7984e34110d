"""Who answers to whom: a tree that is opened line by line, and in which somebody is found by words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import teams
from accounts.http import HtmxHttpRequest, visible_person
from accounts.listing import MOST_WORDS
from accounts.models import User, UserQuerySet
from accounts.status import Status, status_of
from ui.guard import requires
from ui.keyset import Page, paginate
from ui.registry import UserColumn, registry

ORDER = {"name": ("name_key",)}
# What `?open=` says for those who answer to nobody and look after nobody.
ALONE = "nobody"
# Columns of this order and beyond are looked up in the list.
FURTHER = 20
# People found by words; who is not among them is found by more words.
MOST_FOUND = 20
# Steps that are drawn; further down, the number of the level says more.
MOST_INDENTS = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree, on `level` 1 at the top; `url` opens who answers to them, or closes it."""

    person: User
    level: int
    status: Status
    size: teams.Size
    cells: list[tuple[UserColumn, Any]]
    is_open: bool
    url: str

    @property
    def indents(self) -> range:
        return range(1, min(self.level, MOST_INDENTS))


@requires("users.read")
@require_safe
def team_tree(request: HtmxHttpRequest) -> HttpResponse:
    """The heads of teams, or the line down to somebody, and a page of those who answer to them."""
    words = request.GET.get("q", "").strip()[:MOST_WORDS]
    found = _found(request.user, words) if words else []
    wanted = "" if words else request.GET.get("open", "")
    # One alone who is found stands in the tree at once.
    opened = (found[0] if len(found) == 1 else None) if words else _opened(request, wanted)
    line = _line(opened, request.user) if opened is not None else []
    page: Page[User] | None = None
    if opened is not None or not words:
        people = _below(request.user, opened, is_alone=wanted == ALONE)
        page = paginate(people.select_related("lockout"), request, order=ORDER, default="name")
    below = page.rows if page is not None else []
    # What is opened within a page comes as rows alone, with nothing above them.
    is_part = (request.htmx.target or "").startswith(("of-", "more-"))
    levels = [] if is_part else list(enumerate(line, 1))
    context = {
        "rows": _rows([*levels, *((len(line) + 1, person) for person in below)], line=line),
        "columns": _columns(),
        "page": page,
        "opened": opened,
        # Whoever was asked for stands out.
        "sought": opened if wanted or words else None,
        "words": words,
        "found": found[:MOST_FOUND],
        "more_found": len(found) > MOST_FOUND,
        "level": len(line) + 1,
        "indents": range(1, min(len(line) + 1, MOST_INDENTS)),
        "is_alone": wanted == ALONE,
        "alone": 0 if is_part or words or wanted else _alone(request.user).count(),
    }
    name = "accounts/team_tree.html"
    if request.htmx.history_restore_request or not (is_part or request.htmx.target == "tree"):
        return render(request, name, context)
    return render(request, f"{name}#lines" if is_part else f"{name}#tree", context)


def _found(viewer: User, words: str) -> list[User]:
    matching = User.objects.visible_to(viewer).matching(words).select_related("supervisor", "lockout")
    return list(matching.order_by("name_key", "pk")[: MOST_FOUND + 1])


def _opened(request: HtmxHttpRequest, wanted: str) -> User | None:
    """Whose line is opened; without a wish, their own where they see no more than that, or the only head's."""
    if wanted == "" and teams.sees_everyone(request.user):
        heads = _heads(request.user).select_related("lockout")[:2]
        return heads[0] if len(heads) == 1 else None
    if wanted in {"", ALONE}:
        return request.user if wanted == "" else None
    try:
        return visible_person(request, UUID(wanted), User.objects.select_related("lockout"))
    except ValueError as error:
        raise Http404 from error


def _line(opened: User, viewer: User) -> list[User]:
    """From the top, or from whoever looks, down to this person."""
    keys = teams.within_sight(teams.line_of(opened), viewer)
    known = User.objects.select_related("lockout").in_bulk(keys) if keys else {}
    return [*(known[key] for key in reversed(keys) if key in known), opened]


def _below(viewer: User, opened: User | None, *, is_alone: bool) -> UserQuerySet:
    if opened is not None:
        return User.objects.filter(supervisor=opened)
    return _alone(viewer) if is_alone else _heads(viewer)


def _heads(viewer: User) -> UserQuerySet:
    return User.objects.visible_to(viewer).with_team().filter(supervisor=None)


def _alone(viewer: User) -> UserQuerySet:
    """Those who answer to nobody and look after nobody."""
    people = User.objects.visible_to(viewer).filter(supervisor=None)
    return people.exclude(pk__in=User.objects.exclude(supervisor=None).order_by().values("supervisor_id"))


def _columns() -> list[UserColumn]:
    return sorted((each for each in registry.user_columns if each.order < FURTHER), key=lambda each: each.order)


def _rows(levels: Iterable[tuple[int, User]], *, line: list[User]) -> list[Row]:
    placed = list(levels)
    people = [person for _level, person in placed]
    columns = _columns()
    values = [column.values(people) for column in columns]
    sizes, now, opened = teams.sizes(people), timezone.now(), {person.pk for person in line}
    tree = reverse("accounts:team_tree")
    rows = []
    for level, person in placed:
        # To close somebody is to open whoever stands above.
        above = line[level - 2].public_id if level > 1 else None
        target = above if person.pk in opened else person.public_id
        rows.append(
            Row(
                person,
                level,
                status_of(person, now=now),
                sizes[person.pk],
                [(column, known.get(person.pk)) for column, known in zip(columns, values, strict=True)],
                is_open=person.pk in opened,
                url=f"{tree}?open={target}" if target else tree,
            )
        )
    return rows
