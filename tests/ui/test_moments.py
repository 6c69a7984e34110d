from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from ui import moments

# A Friday.
NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=59), "now"),
        (timedelta(seconds=-59), "now"),
        (timedelta(minutes=3, seconds=59), "3 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=5, minutes=59), "5 h"),
        (timedelta(hours=6), "08:00"),
        (timedelta(hours=14, minutes=1), "yesterday"),
        (timedelta(days=2), "Wed"),
        (timedelta(days=6), "Sat"),
        (timedelta(days=7), "13 Nov"),
        (timedelta(days=400), "16 Oct 2025"),
        (timedelta(minutes=-3), "in 3 min"),
        (timedelta(hours=-2), "in 2 h"),
        (timedelta(hours=-11), "tomorrow"),
        (timedelta(days=-5), "25 Nov"),
    ],
)
def test_as_people_say_it(ago: timedelta, text: str) -> None:
    assert moments.relative(NOW - ago, now=NOW) == text


def test_yesterday_is_that_of_the_persons_time_zone() -> None:
    late = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    assert moments.relative(late, now=NOW) == "02:00"
    with timezone.override("America/Bogota"):
        assert moments.relative(late, now=NOW) == "yesterday"
        assert moments.exact(late) == "19 November 2026, 21:00:00"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0.414, "0.41 s"),
        (6.24, "6.2 s"),
        (125, "2 min"),
        (timedelta(hours=3, minutes=5), "3 h 5 min"),
        (timedelta(hours=4), "4 h"),
        (timedelta(days=2, hours=3), "2 d 3 h"),
        (0, "0.00 s"),
    ],
)
def test_spans(length: timedelta | float, text: str) -> None:
    assert moments.span(length) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=8), "13:59:52"),
        (timedelta(hours=13, minutes=59), "00:01:00"),
        (timedelta(hours=14, minutes=1), "19 Nov 23:59:00"),
        (timedelta(days=400), "16 Oct 2025 14:00:00"),
    ],
)
def test_a_clock_names_the_day_only_where_it_is_another(ago: timedelta, text: str) -> None:
    assert moments.clock(NOW - ago, now=NOW) == text


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(hours=8), "today, 04:00"),
        (timedelta(days=1), "yesterday"),
        (timedelta(days=3), "on Tue"),
        (timedelta(days=40), "on 11 Oct"),
        (timedelta(minutes=-3), "in 3 min"),
    ],
)
def test_in_a_sentence(age: timedelta, text: str) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert moments.ago(now - age, now=now) == text
