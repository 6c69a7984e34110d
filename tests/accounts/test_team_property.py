"""Whatever moves are made, the tree answers as if everybody were looked at one after the other."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts import actions, teams
from accounts.models import User
from tests.factories import make_user

SIZE = 12
somebody = st.integers(0, SIZE - 1)
# Each person's supervisor among those before them, or nobody: every forest there is, in some order of its people.
forests = st.tuples(*(st.one_of(st.none(), st.integers(0, max(0, at - 1))) for at in range(SIZE)))
moves = st.lists(st.tuples(somebody, st.one_of(st.none(), somebody)), max_size=6)

type Tree = dict[int, int | None]


def line(tree: Tree, person: int) -> list[int]:
    """By going up, until there is nobody or somebody for the second time."""
    found: list[int] = []
    at = tree[person]
    while at is not None and at != person and at not in found:
        found.append(at)
        at = tree[at]
    return found


def team(tree: Tree, person: int) -> set[int]:
    """Everybody in whose line the person is, or would be but for a circle: by going down as long as there is more."""
    found: set[int] = set()
    while True:
        more = {each for each, above in tree.items() if above == person or above in found} - found - {person}
        if not more:
            return found
        found |= more


@pytest.fixture
def people(supervisor: User) -> list[User]:
    """The first of them holds the role that sees a team."""
    return [supervisor, *(make_user(role=None, password=None, username=f"p{number}") for number in range(1, SIZE))]


def put(people: list[User], forest: tuple[int | None, ...], *, turned: bool) -> Tree:
    """The forest as rows, from the first person down or from the last."""
    places = people[::-1] if turned else people
    for person, above in zip(places, forest, strict=True):
        person.supervisor = places[above] if above is not None and places[above] != person else None
    User.objects.bulk_update(people, ["supervisor"])
    return {person.pk: person.supervisor_id for person in people}


def agree(people: list[User], tree: Tree) -> None:
    assert dict(User.objects.filter(pk__in=tree).values_list("pk", "supervisor_id")) == tree
    sizes = teams.sizes(people)
    # Counted for some of them alone, the answer is the same.
    some = people[::3]
    assert teams.sizes(some) == {person.pk: sizes[person.pk] for person in some}
    for person in people:
        below = team(tree, person.pk)
        assert set(User.objects.team_of(person).values_list("pk", flat=True)) == below
        assert set(User.objects.led_by(person).values_list("pk", flat=True)) == below | {person.pk}
        assert teams.line_of(person) == line(tree, person.pk)
        direct = sum(above == person.pk for above in tree.values())
        assert sizes[person.pk] == teams.Size(direct, len(below))
    seer = people[0]
    assert set(User.objects.visible_to(seer).values_list("pk", flat=True)) == team(tree, seer.pk) | {seer.pk}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forest=forests, turned=st.booleans(), moves=moves)
@example(forest=(None, *range(SIZE - 1)), turned=False, moves=[(0, 11), (5, 0), (5, None)])
@example(forest=(None, *([0] * (SIZE - 1))), turned=True, moves=[(11, 3), (3, 11)])
def test_after_any_moves(
    people: list[User],
    forest: tuple[int | None, ...],
    turned: bool,
    moves: list[tuple[int, int | None]],
) -> None:
    tree = put(people, forest, turned=turned)
    agree(people, tree)
    for who, where in moves:
        person, above = people[who], people[where] if where is not None else None
        closes = above is not None and (above == person or person.pk in line(tree, above.pk))
        with suppress(ValidationError), transaction.atomic():
            actions.update_user(actor=None, user=person, supervisor=above)
            assert not closes
            tree[person.pk] = above.pk if above else None
    agree(people, tree)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(above=st.tuples(*([st.one_of(st.none(), somebody)] * SIZE)))
@example(above=(*range(1, SIZE), 0))
def test_also_over_rows_that_run_in_circles(people: list[User], above: tuple[int | None, ...]) -> None:
    for person, at in zip(people, above, strict=True):
        person.supervisor = people[at] if at is not None else None
    User.objects.bulk_update(people, ["supervisor"])
    agree(people, {person.pk: person.supervisor_id for person in people})
