"""Flags as actions: made, described, archived, brought back; their rules changed, proposed, scheduled, rolled back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from settings_store import audit
from settings_store.actions import (
    Change,
    Description,
    ProtectedSetting,
    StaleFlag,
    StaleSetting,
    apply_due,
    approve,
    archive_flag,
    change_setting,
    clear_setting,
    create_flag,
    describe_flag,
    propose_unprotect,
    protect,
    restore_flag,
    roll_back,
    submit_change,
)
from settings_store.flag.rules import OFF, FlagType
from settings_store.kept import UnknownFlag
from settings_store.models import AuditEvent, Flag, Proposal, Protection, Setting, SettingVersion, StoreVersion
from tests.factories import make_user

pytestmark = pytest.mark.django_db

NEW = Description(label="New search")


@pytest.fixture
def omar(db: None) -> User:
    return make_user(role="operator", username="omar")


@pytest.fixture
def ana(db: None) -> User:
    return make_user(role="admin", username="ana")


def create(key: str, actor: User | None = None, kind: FlagType = FlagType.BOOLEAN) -> Flag:
    return create_flag(actor=actor, key=key, kind=kind, description=NEW)


def submit(actor: User | None = None, key: str = "new-search", place: str = "production", **options: Any) -> Any:
    given = {name: options.pop(name) for name in list(options) if name in OFF}
    return submit_change(actor=actor, key=f"flag:{key}", environment=place, value=json.dumps(given), **options)


def events(key: str = "new-search") -> list[tuple[str, str]]:
    found = AuditEvent.objects.filter(target_type="settings_store.flag", target_id=key).order_by("sequence")
    return list(found.values_list("action", "actor_name"))


def row(key: str = "new-search", place: str = "production") -> Setting:
    return Setting.objects.get(key=f"flag:{key}", environment=place)


def rules(key: str = "new-search") -> dict[str, Any]:
    found = row(key).value
    assert isinstance(found, dict)
    return found


def test_a_flag_is_made_off_and_its_whole_life_is_on_the_trail(omar: User, ana: User) -> None:
    create("new-search", omar)
    assert not Setting.objects.filter(key="flag:new-search").exists()
    submit(omar, on=True, share=1250, reason="To a few first")
    clear_setting(actor=ana, key="flag:new-search", environment="production")
    description = Description(label="New search", description="Vectors", is_permanent=True)
    describe_flag(actor=omar, key="new-search", description=description)
    archive_flag(actor=ana, key="new-search")
    restore_flag(actor=ana, key="new-search")

    assert events() == [
        ("flag.created", "omar"),
        ("flag.changed", "omar"),
        ("flag.cleared", "ana"),
        ("flag.described", "omar"),
        ("flag.archived", "ana"),
        ("flag.brought_back", "ana"),
    ]
    changed = AuditEvent.objects.get(action="flag.changed")
    assert changed.reason == "To a few first"
    assert changed.after is not None
    assert (changed.after["version"], changed.after["value"]["share"]) == (1, 1250)
    assert list(audit.verify()) == []


@pytest.mark.parametrize(
    "key", ["", "New", "new search", "new_", "a--b", ".a", "n" * 61, "naïve", "new\n", "new", "proposals", "a/b", "\0"]
)
def test_a_key_that_cannot_be_is_told(key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        create(key)
    assert list(caught.value.message_dict) == ["key"]
    assert not Flag.objects.exists()


@pytest.mark.parametrize("key", ["a", "n" * 60, "model.router_v2", "two-factor", "chat.new-search"])
def test_keys_of_programs_are_taken(key: str) -> None:
    assert create(key).key == key


def test_a_key_is_taken_once(omar: User) -> None:
    create("new-search")
    with pytest.raises(ValidationError, match="There is a flag new-search already"):
        create("new-search", omar)
    archive_flag(actor=None, key="new-search")
    with pytest.raises(ValidationError, match="Bring it back instead"):
        create("new-search", omar)


def test_words_that_are_so_already_change_nothing_and_stale_ones_are_told(omar: User) -> None:
    create("new-search")
    assert describe_flag(actor=omar, key="new-search", description=NEW, expected_version=1).version == 1
    before = StoreVersion.objects.get().version
    describe_flag(actor=omar, key="new-search", description=Description(label="Search"), expected_version=1)
    assert StoreVersion.objects.get().version == before, "nobody reads all settings anew for words"

    with pytest.raises(StaleFlag) as caught:
        describe_flag(actor=omar, key="new-search", description=Description(label="Mine"), expected_version=1)

    assert (caught.value.row.label, caught.value.row.version) == ("Search", 2)
    assert Flag.objects.get().label == "Search"
    assert [action for action, _name in events()] == ["flag.created", "flag.described"]


@pytest.mark.parametrize(
    "act",
    [
        lambda: describe_flag(actor=None, key="never", description=NEW),
        lambda: archive_flag(actor=None, key="never"),
        lambda: restore_flag(actor=None, key="never"),
        lambda: submit(key="never", on=True),
        lambda: protect(actor=None, key="flag:never"),
        lambda: archive_flag(actor=None, key="NEW-SEARCH"),
        lambda: submit(key="NEW-SEARCH", on=True),
        lambda: submit(key="new-search ", on=True),
        lambda: submit(key="", on=True),
    ],
)
def test_what_is_not_there_is_unknown(act: Callable[[], object]) -> None:
    create("new-search")
    before = AuditEvent.objects.count()

    with pytest.raises(UnknownFlag):
        act()
    assert AuditEvent.objects.count() == before


def test_an_archived_flag_takes_no_change_until_it_comes_back() -> None:
    create("new-search")
    submit(on=True)
    archive_flag(actor=None, key="new-search")

    for act in (lambda: submit(on=False), lambda: describe_flag(actor=None, key="new-search", description=NEW)):
        with pytest.raises(UnknownFlag, match="was archived"):
            act()
    restore_flag(actor=None, key="new-search")
    assert rules()["on"]
    submit(on=False)
    assert row().version == 2


def test_a_flag_with_something_pending_or_protected_is_not_archived(omar: User) -> None:
    create("new-search")
    submit(omar, on=True, apply_at=timezone.now() + timedelta(days=1))
    with pytest.raises(ValidationError, match="pending"):
        archive_flag(actor=None, key="new-search")
    Proposal.objects.all().update(status=Proposal.Status.WITHDRAWN)
    protect(actor=None, key="flag:new-search")
    with pytest.raises(ValidationError, match="protected"):
        archive_flag(actor=None, key="new-search")


def test_rules_that_are_so_already_make_no_version() -> None:
    create("new-search")
    assert submit(on=True, people=[2, 1]) is not None

    assert submit(on=True, people=[1, 2, 2], share=10_000) is None
    assert SettingVersion.objects.count() == 1


def test_who_comes_second_is_told_both_in_words(omar: User) -> None:
    create("new-search")
    submit(on=True, share=2500, expected_version=0)

    with pytest.raises(StaleSetting) as caught:
        submit(omar, on=True, share=5000, expected_version=0)

    assert (caught.value.theirs, caught.value.yours) == ("on · 25 %", "on · 50 %")


@pytest.mark.parametrize(
    "value",
    ["", "on", "null", "[]", "true", '{"on": 1}', '{"on": true', '{"on": true, "x": 1}', "{" * 300, "\0", "NaN"],
)
def test_what_is_no_document_is_refused_in_one_sentence(value: str) -> None:
    create("new-search")

    with pytest.raises(ValidationError) as caught:
        submit_change(actor=None, key="flag:new-search", environment="production", value=value)

    assert len(caught.value.messages) == 1
    assert not SettingVersion.objects.exists()


@pytest.mark.parametrize("place", ["", "prod", "PRODUCTION", "default "])
def test_there_is_no_environment_of_another_name(place: str) -> None:
    create("new-search")

    with pytest.raises(ValidationError, match="no environment of this name"):
        submit(place=place, on=True)


def test_a_protected_flag_changes_by_four_eyes(omar: User, ana: User) -> None:
    create("chat-stop")
    protect(actor=ana, key="flag:chat-stop")
    with pytest.raises(ProtectedSetting):
        change_setting(actor=omar, key="flag:chat-stop", environment="production", value='{"on": true}')

    proposal = submit(omar, "chat-stop", on=True, reason="The model writes nonsense")
    assert isinstance(proposal, Proposal)
    assert not Setting.objects.filter(key="flag:chat-stop").exists()
    with pytest.raises(ValidationError, match="yourself"):
        approve(actor=omar, proposal=proposal)

    assert approve(actor=ana, proposal=proposal).status == Proposal.Status.APPLIED
    assert rules("chat-stop")["on"]
    assert [action for action, _name in events("chat-stop")] == ["flag.created", "flag.protected", "flag.changed"]


def come(proposal: Proposal) -> Proposal:
    past = timezone.now() - timedelta(seconds=1)
    Proposal.objects.filter(pk=proposal.pk).update(apply_at=past)
    StoreVersion.objects.update(next_due=past)
    apply_due()
    proposal.refresh_from_db()
    return proposal


def test_a_scheduled_change_is_made_at_its_time(omar: User) -> None:
    create("new-search")
    proposal = submit(omar, on=True, apply_at=timezone.now() + timedelta(hours=1))
    apply_due()
    assert not Setting.objects.filter(key="flag:new-search").exists()

    assert come(proposal).status == Proposal.Status.APPLIED
    assert rules()["on"]


def test_a_scheduled_change_that_would_close_a_circle_by_then_fails_in_words(omar: User) -> None:
    create("one")
    create("two")
    proposal = submit(omar, "one", on=True, needs=["two"], apply_at=timezone.now() + timedelta(hours=1))
    submit(omar, "two", on=True, needs=["one"])

    come(proposal)

    assert proposal.status == Proposal.Status.FAILED
    assert "circle" in proposal.trouble
    # Nothing of the attempt is left.
    assert not Setting.objects.filter(key="flag:one").exists()
    assert list(audit.verify()) == []


def test_somebody_who_may_not_write_flags_any_more_changes_nothing(omar: User) -> None:
    create("new-search")
    proposal = submit(omar, on=True, apply_at=timezone.now() + timedelta(hours=1))
    omar.assignments.all().delete()

    assert come(proposal).status == Proposal.Status.FAILED
    assert "may not do it any more" in proposal.trouble


def test_rolling_back_brings_the_rules_of_a_version_as_a_new_one(omar: User) -> None:
    create("new-search")
    submit(on=True, share=2500, people=[4])
    submit(on=True, share=10_000)
    first = json.dumps(SettingVersion.objects.get(version=1).value)

    change = Change(key="flag:new-search", environment="production", value=first, expected_version=2, rollback_to=1)
    done = roll_back(actor=omar, changes=[change], reason="Too many at once")

    assert [setting.version for setting in done.settings] == [3]
    assert (rules()["share"], rules()["people"]) == (2500, [4])
    assert list(SettingVersion.objects.order_by("version").values_list("version", "rollback_to")) == [
        (1, None),
        (2, None),
        (3, 1),
    ]
    assert events()[-1] == ("flag.changed", "omar")


def test_a_rollback_that_would_close_a_circle_is_refused_whole(omar: User) -> None:
    for key in ("one", "two"):
        create(key)
    submit(key="one", on=True, needs=["two"])
    submit(key="one", on=True)
    submit(key="two", on=True, needs=["one"])
    first = json.dumps(SettingVersion.objects.get(setting__key="flag:one", version=1).value)

    change = Change(key="flag:one", environment="production", value=first, expected_version=2, rollback_to=1)
    with pytest.raises(ValidationError, match="circle"):
        roll_back(actor=omar, changes=[change], reason="As it was before")
    assert row("one").version == 2


def test_each_type_keeps_to_its_values() -> None:
    create("max-answers", kind=FlagType.NUMBER)
    whole = {"name": "few", "weight": 10_000}

    with pytest.raises(ValidationError, match="a number such as 12"):
        submit(key="max-answers", on=True, variants=[whole | {"value": "3"}])
    with pytest.raises(ValidationError, match="before it is switched on"):
        submit(key="max-answers", on=True)
    submit(key="max-answers", on=True, variants=[whole | {"value": 3}])
    assert rules("max-answers")["variants"] == [{"name": "few", "value": 3, "weight": 10_000}]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="there one writer at a time is all that is needed")
@pytest.mark.parametrize("late", [protect, propose_unprotect])
def test_a_flag_archived_meanwhile_is_not_protected_any_more(late: Callable[..., object]) -> None:
    create("new-search")
    told: list[str] = []

    def act() -> None:
        try:
            late(actor=None, key="flag:new-search")
        except UnknownFlag as error:
            told.append(str(error))
        finally:
            connection.close()

    thread = threading.Thread(target=act)
    with transaction.atomic():
        archive_flag(actor=None, key="new-search")
        thread.start()
        # It waits for the lock by now, and must not have asked before it.
        thread.join(0.5)
        assert not told
    thread.join(30)
    assert told == ["The flag 'new-search' was archived."]
    assert not Protection.objects.exists()
