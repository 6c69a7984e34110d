"""The tree of who answers to whom: lines up, how many stand below, and who may be put where.

Whoever looks after somebody sees that person and everybody below, so that a place in the tree is a right: each
question here is asked anew by each request, and an act asks it again under the lock of the tree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Count
from django.utils.translation import gettext as _

from accounts import rules
from accounts.models import User

# Levels from the top to the lowest person. MariaDB gives up a recursion after 1,000.
MOST_LEVELS = 100


@dataclass(frozen=True, slots=True)
class Size:
    """How many people answer to somebody, directly and in all."""

    direct: int = 0
    whole: int = 0


@dataclass(frozen=True, slots=True)
class Above:
    """Somebody in the line above a person, and whether whoever looks may open their page."""

    person: User
    is_visible: bool


def line_of(person: User) -> list[int]:
    """The keys of those this person answers to, the nearest first, in one query; a circle ends before it closes."""
    table = User._meta.db_table
    with connection.cursor() as cursor:
        # From the rows alone: what was read of this person before may be true no more.
        # UNION, not UNION ALL, so that it ends; the order is found by going from one to the next.
        cursor.execute(
            f"WITH RECURSIVE line(id, supervisor_id) AS (SELECT id, supervisor_id FROM {table} WHERE id = %s "  # noqa: S608
            f"UNION SELECT above.id, above.supervisor_id FROM {table} above JOIN line ON above.id = line.supervisor_id)"
            " SELECT id, supervisor_id FROM line",
            [person.pk],
        )
        above: dict[int, int | None] = dict(cursor.fetchall())
    line: list[int] = []
    at = above.get(person.pk)
    while at is not None and at != person.pk and at not in line:
        line.append(at)
        at = above.get(at)
    return line


def line_above(person: User, viewer: User) -> list[Above]:
    """The people of that line, as `viewer` may see them, the nearest first."""
    keys = line_of(person)
    people = User.objects.in_bulk(keys) if keys else {}
    seen = set(within_sight(keys, viewer))
    return [Above(people[key], key in seen) for key in keys if key in people]


def within_sight(line: Sequence[int], viewer: User) -> list[int]:
    """The part of somebody's line, the nearest first, that `viewer` may see: all of it, or as far as themselves."""
    if sees_everyone(viewer):
        return list(line)
    return list(line[: line.index(viewer.pk) + 1]) if viewer.pk in line else []


def sees_everyone(viewer: User) -> bool:
    return viewer.has_perm("users.read") and viewer.has_perm("users.all")


def shown_supervisor(person: User, viewer: User) -> User | None:
    """Whom somebody in sight answers to, as lists and files say it: those above oneself are no part of one's sight."""
    return person.supervisor if person.pk != viewer.pk or sees_everyone(viewer) else None


def sizes(people: Collection[User]) -> dict[int, Size]:
    """How many stand below each of these people, by key, in two queries, which look at nobody twice."""
    shown = {person.pk for person in people}
    if not shown:
        return {}
    reports = User.objects.filter(supervisor__in=shown).order_by().values_list("supervisor_id")
    direct: dict[int, int] = dict(reports.annotate(Count("pk")))
    between, below = _as_far_as(shown, direct) if direct else ({}, {})
    return {key: Size(direct.get(key, 0), _whole(key, below, between)) for key in shown}


def _as_far_as(shown: Collection[int], heads: Collection[int]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """For each of `heads`, how many stand below as far as the next who are `shown`, and who those are."""
    table = User._meta.db_table
    heads_here, shown_here = ", ".join(["%s"] * len(heads)), ", ".join(["%s"] * len(shown))
    with _walking() as cursor:
        cursor.execute(
            f"WITH RECURSIVE team(head, id) AS (SELECT supervisor_id, id FROM {table} "  # noqa: S608
            f"WHERE supervisor_id IN ({heads_here}) "
            f"UNION SELECT team.head, person.id FROM {table} person JOIN team ON person.supervisor_id = team.id "
            f"WHERE team.id NOT IN ({shown_here})) "
            f"SELECT head, CASE WHEN id IN ({shown_here}) THEN id END AS next, COUNT(*) FROM team GROUP BY head, next",
            [*heads, *shown, *shown],
        )
        rows = cursor.fetchall()
    below: dict[int, list[int]] = {}
    for head, key, _count in rows:
        if key is not None:
            below.setdefault(head, []).append(key)
    return {head: count for head, key, count in rows if key is None}, below


@contextmanager
def _walking() -> Iterator[CursorWrapper]:
    """A cursor for a walk through the whole tree, which PostgreSQL would compile for longer than it takes."""
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            yield cursor
        return
    # For this transaction alone, so that it holds behind a pooler too.
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        yield cursor


def _whole(head: int, below: dict[int, list[int]], between: dict[int, int]) -> int:
    met, frontier = {head}, [head]
    while frontier:
        found = [key for key in below.get(frontier.pop(), ()) if key not in met]
        met.update(found)
        frontier += found
    return sum(between.get(key, 0) for key in met) + len(met) - 1


def refuse_place(*, user: User | None, supervisor: User) -> None:
    """Raise ValidationError where `user`, or somebody new, cannot stand below `supervisor`: a circle, or too deep."""
    if user == supervisor:
        raise ValidationError({"supervisor": _("Nobody is in their own team. Choose somebody else.")}, code="circle")
    line = line_of(supervisor)
    if user is not None and user.pk in line:
        words = _("%(name)s is in %(person)s’s team, so %(person)s cannot answer to them.")
        raise ValidationError({"supervisor": words % {"name": supervisor, "person": user}}, code="circle")
    levels = len(line) + 2 + (_levels_below(user) if user is not None else 0)
    if levels > MOST_LEVELS:
        words = _("A line of supervisors has %(most)d levels at most, and this would be one of %(levels)d.")
        raise ValidationError({"supervisor": words % {"most": MOST_LEVELS, "levels": levels}}, code="deep")


def _levels_below(person: User) -> int:
    table = User._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE team(id, level) AS (SELECT id, 1 FROM {table} WHERE supervisor_id = %s "  # noqa: S608
            f"UNION SELECT person.id, level + 1 FROM {table} person JOIN team ON person.supervisor_id = team.id "
            "WHERE level <= %s) SELECT COALESCE(MAX(level), 0) FROM team",
            [person.pk, MOST_LEVELS],
        )
        return int(cursor.fetchone()[0])


def move_refusal(actor: User | None, user: User, supervisor: User | None) -> str | None:
    """Why `actor` may not put `user`, with everybody below, under `supervisor`, or under nobody; None where they may.

    That they may act upon `user` at all is another question, which `rules.ask` answers.
    """
    if actor is None:
        return None
    if actor == user and not actor.has_perm("users.admin"):
        # Whoever could leave a team would leave the sight of those above.
        return _("Who looks after you is for somebody else to say.")
    if not sees_everyone(actor) and supervisor is None:
        return _("Choose a supervisor: you can move people within your own team, not out of it.")
    if supervisor is not None and not User.objects.visible_to(actor).filter(pk=supervisor.pk).exists():
        return _("You cannot see the supervisor you chose.")
    if supervisor is not None and not supervisor.is_active:
        return _("%(person)s is deactivated. Choose somebody who can look after people.") % {"person": supervisor}
    return rules.team_refusal(actor, User.objects.team_of(user))
