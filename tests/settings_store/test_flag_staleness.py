"""A flag is stale where nobody asks for it, or where it decides the same for everybody, and long since."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from settings_store.actions import change_setting, clear_setting
from settings_store.flag.rules import OFF
from settings_store.flag.staleness import Facts, mark, marks
from settings_store.models import Flag, FlagUse, Setting
from settings_store.realms import key_of_flag

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
LONG_AGO, LATELY = NOW - timedelta(days=90), NOW - timedelta(days=3)

type MakeFlag = Callable[..., Flag]


def why(
    *, created: datetime = LONG_AGO, changed: datetime = LONG_AGO, last: datetime | None = LATELY, **rules: Any
) -> str:
    return mark(Facts(created, changed, last, OFF | rules), now=NOW, after=MONTH)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"last": None}, "Never evaluated since it was created on Aug. 22, 2026."),
        ({"last": NOW - timedelta(days=31)}, "Not evaluated since Oct. 20, 2026."),
        ({"last": None, "created": LATELY}, ""),
        ({"on": False}, "Off for everybody since Aug. 22, 2026."),
        ({"on": False, "changed": LATELY}, ""),
        ({"on": True}, "The same for everybody since Aug. 22, 2026."),
        ({"on": True, "changed": LATELY}, ""),
        ({"on": True, "share": 2500}, ""),
        ({"on": True, "share": 0}, "Off for everybody since Aug. 22, 2026."),
        ({"on": True, "share": 0, "people": [3]}, ""),
        ({"on": True, "share": 0, "roles": [3]}, ""),
        ({"on": True, "excluded": [3]}, ""),
        ({"on": True, "people": [3]}, "The same for everybody since Aug. 22, 2026."),
        ({"on": True, "needs": ["other"]}, ""),
        ({"on": True, "from": "2027-01-01T00:00:00Z"}, ""),
        ({"on": True, "from": "2026-09-01T00:00:00Z"}, "The same for everybody since Sept. 1, 2026."),
        ({"on": True, "until": "2027-01-01T00:00:00Z"}, ""),
        ({"on": True, "until": "2026-09-30T00:00:00Z"}, "Off for everybody since Sept. 30, 2026."),
        ({"on": False, "until": "2027-01-01T00:00:00Z"}, "Off for everybody since Aug. 22, 2026."),
        ({"on": True, "until": "2026-11-19T00:00:00Z"}, ""),
        (
            {"on": True, "variants": [{"name": "a", "value": 1, "weight": 10_000}]},
            "The same for everybody since Aug. 22, 2026.",
        ),
        (
            {"on": True, "variants": [{"name": name, "value": 1, "weight": 5000} for name in "ab"]},
            "",
        ),
    ],
)
def test_the_mark_says_why(facts: dict[str, Any], sentence: str) -> None:
    assert why(**facts) == sentence


@pytest.fixture
def old(make_flag: MakeFlag) -> Flag:
    """A flag of long ago that is on for everybody in production, and was evaluated today."""
    flag = make_flag("old", on=True)
    FlagUse.objects.create(key="old", environment="production", last_at=datetime.now(UTC))
    long_ago = datetime.now(UTC) - timedelta(days=90)
    Flag.objects.update(created_at=long_ago)
    Setting.objects.update(updated_at=long_ago)
    flag.refresh_from_db()
    return flag


def test_each_environment_has_marks_of_its_own(old: Flag) -> None:
    assert marks([old])["old"].startswith("The same for everybody since")
    assert marks([old], "staging")["old"].startswith("Never evaluated since")


def test_a_change_takes_the_mark_away(old: Flag) -> None:
    change_setting(actor=None, key=key_of_flag("old"), environment="production", value='{"on": false}')
    assert marks([old]) == {}


def test_so_does_going_back_to_the_common_rules(old: Flag, make_flag: MakeFlag) -> None:
    clear_setting(actor=None, key=key_of_flag("old"), environment="production")
    assert marks([old]) == {}
    Setting.objects.update(updated_at=datetime.now(UTC) - timedelta(days=90))
    assert marks([old])["old"].startswith("Off for everybody since")
    make_flag("old", environment="default", on=True, share=10)
    Setting.objects.update(updated_at=datetime.now(UTC) - timedelta(days=90))
    assert marks([old]) == {}, "the common rules hold"


def test_a_permanent_flag_and_an_archived_one_are_never_stale(old: Flag) -> None:
    old.is_permanent = True
    assert marks([old]) == {}
    old.is_permanent, old.archived_at = False, datetime.now(UTC)
    assert marks([old]) == {}


def test_how_long_is_a_setting(old: Flag) -> None:
    change_setting(actor=None, key="flags.stale_after", environment="default", value="100 d")
    assert marks([old]) == {}


def test_rules_that_were_written_past_the_pages_break_nothing(old: Flag) -> None:
    Setting.objects.update(value={"on": "perhaps", "share": "many"})
    assert marks([old])["old"].startswith("Off for everybody since")


def test_a_hundred_flags_ask_as_much_as_one(old: Flag, make_flag: MakeFlag) -> None:
    def asked(rows: list[Flag]) -> int:
        with CaptureQueriesContext(connection) as queries:
            marks(rows)
        return len(queries)

    assert asked([old]) == asked([old, *(make_flag(f"flag-{number}") for number in range(20))]) <= 3
