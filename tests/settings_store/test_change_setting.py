"""Changing settings: versions, seals, events, and two people at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from settings_store import audit, store
from settings_store.actions import Change, StaleSetting, change_setting, change_settings, clear_setting
from settings_store.circumstances import circumstances
from settings_store.crypto import open_sealed
from settings_store.definitions import UnknownSetting
from settings_store.models import AuditEvent, SealedVersion, Setting, SettingVersion, StoreVersion
from tests.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]


def change(key: str = "suite.integer", value: str = "80", **options: Any) -> Setting:
    return change_setting(**({"actor": None, "environment": "production", "key": key, "value": value} | options))


def test_a_change_is_a_version_and_an_event() -> None:
    ana = make_user(username="ana")
    with circumstances(address="192.0.2.7", user_agent="Firefox", request_id="req_1"):
        change(actor=ana, value="80", reason="too slow")
        setting = change(actor=ana, value="90", reason="still too slow")
    versions = list(SettingVersion.objects.order_by("version").values_list("version", "value", "reason", "actor_name"))
    assert versions == [(1, 80, "too slow", "ana"), (2, 90, "still too slow", "ana")]
    version = SettingVersion.objects.get(version=2)
    assert (version.address, version.user_agent, version.request_id) == ("192.0.2.7", "Firefox", "req_1")
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.target_id, event.reason) == ("setting.changed", str(setting.pk), "still too slow")
    assert (event.before, event.after) == ({"value": 80, "version": 1}, {"value": 90, "version": 2})


def test_the_same_value_again_changes_nothing() -> None:
    change()
    before = (audit.head(), StoreVersion.objects.get().version)
    assert change().version == 1
    assert (audit.head(), StoreVersion.objects.get().version) == before


def test_a_default_written_down_is_a_change_all_the_same() -> None:
    assert change(value="60").version == 1


def test_true_is_not_one() -> None:
    change("suite.json", "1")
    assert change("suite.json", "true").version == 2


def test_clearing_brings_the_default_back_and_keeps_the_history() -> None:
    change()
    cleared = clear_setting(actor=None, key="suite.integer", environment="production", reason="enough")
    assert cleared is not None
    assert store.get_setting("suite.integer") == 60
    assert list(SettingVersion.objects.order_by("version").values_list("version", "cleared")) == [(1, False), (2, True)]
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.before, event.after) == (
        "setting.cleared",
        {"value": 80, "version": 1},
        {"value": None, "version": 2},
    )
    assert change(value="80").version == 3


def test_clearing_what_is_not_set_changes_nothing() -> None:
    before = audit.head()
    clear_setting(actor=None, key="suite.integer", environment="production")
    change()
    clear_setting(actor=None, key="suite.integer", environment="production")
    after = audit.head()
    clear_setting(actor=None, key="suite.integer", environment="production")
    assert audit.head() == after != before


def test_a_stale_change_carries_both_values_and_loses_nothing() -> None:
    change(value="80")
    with pytest.raises(StaleSetting) as stale:
        change(value="90", expected_version=0)
    assert (stale.value.theirs, stale.value.yours) == ("80", "90")
    with pytest.raises(StaleSetting):
        clear_setting(actor=None, key="suite.integer", environment="production", expected_version=0)
    assert Setting.objects.get().value == 80
    assert change(value="90", expected_version=1).version == 2


def test_a_secret_is_sealed_for_its_version_and_never_recorded() -> None:
    change("suite.secret", "opensesame")
    change("suite.secret", "abracadabra")
    setting = Setting.objects.get()
    assert setting.value is None
    assert store.get_setting("suite.secret") == "abracadabra"
    for sealed in (setting.sealed, *SealedVersion.objects.values_list("sealed", flat=True)):
        assert sealed is not None
        assert b"opensesame" not in bytes(sealed)
        assert b"abracadabra" not in bytes(sealed)
    everything = str(list(AuditEvent.objects.values()))
    assert "opensesame" not in everything
    assert AuditEvent.objects.latest("sequence").after == {"value": audit.MASK, "version": 2}
    # An older version of a secret, put back by hand, does not open.
    first = SealedVersion.objects.get(version__version=1)
    Setting.objects.update(sealed=first.sealed)
    with pytest.raises(store.Damaged):
        store.get_setting("suite.secret")


def test_a_secret_moved_to_another_setting_does_not_open(declare: Any) -> None:
    declare("suite.other", type="secret", default="")
    change("suite.secret", "opensesame")
    change("suite.other", "abracadabra")
    Setting.objects.filter(key="suite.other").update(sealed=Setting.objects.get(key="suite.secret").sealed)
    with pytest.raises(store.Damaged):
        store.get_setting("suite.other")


def test_the_same_secret_again_is_a_new_version_as_any_other_would_be() -> None:
    change("suite.secret", "opensesame")
    assert change("suite.secret", "opensesame").version == 2


@pytest.mark.parametrize(
    "options",
    [
        {"value": "many"},
        {"value": "5000"},
        {"environment": "moon"},
        {"environment": "prod\0uction"},
        {"reason": "x" * 501},
        {"reason": "NUL\0"},
        {"key": "suite.secret", "value": "x", "environment": "default"},
        {"key": "suite.secret", "value": "x", "environment": "staging"},
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(options: dict[str, Any]) -> None:
    before = audit.head()
    with pytest.raises(ValidationError):
        change(**options)
    assert audit.head() == before
    assert not Setting.objects.exists()


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(UnknownSetting):
        change("suite.nothing")


def test_a_locked_setting_cannot_be_changed_here_but_elsewhere(settings: Any) -> None:
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_INTEGER": "90"}
    with pytest.raises(ValidationError, match="GATEHOUSE_SETTING_SUITE_INTEGER"):
        change()
    assert change(environment="staging").version == 1


def test_where_reasons_are_asked_for_people_give_one() -> None:
    change("settings_store.reason_required", "true")
    ana = make_user(username="ana")
    with pytest.raises(ValidationError) as refusal:
        change(actor=ana, reason="   because  ")
    assert refusal.value.code == "reason"
    assert change(actor=ana, reason="because it was slow").version == 1
    # What the house does by itself has nobody to ask.
    assert change(value="70").version == 2


@pytest.mark.django_db(transaction=True)
def test_parallel_changes_are_all_kept() -> None:
    failures: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for value in range(first, first + 8):
                change(value=str(value))
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(100 * number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(SettingVersion.objects.values_list("version", flat=True)) == list(range(1, 41))
    assert AuditEvent.objects.filter(action="setting.changed").count() == 40
    assert list(audit.verify()) == []


def test_true_in_json_is_not_one(every_type: None) -> None:
    change_setting(actor=None, key="suite.json", environment="production", value="[1]")
    row = change_setting(actor=None, key="suite.json", environment="production", value="[true]")
    assert (row.version, row.value) == (2, [True])
    assert change_setting(actor=None, key="suite.json", environment="production", value="[ true ]").version == 2


@pytest.mark.parametrize("numbers", [True, False], ids=["told the numbers of rows", "told none"])
def test_many_secrets_are_written_in_as_few_queries_as_one(
    declare: Any, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any, numbers: bool
) -> None:
    # MySQL tells nobody the numbers of the rows that one statement made.
    if not numbers:
        monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    keys = [f"many.secret{number}" for number in range(20)]
    for key in keys:
        declare(key, type="secret", default="")
    changes = [Change(key=key, environment="production", value=key) for key in keys]
    # The last of these has two versions at once.
    changes.append(Change(key=keys[-1], environment="production", value="again"))
    with django_assert_max_num_queries(20):
        change_settings(actor=None, changes=changes)
    assert SealedVersion.objects.count() == 21
    assert [store.get_setting(key) for key in keys] == [*keys[:-1], "again"]
    for each in SealedVersion.objects.select_related("version__setting"):
        context = store.secret_context(each.version.setting.key, each.version.version)
        assert open_sealed(bytes(each.sealed), context=context, environment="production")
