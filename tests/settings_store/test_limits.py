"""The counter: exactly the limit, however many ask at once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from settings_store.limits import release, reserve, reset
from settings_store.models import LimitCounter


def taken(number: int, *, subject: str = "ana", limit: int = 3, seconds: int = 60) -> list[bool]:
    return [reserve("sign-in", subject, limit=limit, seconds=seconds).allowed for _ in range(number)]


@pytest.mark.django_db
def test_no_more_than_the_limit_get_a_yes() -> None:
    assert taken(5) == [True, True, True, False, False]


@pytest.mark.django_db
def test_a_refusal_says_how_long_to_wait() -> None:
    taken(3)
    refusal = reserve("sign-in", "ana", limit=3, seconds=60)
    assert not refusal.allowed
    assert 0 < refusal.retry_after <= 60


@pytest.mark.django_db
def test_a_new_window_begins_when_the_old_one_ends() -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        assert taken(4) == [True, True, True, False]
    with time_machine.travel(now + timedelta(seconds=59), tick=False):
        assert taken(1) == [False]
    with time_machine.travel(now + timedelta(seconds=61), tick=False):
        assert taken(4) == [True, True, True, False]


@pytest.mark.django_db
def test_subjects_and_scopes_count_apart() -> None:
    taken(3)
    assert taken(1, subject="bo") == [True]
    assert reserve("api", "ana", limit=1, seconds=60).allowed
    # Where one ends and the other begins is part of the count.
    assert reserve("a", "b:c", limit=1, seconds=60).allowed
    assert reserve("a:b", "c", limit=1, seconds=60).allowed


@pytest.mark.django_db
def test_an_attempt_given_back_can_be_taken_again() -> None:
    taken(3)
    release("sign-in", "ana")
    assert taken(2) == [True, False]
    for _ in range(10):
        release("sign-in", "ana")
    assert taken(4) == [True, True, True, False]


@pytest.mark.django_db
def test_a_reset_forgets_every_attempt() -> None:
    taken(3)
    reset("sign-in", "ana")
    assert taken(1) == [True]


@pytest.mark.django_db
def test_a_limit_of_nothing_allows_nothing() -> None:
    assert taken(1, limit=0) == [False]


@pytest.mark.django_db
def test_the_table_shows_no_address_and_no_name() -> None:
    reserve("sign-in", "ana@example.org \ud800\0", limit=1, seconds=60)
    key = LimitCounter.objects.get().key
    assert len(key) == 64
    assert "ana" not in key


@pytest.mark.django_db
def test_windows_that_ended_are_swept_away() -> None:
    with time_machine.travel(timezone.now() - timedelta(days=1), tick=False):
        taken(1, subject="long gone")
    taken(1, subject="new")
    assert LimitCounter.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_nothing_is_counted_in_silence() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        taken(1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("opened", [False, True])
def test_a_hundred_at_once_get_exactly_the_limit(opened: bool) -> None:
    if opened:
        reserve("sign-in", "ana", limit=10, seconds=600)
        release("sign-in", "ana")
    results: list[bool] = []
    start = threading.Barrier(20)

    def ask() -> None:
        try:
            start.wait()
            results.extend(taken(5, limit=10, seconds=600))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 100
    assert sum(results) == 10
