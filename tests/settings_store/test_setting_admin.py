"""The forms for settings in the Django admin: the same actions, rights and sentences as on the house's own pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from settings_store.actions import change_setting
from settings_store.models import AuditEvent, Proposal, Protection, Setting, SettingVersion
from settings_store.store import get_setting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]
ADD = "/admin/settings_store/setting/add/"


def page(act: str, row: Setting) -> str:
    return reverse(f"admin:settings_store_setting_{act}", args=[row.pk])


def send(client: Client, address: str, **data: str) -> HttpResponse:
    response = client.post(address, {"version": "0", "reason": "", "apply_at": ""} | data)
    assert isinstance(response, HttpResponse)
    return response


def text(response: Any) -> str:
    return str(response.content.decode())


def made(key: str = "suite.integer", value: str = "80", environment: str = "production") -> Setting:
    return change_setting(actor=None, key=key, environment=environment, value=value)


def test_a_value_is_given_in_two_steps(operator: Client) -> None:
    assert "suite.integer" in text(operator.get(ADD))
    address = f"{ADD}?key=suite.integer&environment=production"
    assert 'name="value"' in text(operator.get(address))
    response = send(operator, address, value="77", reason="from the admin")
    assert response.headers["Location"] == "/admin/settings_store/setting/"
    assert get_setting("suite.integer") == 77
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_name, event.reason) == ("setting.changed", "omar", "from the admin")
    assert "Saved as version 1." in text(operator.get("/admin/settings_store/setting/"))


def test_it_is_changed_and_brought_back(admin: Client) -> None:
    row = made()
    assert 'value="80"' in text(admin.get(page("change", row)))
    assert send(admin, page("change", row), value="90", version="1").status_code == 302
    assert get_setting("suite.integer") == 90
    assert "Back to default" in text(admin.get(page("delete", row)))
    assert send(admin, page("delete", row), version="2").status_code == 302
    assert get_setting("suite.integer") == 60
    assert SettingVersion.objects.count() == 3, "nothing of a setting is ever deleted"


@pytest.mark.parametrize("value", ["0", "many", "", "\0", "9" * 100_000])
def test_what_breaks_a_rule_is_said_and_kept(operator: Client, value: str) -> None:
    row = made()
    response = send(operator, page("change", row), value=value, version="1")
    assert response.status_code == 422
    assert "errorlist" in text(response)
    assert get_setting("suite.integer") == 80


@pytest.mark.parametrize("version", ["", "-1", "x", "9" * 30])
def test_a_form_without_a_sensible_version_is_refused(operator: Client, version: str) -> None:
    assert send(operator, page("change", made()), value="90", version=version).status_code == 422


def test_a_stale_form_shows_both_values(operator: Client) -> None:
    row = made()
    made(value="85")
    response = send(operator, page("change", row), value="90", version="1")
    assert response.status_code == 409
    for words in ("<code>85</code>", "<code>90</code>", "Save mine over theirs", 'name="version" value="2"'):
        assert words in text(response)
    assert get_setting("suite.integer") == 85


def test_secrets_ask_for_the_password_and_stay_masked(operator: Client, step_up: Callable[[Client], None]) -> None:
    row = made("suite.secret", "opensesame")
    html = text(operator.get(page("change", row)))
    assert "Confirm it is you" in html
    assert 'name="value"' not in html
    assert send(operator, page("change", row), value="abracadabra", version="1").headers["Location"].startswith("/step")
    step_up(operator)
    html = text(operator.get(page("change", row)))
    assert "opensesame" not in html
    assert 'type="password"' in html
    assert send(operator, page("change", row), value="", version="1").status_code == 302
    assert get_setting("suite.secret") == "opensesame"
    assert send(operator, page("change", row), value="abracadabra", version="1").status_code == 302
    assert get_setting("suite.secret") == "abracadabra"
    assert "abracadabra" not in text(operator.get("/admin/settings_store/setting/"))
    stale = text(send(operator, page("change", row), value="third time", version="1"))
    assert "abracadabra" not in stale
    assert "third time" not in stale


def test_a_protected_one_is_proposed(operator: Client) -> None:
    row = made()
    Protection.objects.create(key="suite.integer", by_name="x")
    assert "Propose" in text(operator.get(page("change", row)))
    assert send(operator, page("change", row), value="90", version="1").status_code == 302
    assert get_setting("suite.integer") == 80
    assert Proposal.objects.get().author_name == "omar"


def test_a_locked_one_says_so(operator: Client, settings: Any) -> None:
    row = made()
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_INTEGER": "91"}
    html = text(operator.get(page("change", row)))
    assert "GATEHOUSE_SETTING_SUITE_INTEGER" in html
    assert 'name="value"' not in html
    assert send(operator, page("change", row), value="90", version="1").status_code == 422


def test_one_that_nothing_declares_is_only_looked_at(admin: Client) -> None:
    row = Setting.objects.create(key="gone.setting", environment="production", version=1, value=1)
    assert "Nothing declares this setting" in text(admin.get(page("change", row)))
    assert send(admin, page("change", row), value="2", version="1").status_code == 404
    assert send(admin, page("delete", row), version="1").status_code == 404
    row.refresh_from_db()
    assert row.value == 1


@pytest.mark.parametrize(
    "query", ["", "?key=suite.nothing&environment=production", "?key=suite.integer&environment=moon"]
)
def test_what_is_no_place_is_never_written(operator: Client, query: str) -> None:
    assert send(operator, ADD + query, value="1").status_code == 422
    assert not Setting.objects.exists()


def test_a_secret_has_no_common_value(operator: Client, step_up: Callable[[Client], None]) -> None:
    step_up(operator)
    response = send(operator, f"{ADD}?key=suite.secret&environment=default", value="opensesame")
    assert response.status_code == 422
    assert "belongs to one environment" in text(response)


def test_rights_are_those_of_the_pages(operator: Client, viewer: Client, person: Client) -> None:
    row = made()
    assert operator.get(page("delete", row)).status_code == 403
    assert send(operator, page("delete", row), version="1").status_code == 403
    for client in (viewer, person):
        assert client.get(ADD).status_code == 403
        for act in ("change", "delete"):
            assert send(client, page(act, row), value="90", version="1").status_code == 403
    assert get_setting("suite.integer") == 80


@pytest.mark.parametrize("pk", ["999999", "nonsense", "%00"])
def test_a_row_that_is_not_there(admin: Client, pk: str) -> None:
    for act in ("change", "delete"):
        assert admin.get(f"/admin/settings_store/setting/{pk}/{act}/").status_code in {302, 400, 404}


def test_nothing_is_done_to_many_at_once(admin: Client) -> None:
    row = made()
    admin.post(
        "/admin/settings_store/setting/", {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    )
    assert Setting.objects.filter(pk=row.pk).exists()
