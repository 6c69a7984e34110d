"""How servers did in the last hour, counted exactly whoever counts at the same moment."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat.actions.provider import create_provider, delete_provider
from chat.health import STRETCH, forget_old, hours_of, note_call, stretch_at
from chat.models import HealthSample, Provider

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, 2, tzinfo=UTC)


@pytest.fixture
def server() -> Provider:
    return create_provider(actor=None, name="Server", base_url="https://models.example.com/v1")


def test_calls_of_one_stretch_are_one_row(server: Provider) -> None:
    with time_machine.travel(NOON, tick=False):
        note_call(server.pk, ok=True, first_token_ms=300)
        note_call(server.pk, ok=True, first_token_ms=800)
        note_call(server.pk, ok=False, first_token_ms=None)
        note_call(server.pk, ok=True, first_token_ms=None)
    row = HealthSample.objects.get()
    assert row.began_at == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert (row.succeeded, row.failed, row.slowest_ms) == (3, 1, 800)


def test_the_last_hour_is_twelve_stretches_and_nothing_older(server: Provider) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        note_call(server.pk, ok=False, first_token_ms=None)
        clock.shift(timedelta(minutes=58))
        note_call(server.pk, ok=True, first_token_ms=1500)
        hour = hours_of([server.pk])[server.pk]
    assert [stretch.calls for stretch in hour.stretches] == [0] * 11 + [1]
    assert (hour.calls, hour.failed, hour.slowest_seconds) == (1, 0, 1.5)


def test_many_servers_are_asked_about_at_once(
    server: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    others = [create_provider(actor=None, name=f"S{n}", base_url="https://models.example.com/v1") for n in range(5)]
    for each in (server, *others):
        note_call(each.pk, ok=True, first_token_ms=1)
    with django_assert_num_queries(1):
        hours = hours_of([server.pk, *(each.pk for each in others)])
    assert [hour.calls for hour in hours.values()] == [1] * 6


def test_a_slow_failure_is_not_the_slowest_answer(server: Provider) -> None:
    note_call(server.pk, ok=False, first_token_ms=60_000)
    assert hours_of([server.pk])[server.pk].slowest_seconds == 0


def test_a_server_that_is_gone_is_no_trouble(server: Provider) -> None:
    gone = server.pk
    delete_provider(actor=None, provider=server)
    note_call(gone, ok=True, first_token_ms=1)
    assert not HealthSample.objects.exists()


def test_what_is_older_than_a_day_is_forgotten(server: Provider) -> None:
    now = stretch_at(timezone.now())
    for age in (timedelta(hours=23), timedelta(hours=25)):
        HealthSample.objects.create(provider=server, began_at=now - age)
    forget_old()
    assert HealthSample.objects.get().began_at == now - timedelta(hours=23)


@pytest.mark.django_db(transaction=True)
def test_whoever_counts_at_one_moment_is_counted(server: Provider) -> None:
    start = threading.Barrier(8)

    def count() -> None:
        start.wait()
        for number in range(10):
            note_call(server.pk, ok=number % 2 == 0, first_token_ms=number)
        connection.close()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = HealthSample.objects.all()
    assert sum(row.succeeded for row in rows) == 40
    assert sum(row.failed for row in rows) == 40
    # One, or two where the clock passed the end of a stretch meanwhile.
    assert len(rows) <= 2
    assert all(row.began_at.timestamp() % STRETCH.total_seconds() == 0 for row in rows)
