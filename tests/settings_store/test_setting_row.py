"""A row of the grid: opened, changed where it stands, and answered there when something is not right."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from settings_store.actions import change_setting
from settings_store.models import Proposal, Protection, Setting
from settings_store.store import get_setting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/settings/?q=suite"}


def get(client: Client, key: str = "suite.integer", query: str = "?form=1&environment=production") -> str:
    response = client.get(f"/settings/{key}/row/{query}", headers=HTMX)
    assert response.status_code == 200
    return str(response.content.decode())


def send(client: Client, key: str = "suite.integer", act: str = "change", **data: str) -> HttpResponse:
    sent = {"version": "0", "reason": ""} | data
    response = client.post(f"/settings/{key}/{act}/?environment=production", sent, headers=HTMX)
    assert isinstance(response, HttpResponse)
    return response


def text(response: Any) -> str:
    return str(response.content.decode())


def change(value: str) -> None:
    change_setting(actor=None, key="suite.integer", environment="production", value=value)


def test_it_opens_and_closes(operator: Client) -> None:
    opened = get(operator)
    assert opened.strip().startswith("<tbody")
    assert 'name="value" value="60"' in opened
    assert "Save as version 1" in opened
    assert "<form" not in get(operator, query="?environment=production")


def test_it_is_saved_and_answered_with_the_row(operator: Client) -> None:
    response = send(operator, value="77", reason="tariff tables")
    assert response.status_code == 200
    assert json.loads(response.headers["HX-Trigger"]) == {"toast": "Saved as version 1."}
    assert ">77 a minute<" in text(response)
    assert "<form" not in text(response)
    assert get_setting("suite.integer") == 77
    assert "Saved as version" not in text(operator.get("/settings/")), "said once, in the toast"


@pytest.mark.parametrize(
    "value", ["0", "many", "", "\0", "9" * 1_000_000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]
)
def test_what_is_not_right_stays_open_with_its_sentence(operator: Client, value: str) -> None:
    response = send(operator, value=value)
    assert response.status_code == 422
    assert 'class="error"' in text(response)
    assert text(response).strip().startswith("<tbody")
    assert not Setting.objects.exists()


def test_a_stale_one_shows_both_values(operator: Client) -> None:
    change("80")
    response = send(operator, value="90")
    assert response.status_code == 409
    for words in ("data-theirs>80<", "data-yours>90<", "Keep theirs", "Save mine over theirs", 'value="90"'):
        assert words in text(response)
    assert get_setting("suite.integer") == 80
    assert send(operator, value="90", version="1").status_code == 200
    assert get_setting("suite.integer") == 90


def test_the_text_of_a_stale_one_is_kept_as_it_was_written(operator: Client) -> None:
    change_setting(actor=None, key="suite.json", environment="production", value='{"a": 1}')
    assert "{  &quot;b&quot;:2}" in text(send(operator, "suite.json", value='{  "b":2}'))


def test_a_change_is_scheduled_in_the_time_of_the_person(operator: Client) -> None:
    when = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    response = send(operator, value="77", apply_at=when)
    assert response.status_code == 200
    assert "Scheduled for" in response.headers["HX-Trigger"]
    assert get_setting("suite.integer") == 60
    assert Proposal.objects.get().status == Proposal.Status.SCHEDULED
    assert "scheduled" in text(response)


@pytest.mark.parametrize("when", ["yesterday", "2020-01-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59", "\0"])
def test_a_time_that_cannot_be_is_refused_in_words(operator: Client, when: str) -> None:
    response = send(operator, value="77", apply_at=when)
    assert response.status_code == 422
    assert 'class="error"' in text(response)
    assert not Proposal.objects.exists()


def test_a_protected_one_is_proposed(operator: Client) -> None:
    Protection.objects.create(key="suite.integer", by_name="x")
    assert "Propose" in get(operator)
    response = send(operator, value="77")
    assert "Proposed" in response.headers["HX-Trigger"]
    assert get_setting("suite.integer") == 60
    assert Proposal.objects.get().status == Proposal.Status.AWAITING


def test_it_goes_back_to_its_default(admin: Client, operator: Client) -> None:
    change("80")
    assert "Back to default" not in get(operator)
    assert "Back to default" in get(admin)
    response = send(admin, act="clear", version="1", value="nonsense")
    assert json.loads(response.headers["HX-Trigger"]) == {"toast": "The default holds again."}
    assert get_setting("suite.integer") == 60


def test_a_secret_asks_for_the_password_and_comes_back_here(
    operator: Client, step_up: Callable[[Client], None]
) -> None:
    opened = get(operator, "suite.secret")
    assert "next=%2Fsettings%2F%3Fq%3Dsuite" in opened
    assert 'name="value"' not in opened
    refused = send(operator, "suite.secret", "secret", value="opensesame")
    assert refused.headers["HX-Redirect"].startswith("/step-up/")
    step_up(operator)
    response = send(operator, "suite.secret", "secret", value="opensesame")
    assert "opensesame" not in text(response)
    assert "••••••••" in text(response)
    assert get_setting("suite.secret") == "opensesame"


def test_hidden_columns_stay_hidden(operator: Client) -> None:
    opened = get(operator, query="?form=1&environment=production&env=production")
    assert 'colspan="2"' in opened
    assert 'data-l="Staging"' not in opened
    assert "&amp;env=production" in opened


def test_those_who_only_read_get_no_form(viewer: Client, person: Client, client: Client) -> None:
    assert "<form" not in get(viewer)
    assert person.get("/settings/suite.integer/row/").status_code == 403
    assert client.get("/settings/suite.integer/row/").status_code == 302
    assert send(viewer, value="77").status_code == 403


@pytest.mark.parametrize(
    "path", ["suite.nothing/row/", "suite.integer/row/?environment=moon", "suite.secret/row/?environment=default"]
)
def test_what_is_not_there_is_not_found(operator: Client, path: str) -> None:
    assert operator.get(f"/settings/{path}").status_code == 404


def test_it_only_answers_questions(operator: Client) -> None:
    assert operator.post("/settings/suite.integer/row/").status_code == 405
