"""The rules of a setting of one's own: changed, seen to break what is there, retired and brought back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from settings_store.actions import (
    BreaksValues,
    change_definition,
    change_setting,
    create_definition,
    restore_definition,
    retire_definition,
    submit_change,
)
from settings_store.definitions import Definition, UnknownSetting
from settings_store.models import AuditEvent, OwnSetting, Protection, Setting, SettingVersion
from settings_store.own import current_definition
from settings_store.store import get_setting
from settings_store.values import SettingType
from tests.factories import make_user

pytestmark = pytest.mark.django_db
KEY = "team.limit"


@pytest.fixture
def limit(db: None) -> OwnSetting:
    definition = Definition(
        key=KEY, type=SettingType.INTEGER, default=5, label="Limit", category="Team", minimum=1, maximum=100
    )
    return create_definition(actor=None, definition=definition)


def send(client: Client, act: str = "rules", key: str = KEY, **data: Any) -> HttpResponse:
    sent = {
        "label": "Limit",
        "category": "Team",
        "default": "5",
        "minimum": "1",
        "maximum": "100",
        "is_mutable": "on",
        "version": "1",
    }
    response = client.post(f"/settings/{key}/{act}/", sent | data)
    assert isinstance(response, HttpResponse)
    return response


def text(response: Any) -> str:
    return str(response.content.decode())


def test_rules_are_changed_versioned_and_noted(admin: Client, limit: OwnSetting) -> None:
    assert send(admin, default="7", maximum="50", label="Most").status_code == 302
    limit.refresh_from_db()
    assert (limit.maximum, limit.label, limit.version) == (50, "Most", 2)
    assert get_setting(KEY) == 7
    event = AuditEvent.objects.latest("sequence")
    assert event.action == "setting.rules_changed"
    assert event.before == {"label": "Limit", "default": 5, "maximum": 100}
    assert event.after == {"label": "Most", "default": 7, "maximum": 50, "version": 2}


def test_what_changes_nothing_is_no_version(admin: Client, limit: OwnSetting) -> None:
    events = AuditEvent.objects.count()
    assert "these are its rules already" in text(admin.get(send(admin).headers["Location"]))
    limit.refresh_from_db()
    assert limit.version == 1
    assert AuditEvent.objects.count() == events


def test_a_stale_form_shows_both_and_may_be_sent_again(admin: Client, limit: OwnSetting) -> None:
    send(admin, maximum="50")
    response = send(admin, maximum="70")
    assert response.status_code == 409
    html = text(response)
    assert "<del>50</del><ins>70</ins>" in html
    assert 'name="version" value="2"' in html
    assert 'value="70"' in html
    assert "Keep theirs" in html
    limit.refresh_from_db()
    assert limit.maximum == 50
    assert send(admin, maximum="70", version="2").status_code == 302
    limit.refresh_from_db()
    assert (limit.maximum, limit.version) == (70, 3)


def test_values_that_would_not_hold_are_named_before_anything_is_saved(admin: Client, limit: OwnSetting) -> None:
    change_setting(actor=None, key=KEY, environment="production", value="90")
    change_setting(actor=None, key=KEY, environment="staging", value="3")
    response = send(admin, maximum="50")
    assert response.status_code == 422
    html = text(response)
    assert "1 value there is breaks these rules" in html
    assert "Production" in html
    assert "At most 50." in html
    assert get_setting(KEY) == 90
    assert send(admin, maximum="50", despite="1").status_code == 302
    assert get_setting(KEY) == 5, "the default holds in place of what breaks the rules"
    assert "At most 50." in text(admin.get("/settings/"))


def test_the_act_itself_asks_whether_values_may_break(limit: OwnSetting) -> None:
    change_setting(actor=None, key=KEY, environment="production", value="90")
    tighter = replace(current_definition(KEY), maximum=50)
    with pytest.raises(BreaksValues) as asked:
        change_definition(actor=None, definition=tighter, expected_version=1)
    assert [each.environment for each in asked.value.broken] == ["production"]
    limit.refresh_from_db()
    assert limit.maximum == 100
    assert change_definition(actor=None, definition=tighter, expected_version=1, despite=True).maximum == 50


def test_secrets_are_not_tried_against_patterns(admin: Client) -> None:
    definition = Definition(key="team.token", type=SettingType.SECRET, default="", label="T", category="Team")
    create_definition(actor=None, definition=definition)
    change_setting(actor=None, key="team.token", environment="production", value="opensesame")
    html = text(send(admin, key="team.token", pattern="z+", max_length="3", default=""))
    assert "breaks" not in html
    assert OwnSetting.objects.get().version == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"default": "500"}, "At most 100"),
        ({"maximum": "0"}, "below the lowest"),
        ({"version": "x"}, "whole number"),
        ({"label": "x" * 500}, "At most 120"),
    ],
)
def test_bad_rules_change_nothing(admin: Client, limit: OwnSetting, data: dict[str, str], words: str) -> None:
    response = send(admin, **data)
    assert response.status_code == 422
    assert words in text(response)
    limit.refresh_from_db()
    assert limit.version == 1


def test_a_retired_one_is_read_by_nobody_and_keeps_its_history(admin: Client, limit: OwnSetting) -> None:
    change_setting(actor=None, key=KEY, environment="production", value="90", reason="for the suite")
    assert send(admin, "retire").status_code == 302
    with pytest.raises(UnknownSetting, match="was retired"):
        get_setting(KEY)
    with pytest.raises(UnknownSetting, match="was retired"):
        change_setting(actor=None, key=KEY, environment="production", value="80")
    assert KEY not in text(admin.get("/settings/?q=limit")).replace("<wbr>", "")
    assert KEY in text(admin.get("/settings/?retired=1")).replace("<wbr>", "")
    page = text(admin.get(f"/settings/{KEY}/"))
    assert "for the suite" in page
    assert "/change/" not in page
    assert admin.post(f"/settings/{KEY}/change/", {"value": "1", "version": "1"}).status_code == 404

    assert send(admin, "restore").status_code == 302
    assert get_setting(KEY) == 90
    assert SettingVersion.objects.count() == 1
    acts = list(AuditEvent.objects.order_by("-sequence").values_list("action", flat=True)[:2])
    assert acts == ["setting.brought_back", "setting.retired"]


def test_a_protected_or_pending_one_is_not_retired(admin: Client, limit: OwnSetting) -> None:
    ana = make_user(role="admin", username="ann")
    protection = Protection.objects.create(key=KEY, by_name="x")
    assert "is protected" in text(admin.get(send(admin, "retire").headers["Location"]))
    submit_change(actor=ana, key=KEY, environment="production", value="9", reason="for the suite")
    protection.delete()
    assert "is pending" in text(admin.get(send(admin, "retire").headers["Location"]))
    limit.refresh_from_db()
    assert limit.retired_at is None


def test_a_name_that_was_taken_meanwhile_stays_retired(limit: OwnSetting, declare: Any) -> None:
    retire_definition(actor=None, key=KEY)
    declare("team.other", type="string", default="")
    from django.core.exceptions import ValidationError

    with pytest.raises(ValidationError, match="belong to the product"):
        restore_definition(actor=None, key=KEY)


def test_one_in_code_has_no_rules_to_change(admin: Client, declare: Any) -> None:
    declare("suite.thing", type="string", default="")
    for act in ("rules", "retire", "restore"):
        assert send(admin, act, key="suite.thing").status_code == 404
        assert send(admin, act, key="team.nothing").status_code == 404
        assert send(admin, act, key="%00").status_code == 404


def test_those_who_may_not_are_refused(operator: Client, viewer: Client, limit: OwnSetting) -> None:
    for client in (operator, viewer):
        assert client.get(f"/settings/{KEY}/rules/").status_code == 403
        for act in ("rules", "retire", "restore"):
            assert send(client, act).status_code == 403
    limit.refresh_from_db()
    assert (limit.version, limit.retired_at) == (1, None)


def test_retiring_takes_a_post(admin: Client, limit: OwnSetting) -> None:
    for act in ("retire", "restore"):
        assert admin.get(f"/settings/{KEY}/{act}/").status_code == 405


def test_a_capital_letter_is_another_name(admin: Client, limit: OwnSetting) -> None:
    assert admin.get("/settings/TEAM.limit/").status_code == 404
    assert admin.get("/settings/TEAM.limit/rules/").status_code == 404
    assert not Setting.objects.exists()


def test_the_trail_leads_to_it(admin: Client, limit: OwnSetting) -> None:
    event = AuditEvent.objects.latest("sequence")
    assert f'href="/settings/{KEY}/"' in text(admin.get(f"/audit/{event.pk}/"))
