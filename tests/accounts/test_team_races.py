"""Moves beside one another: each harmless alone, together a circle."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from accounts import actions, teams
from accounts.actions import MovedMeanwhile
from accounts.models import User
from settings_store import audit
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)

TIMES = 10


def together(*acts: Callable[[int], object]) -> list[list[bool]]:
    """Whether each act was done, each of `TIMES` times, all beginning at once; any other error is raised."""
    begin = Barrier(len(acts), timeout=60)

    def do(act: Callable[[int], object]) -> list[bool]:
        done = []
        try:
            for number in range(TIMES):
                begin.wait()
                try:
                    act(number)
                except (MovedMeanwhile, ValidationError):
                    done.append(False)
                else:
                    done.append(True)
                begin.wait()
        except BaseException:
            begin.abort()
            raise
        finally:
            connection.close()
        return done

    with ThreadPoolExecutor(len(acts)) as pool:
        return [running.result() for running in [pool.submit(do, act) for act in acts]]


def stands_in_a_circle(person: User) -> bool:
    nexts = dict(User.objects.values_list("pk", "supervisor_id"))
    at, met = nexts[person.pk], set()
    while at is not None and at not in met:
        met.add(at)
        at = nexts[at]
    return at is not None


def test_two_admins_close_no_circle() -> None:
    admins = [make_user(role="admin") for _ in range(2)]
    pairs = [[make_user(role=None) for _ in range(2)] for _ in range(TIMES)]

    def half(admin: User, who: int) -> Callable[[int], object]:
        return lambda number: actions.move_user(
            actor=admin, user=pairs[number][who], supervisor=pairs[number][1 - who], expected=None
        )

    answers = together(half(admins[0], 0), half(admins[1], 1))
    assert [sorted(both) for both in zip(*answers, strict=True)] == [[False, True]] * TIMES
    assert not any(stands_in_a_circle(person) for pair in pairs for person in pair)
    assert list(audit.verify()) == []


def test_of_three_who_would_stand_in_a_ring_one_is_refused() -> None:
    admin = make_user(role="admin")
    rings = [[make_user(role=None) for _ in range(3)] for _ in range(TIMES)]

    def third(who: int) -> Callable[[int], object]:
        return lambda number: actions.update_user(
            actor=admin, user=rings[number][who], supervisor=rings[number][(who + 1) % 3]
        )

    answers = together(third(0), third(1), third(2))
    assert [sorted(three) for three in zip(*answers, strict=True)] == [[False, True, True]] * TIMES
    assert not any(stands_in_a_circle(person) for ring in rings for person in ring)


def test_of_two_who_move_one_person_the_second_is_told() -> None:
    admins = [make_user(role="admin") for _ in range(2)]
    people, places = [make_user(role=None) for _ in range(TIMES)], [make_user(role=None) for _ in range(2)]

    def move(which: int) -> Callable[[int], object]:
        return lambda number: actions.move_user(
            actor=admins[which], user=people[number], supervisor=places[which], expected=None
        )

    answers = together(move(0), move(1))
    assert [sorted(both) for both in zip(*answers, strict=True)] == [[False, True]] * TIMES
    for number, person in enumerate(people):
        person.refresh_from_db()
        assert person.supervisor == places[answers[0][number] is False]


def test_teams_change_hands_beside_one_another_and_nobody_waits_for_ever() -> None:
    admin, people = make_user(role="admin"), [make_user(role=None) for _ in range(4)]
    pairs = list(permutations(people, 2))

    def stir(offset: int) -> Callable[[int], object]:
        def act(number: int) -> None:
            user, supervisor = pairs[(number * 5 + offset * 7) % len(pairs)]
            actions.update_user(actor=admin, user=user, supervisor=None if number % 3 == offset else supervisor)

        return act

    def leave(number: int) -> None:
        (actions.activate_user if number % 2 else actions.deactivate_user)(actor=admin, user=people[0])

    together(stir(0), stir(1), leave)
    assert not any(stands_in_a_circle(person) for person in people)
    assert all(len(teams.line_of(person)) < len(people) for person in people)
