"""What flags may not say of each other: circles, and names that are not there."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from settings_store.actions import archive_flag, clear_setting, restore_flag, submit_change
from settings_store.flag.references import dependents
from settings_store.flag.rules import OFF
from settings_store.flags import flag_enabled
from settings_store.models import Flag, Setting, SettingVersion

pytestmark = pytest.mark.django_db


def need(key: str, *needs: str, environment: str = "production") -> None:
    value = json.dumps({"on": True, "needs": list(needs)})
    submit_change(actor=None, key=f"flag:{key}", environment=environment, value=value)


def refused(key: str, *needs: str, environment: str = "production") -> str:
    before = SettingVersion.objects.count()
    with pytest.raises(ValidationError) as caught:
        need(key, *needs, environment=environment)
    # Refused after it was written: nothing of it stays.
    assert SettingVersion.objects.count() == before
    assert len(caught.value.messages) == 1
    return caught.value.messages[0]


def test_a_flag_that_is_not_there_cannot_be_needed(make_flag: Callable[..., Flag]) -> None:
    make_flag("new-search")
    make_flag("answer")

    assert refused("answer", "new-serch") == "There is no flag 'new-serch'. Near it: new-search."


def test_an_archived_flag_cannot_be_needed(make_flag: Callable[..., Flag]) -> None:
    make_flag("old")
    make_flag("answer")
    archive_flag(actor=None, key="old")

    assert refused("answer", "old").startswith("There is no flag 'old'.")


def test_a_circle_is_told_by_its_way(make_flag: Callable[..., Flag]) -> None:
    for key in "abc":
        make_flag(key)
    need("a", "b")
    need("b", "c")

    assert refused("c", "a") == ("In production the flags would depend on each other in a circle: c → a → b → c.")
    assert refused("a", "a") == "In production the flags would depend on each other in a circle: a → a."
    need("c")


def test_a_circle_through_the_common_rules_is_one(make_flag: Callable[..., Flag]) -> None:
    for key in "ab":
        make_flag(key)
    need("a", "b", environment="default")

    # Production has no rules of its own for a, so the common ones hold there.
    assert "In production" in refused("b", "a")
    need("a", environment="staging")
    need("b", "a", environment="staging")


def test_taking_rules_of_its_own_back_closes_no_circle(make_flag: Callable[..., Flag]) -> None:
    for key in "ab":
        make_flag(key)
    need("a")
    need("a", "b", environment="default")
    # Staging has the common rules of a, so b must not need it there.
    need("b", environment="staging")
    need("b", "a")

    with pytest.raises(ValidationError, match="In production the flags would depend on each other in a circle"):
        clear_setting(actor=None, key="flag:a", environment="production")


def test_whatever_it_needed_is_gone_a_flag_can_be_switched_off(make_flag: Callable[..., Flag]) -> None:
    make_flag("b", on=True)
    make_flag("a", on=True, needs=["b"])
    archive_flag(actor=None, key="a")
    archive_flag(actor=None, key="b")
    restore_flag(actor=None, key="a")

    off = json.dumps({"on": False, "needs": ["b"]})
    submit_change(actor=None, key="flag:a", environment="production", value=off)
    assert "There is no flag 'b'." in refused("a", "b")


def test_a_circle_is_refused_of_a_flag_that_is_off_too(make_flag: Callable[..., Flag]) -> None:
    for key in "ab":
        make_flag(key)
    need("a", "b")

    with pytest.raises(ValidationError, match="in a circle: b → a → b"):
        submit_change(actor=None, key="flag:b", environment="production", value='{"on": false, "needs": ["a"]}')
    # By the common rules too, where they hold.
    with pytest.raises(ValidationError, match="In production the flags would depend on each other in a circle"):
        submit_change(actor=None, key="flag:b", environment="default", value='{"on": false, "needs": ["a"]}')


def test_a_flag_in_a_circle_written_past_the_product_can_be_switched_off(make_flag: Callable[..., Flag]) -> None:
    for key in "ab":
        make_flag(key, on=True)
    for key, other in ("ab", "ba"):
        Setting.objects.filter(key=f"flag:{key}").update(value=OFF | {"on": True, "needs": [other]})

    off = json.dumps({"on": False, "needs": ["b"]})
    submit_change(actor=None, key="flag:a", environment="production", value=off)

    assert "in a circle" in refused("a", "b")


def test_a_diamond_is_no_circle(make_flag: Callable[..., Flag]) -> None:
    for key in "abcd":
        make_flag(key, on=True)

    need("b", "d")
    need("c", "d")
    need("a", "b", "c")

    assert dependents("d") == ["b", "c"]


def test_a_flag_that_others_need_is_not_archived(make_flag: Callable[..., Flag]) -> None:
    make_flag("base", on=True)
    make_flag("answer", on=True, needs=["base"])
    make_flag("other", environment="staging", needs=["base"])

    assert dependents("base") == ["answer", "other"]
    with pytest.raises(ValidationError) as caught:
        archive_flag(actor=None, key="base")
    assert "answer, other" in caught.value.messages[0]
    archive_flag(actor=None, key="answer")
    archive_flag(actor=None, key="other")
    archive_flag(actor=None, key="base")


def test_brought_back_without_what_it_needs_it_is_off(
    make_flag: Callable[..., Flag], settle: Callable[[], None]
) -> None:
    make_flag("base", on=True)
    make_flag("answer", on=True, needs=["base"])
    for key in ("answer", "base"):
        archive_flag(actor=None, key=key)
    restore_flag(actor=None, key="answer")
    settle()

    assert not flag_enabled("answer")
    restore_flag(actor=None, key="base")
    settle()
    assert flag_enabled("answer")


def test_archiving_opens_no_way_to_a_circle(make_flag: Callable[..., Flag], settle: Callable[[], None]) -> None:
    make_flag("b", on=True)
    make_flag("a", on=True, needs=["b"])
    archive_flag(actor=None, key="a")
    assert "There is no flag 'a'" in refused("b", "a")

    restore_flag(actor=None, key="a")
    settle()

    assert flag_enabled("a")


def test_what_is_asked_does_not_grow_with_the_flags(make_flag: Callable[..., Flag]) -> None:
    make_flag("a")
    make_flag("b")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            need("a", "b")
        clear_setting(actor=None, key="flag:a", environment="production")
        return len(captured)

    # Once before, as the first change makes the row.
    queries()
    few = queries()
    for number in range(10):
        make_flag(f"more-{number}", on=True, needs=["b"])

    assert queries() == few
