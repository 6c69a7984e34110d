"""/settings/<key>/: one setting in one environment, its form and its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from settings_store.actions import change_setting
from settings_store.models import AuditEvent, Setting, SettingVersion
from settings_store.store import get_setting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]


def change(key: str, value: str, environment: str = "production", reason: str = "") -> Setting:
    return change_setting(actor=None, key=key, environment=environment, value=value, reason=reason)


def post(client: Client, key: str = "suite.integer", act: str = "change", query: str = "", **data: Any) -> HttpResponse:
    response = client.post(f"/settings/{key}/{act}/{query}", {"version": "0", "reason": ""} | data)
    assert isinstance(response, HttpResponse)
    return response


def text(response: Any) -> str:
    return str(response.content.decode())


def test_a_change_is_saved_here_and_told(operator: Client) -> None:
    response = operator.post(
        "/settings/suite.integer/change/", {"value": "77", "version": "0", "reason": "tariff tables"}, follow=True
    )
    assert response.redirect_chain == [("/settings/suite.integer/?environment=production", 302)]
    html = response.content.decode()
    assert "Saved as version 1." in html
    assert "tariff tables" in html
    assert get_setting("suite.integer") == 77
    version = SettingVersion.objects.get()
    assert (version.actor_name, version.address) == ("omar", "127.0.0.1")
    assert version.request_id == AuditEvent.objects.latest("sequence").request_id != ""


def test_another_environment_changes_nothing_here(operator: Client) -> None:
    post(operator, query="?environment=staging", value="77")
    assert get_setting("suite.integer") == 60
    assert Setting.objects.get().environment == "staging"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("suite.boolean", "true", True),
        ("suite.text", "two\nlines", "two\nlines"),
        ("suite.json", '{"a": 1}', {"a": 1}),
        ("suite.choice", "on", "on"),
    ],
)
def test_every_type_has_a_field_that_saves(operator: Client, key: str, value: str, expected: Any) -> None:
    assert f"/settings/{key}/change/" in text(operator.get(f"/settings/{key}/"))
    assert post(operator, key, value=value).status_code == 302
    assert get_setting(key) == expected


def test_a_switch_turned_off_sends_nothing_and_saves_off(operator: Client) -> None:
    change("suite.boolean", "true")
    assert post(operator, "suite.boolean", version="1").status_code == 302
    assert get_setting("suite.boolean") is False


@pytest.mark.parametrize("value", ["0", "1001", "many", "", "\0", "9" * 10_000])
def test_what_breaks_a_rule_is_said_beside_the_field_and_kept_in_it(operator: Client, value: str) -> None:
    response = post(operator, value=value)
    assert response.status_code == 422
    assert 'class="error"' in text(response)
    assert not Setting.objects.exists()


@pytest.mark.parametrize("version", ["", "-1", "x", "99999999999999999999", "1\0"])
def test_a_form_without_a_sensible_version_is_refused(operator: Client, version: str) -> None:
    assert post(operator, value="77", version=version).status_code == 422
    assert not Setting.objects.exists()


def test_a_stale_form_is_answered_with_both_values_and_can_be_sent_again(operator: Client) -> None:
    change("suite.integer", "80")
    response = post(operator, value="90", version="0")
    assert response.status_code == 409
    html = text(response)
    assert '<dd class="mono" data-theirs>80</dd>' in html
    assert '<dd class="mono" data-yours>90</dd>' in html
    assert 'name="version" value="1"' in html
    assert 'value="90"' in html
    assert "Save mine over theirs" in html
    assert get_setting("suite.integer") == 80
    assert post(operator, value="90", version="1").status_code == 302
    assert get_setting("suite.integer") == 90


def test_a_stale_form_with_the_value_that_holds_saves_nothing_and_says_so(operator: Client) -> None:
    change("suite.integer", "70")
    change("suite.integer", "80")
    response = post(operator, value="80", version="1")
    page = text(operator.get(response.headers["Location"]))
    assert "Nothing changed: it has this value already." in page
    assert "Saved as version" not in page


def test_a_field_that_is_left_is_checked_and_not_saved(operator: Client) -> None:
    for value, words in (("nonsense", '<p class="error">'), ("90", "")):
        response = post(operator, value=value, version="0", check="1")
        assert response.status_code == 200
        assert text(response).startswith(words)
        assert bool(text(response).strip()) is bool(words)
    assert get_setting("suite.integer") == 60
    assert 'hx-post="/settings/suite.integer/' in text(operator.get("/settings/suite.integer/"))


def test_a_stale_secret_shows_neither_value(operator: Client, step_up: Callable[[Client], None]) -> None:
    change("suite.secret", "opensesame")
    step_up(operator)
    response = post(operator, "suite.secret", "secret", value="abracadabra", version="0")
    assert response.status_code == 409
    assert "opensesame" not in text(response)
    assert "abracadabra" not in text(response)


def test_the_default_is_brought_back_by_those_who_may_delete(admin: Client, operator: Client) -> None:
    change("suite.integer", "80")
    assert post(operator, act="clear", version="1").status_code == 403
    stale = post(admin, act="clear", version="0")
    assert stale.status_code == 409
    assert "Back to default over theirs" in text(stale)
    assert "Save mine over theirs" not in text(stale), "nobody asked to save the value of the form"
    assert post(admin, act="clear", version="1", value="nonsense").status_code == 302
    assert get_setting("suite.integer") == 60


def test_changing_a_secret_asks_for_the_password_first(operator: Client, step_up: Callable[[Client], None]) -> None:
    assert "Confirm it is you" in text(operator.get("/settings/suite.secret/"))
    refused = post(operator, "suite.secret", "secret", value="opensesame")
    assert refused.status_code == 302
    assert refused.headers["Location"].startswith("/step-up/")
    assert not Setting.objects.exists()

    step_up(operator)
    response = operator.post(
        "/settings/suite.secret/secret/", {"value": "opensesame", "version": "0", "reason": ""}, follow=True
    )
    assert "opensesame" not in response.content.decode()
    assert get_setting("suite.secret") == "opensesame"


def test_a_blank_secret_keeps_what_is_there(operator: Client, step_up: Callable[[Client], None]) -> None:
    change("suite.secret", "opensesame")
    step_up(operator)
    assert post(operator, "suite.secret", "secret", value="", version="1").status_code == 302
    assert SettingVersion.objects.count() == 1
    assert get_setting("suite.secret") == "opensesame"


def test_no_secret_goes_in_by_the_door_without_a_password(operator: Client, step_up: Callable[[Client], None]) -> None:
    assert post(operator, "suite.secret", "change", value="opensesame").status_code == 404
    step_up(operator)
    assert post(operator, "suite.integer", "secret", value="77").status_code == 404
    assert not Setting.objects.exists()


def test_a_locked_setting_shows_why_and_has_no_form(operator: Client, settings: Any) -> None:
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_INTEGER": "91"}
    html = text(operator.get("/settings/suite.integer/"))
    assert "GATEHOUSE_SETTING_SUITE_INTEGER" in html
    assert "/settings/suite.integer/change/" not in html
    assert post(operator, value="77").status_code == 422


def test_readers_see_value_and_history_and_cannot_change(viewer: Client) -> None:
    change("suite.integer", "80", reason="tariff tables")
    html = text(viewer.get("/settings/suite.integer/"))
    assert "tariff tables" in html
    assert "<del>default</del><ins>80</ins>" in html
    assert "/change/" not in html
    for act in ("change", "clear"):
        assert post(viewer, act=act, value="77", version="1").status_code == 403
    assert post(viewer, "suite.secret", "secret", value="x").status_code == 403


def test_a_long_history_is_paged(viewer: Client, django_assert_max_num_queries: Any) -> None:
    for value in range(100, 145):
        change("suite.integer", str(value))
    html = text(viewer.get("/settings/suite.integer/"))
    assert "<ins>144</ins>" in html
    assert "<ins>100</ins>" not in html
    # The oldest on a page still says what it replaced.
    assert "<del>124</del><ins>125</ins>" in html
    with django_assert_max_num_queries(13):
        viewer.get("/settings/suite.integer/")


def test_strangers_and_others_are_kept_out(person: Client, client: Client) -> None:
    for url in ("/settings/suite.integer/", "/settings/suite.integer/change/"):
        assert person.get(url).status_code == 403
        assert client.get(url).status_code == 302
    assert person.post("/settings/suite.integer/change/", {"value": "1"}).status_code == 403


@pytest.mark.parametrize("key", ["suite.nothing", "x" * 2000, "%00", "%ED%A0%80", "..%2f", "suite.integer%20"])
def test_keys_that_do_not_exist_are_not_found(admin: Client, key: str) -> None:
    for act in ("", "change/", "clear/"):
        assert admin.get(f"/settings/{key}/{act}").status_code == 404


def test_what_is_not_there_is_named_to_those_who_may_read(viewer: Client, person: Client) -> None:
    mars = viewer.get("/settings/suite.integer/?environment=mars")
    assert mars.status_code == 404
    assert "There is no environment &#x27;mars&#x27;. There are default, development" in text(mars)
    assert "Near it: staging." in text(viewer.get("/settings/suite.integer/?environment=stagin"))
    assert "Near it: suite.integer" in text(viewer.get("/settings/suite.integr/"))
    assert "belongs to one environment" in text(viewer.get("/settings/suite.secret/?environment=default"))
    refused = person.get("/settings/suite.integr/")
    assert refused.status_code == 403
    assert "Near it" not in text(refused)


def test_a_value_that_breaks_tightened_rules_is_named_and_can_be_put_right_or_taken_away(admin: Client) -> None:
    change("suite.integer", "80")
    Setting.objects.update(value=5000)
    html = text(admin.get("/settings/suite.integer/"))
    assert "5000 is set, and passed over: At most 1,000." in html
    assert 'value="5000"' in html
    assert "Back to default" in html
    assert get_setting("suite.integer") == 60
    assert ">60 a minute<" in html.replace("\n", "")


def test_a_page_that_only_takes_posts_leads_back(operator: Client) -> None:
    response = operator.get("/settings/suite.integer/change/")
    assert response.headers["Location"] == "/settings/suite.integer/?environment=production"


@pytest.mark.parametrize("act", ["", "change/", "secret/", "clear/"])
@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_other_methods_are_refused(admin: Client, step_up: Callable[[Client], None], act: str, method: str) -> None:
    step_up(admin)
    assert getattr(admin, method)(f"/settings/suite.integer/{act}").status_code == 405


def test_what_people_write_is_never_markup(operator: Client) -> None:
    change("suite.text", "<script>alert(1)</script>", reason='"><img src=x>')
    html = text(operator.get("/settings/suite.text/"))
    assert "<script>alert(1)" not in html
    assert "<img" not in html


def test_the_page_of_another_environment_is_asked_for_in_the_address(viewer: Client) -> None:
    change("suite.integer", "5", "staging")
    assert "<ins>5</ins>" in text(viewer.get("/settings/suite.integer/?environment=staging"))
    assert "<ins>5</ins>" not in text(viewer.get("/settings/suite.integer/"))


@pytest.mark.parametrize("environment", ["moon", "", "%00", "Production"])
def test_an_environment_that_does_not_exist_is_never_taken_for_this_one(operator: Client, environment: str) -> None:
    assert operator.get(f"/settings/suite.integer/?environment={environment}").status_code == 404
    assert post(operator, query=f"?environment={environment}", value="77").status_code == 404
    assert not Setting.objects.exists()


def test_a_value_that_breaks_tightened_rules_is_shown_to_be_put_right(operator: Client) -> None:
    change("suite.duration", "2 h")
    Setting.objects.update(value=5)
    assert 'value="5"' in text(operator.get("/settings/suite.duration/"))
    assert post(operator, "suite.duration", value="60", version="1").status_code == 302
