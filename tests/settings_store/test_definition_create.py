"""/settings/new/: a setting of one's own, from its type to its first reading."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from settings_store.actions import create_definition
from settings_store.definitions import Definition, UnknownSetting
from settings_store.models import AuditEvent, OwnSetting
from settings_store.store import get_setting
from settings_store.values import SETTING_TYPES, SettingType

pytestmark = pytest.mark.django_db


def create(client: Client, kind: str = "string", key: str = "team.thing", **data: Any) -> HttpResponse:
    sent = {"key": key, "label": "A thing", "category": "Team", "max_length": "500", "version": "0", "is_mutable": "on"}
    response = client.post(f"/settings/new/?type={kind}", sent | data)
    assert isinstance(response, HttpResponse)
    return response


def refused(response: HttpResponse, *words: str) -> None:
    assert response.status_code == 422
    html = response.content.decode()
    assert 'class="error"' in html
    for word in words:
        assert word in html, word
    assert not OwnSetting.objects.exists()


def test_the_type_comes_first_and_brings_the_fields_that_fit(admin: Client) -> None:
    page = admin.get("/settings/new/").content.decode()
    assert all(f"?type={kind}" in page for kind in SETTING_TYPES)
    integer = admin.get("/settings/new/?type=integer").content.decode()
    assert 'name="minimum"' in integer
    assert 'name="pattern"' not in integer
    secret = admin.get("/settings/new/?type=secret").content.decode()
    assert 'name="default"' not in secret
    assert "?type=integer" in admin.get("/settings/new/?type=nonsense").content.decode()


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("string", {"default": "hello", "pattern": "[a-z]+"}, "hello"),
        ("text", {"default": "two\r\nlines"}, "two\nlines"),
        ("integer", {"default": "5", "minimum": "1", "maximum": "1,000", "unit": "tries"}, 5),
        ("decimal", {"default": "0.25", "minimum": "0", "maximum": "1"}, Decimal("0.25")),
        ("boolean", {"default": "on"}, True),
        ("boolean", {}, False),
        ("choice", {"default": "b", "choices": "a\r\nb\r\n"}, "b"),
        ("duration", {"default": "10 min", "minimum": "1 min"}, timedelta(minutes=10)),
        ("url", {"default": "https://example.org/"}, "https://example.org/"),
        ("email", {}, ""),
        ("json", {"default": '{"a": 1}', "schema": '{"type": "object"}'}, {"a": 1}),
        ("secret", {}, ""),
    ],
)
def test_every_type_is_made_and_read_in_its_type(
    admin: Client, kind: str, data: dict[str, str], expected: object
) -> None:
    response = create(admin, kind, **data)
    assert response.headers["Location"] == "/settings/team.thing/"
    assert get_setting("team.thing") == expected
    assert type(get_setting("team.thing")) is type(expected)
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_name, event.target_name) == ("setting.created", "ana", "team.thing")
    page = admin.get("/settings/").content.decode()
    assert "team.thing" not in page.partition("<table")[0]
    assert "A thing" in page
    assert admin.get("/settings/team.thing/").status_code == 200
    assert admin.get("/settings/team.thing/rules/").status_code == 200


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "This field is required"),
        ("nodots", "is no name for a setting"),
        ("Team.Big", "is no name for a setting"),
        ("team.", "is no name for a setting"),
        ("team.a b", "is no name for a setting"),
        ("team.\u00e4", "is no name for a setting"),
        ("t" * 119 + ".x", "At most 120 characters"),
        ("accounts.mine", "accounts.mine cannot be taken"),
        ("settings_store.mine", "settings_store.mine cannot be taken"),
        ("admin.mine", "admin.mine cannot be taken"),
        ("accounts.registration", "accounts.registration"),
        ("team.\0", "Null characters"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_name(admin: Client, key: str, words: str) -> None:
    refused(create(admin, key=key), words)


def test_a_key_is_taken_once(admin: Client) -> None:
    assert create(admin, key="team.a_b").status_code == 302
    assert "There is a setting team.a_b already." in create(admin, key="team.a_b").content.decode()
    clash = create(admin, key="team.a.b").content.decode()
    assert "GATEHOUSE_SETTING_TEAM_A_B with team.a_b" in clash
    assert OwnSetting.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("string", {"default": "Hello", "pattern": "[a-z]+", "pattern_help": "Small letters."}, "Small letters."),
        ("string", {"pattern": "(?=a)"}, "cannot look ahead"),
        ("string", {"pattern": r"(a)\1"}, "refer back"),
        ("string", {"pattern": "(" * 300}, "At most 200 characters"),
        ("string", {"max_length": "0"}, "greater than or equal to 1"),
        ("string", {"max_length": "9999999"}, "less than or equal to"),
        ("string", {"default": "abc", "max_length": "2"}, "At most 2 characters"),
        ("string", {"label": ""}, "This field is required"),
        ("integer", {"default": "many"}, "whole number"),
        ("integer", {"default": ""}, "needs a default"),
        ("integer", {"default": "5", "minimum": "6"}, "At least 6"),
        ("integer", {"default": "5", "minimum": "9", "maximum": "1"}, "below the lowest"),
        ("integer", {"default": "5", "minimum": "9" * 30}, "too large"),
        ("integer", {"default": "5", "minimum": "x"}, "whole number"),
        ("choice", {"choices": ""}, "This field is required"),
        ("choice", {"choices": "a\na"}, "Each choice is there once"),
        ("choice", {"choices": "a\nb", "default": "c"}, "Choose one of"),
        ("choice", {"choices": "\n".join(map(str, range(300)))}, "At most 200 choices"),
        ("duration", {"default": "soon"}, "length of time"),
        ("json", {"default": "{"}, "not JSON; line 1 cannot be read from character 2 on"),
        ("json", {"default": "[\n1,\nx]"}, "not JSON; line 3 cannot be read from character 1 on"),
        ("json", {"default": "[NaN]"}, "NaN is no value"),
        ("json", {"default": "1" * 5000}, "too large"),
        ("json", {"default": ""}, "needs a default"),
        ("json", {"default": "[]", "schema": '{"type": "object"}'}, "must be of the type object"),
        ("json", {"default": "{}", "schema": '{"$ref": "#"}'}, "$ref"),
        ("json", {"default": "{}", "schema": "[]"}, "object in braces"),
        ("json", {"default": "{}", "schema": "{"}, "not JSON"),
        ("json", {"default": "{}", "schema": '{"not": ' * 60 + "{}" + "}" * 60}, "nested"),
        ("json", {"default": "{}", "schema": '{"title": "\\ud800"}'}, "cannot be kept"),
        ("json", {"default": "1" * 100_000}, "characters"),
        ("url", {"default": "nowhere"}, "valid URL"),
    ],
)
def test_rules_that_cannot_be_are_refused_beside_their_field(
    admin: Client, kind: str, data: dict[str, str], words: str
) -> None:
    refused(create(admin, kind, **data), words, "team.thing")


def test_a_stranger_and_an_operator_are_kept_out(operator: Client, person: Client, client: Client) -> None:
    for page in ("/settings/new/", "/settings/new/?type=integer"):
        assert operator.get(page).status_code == 403
        assert person.get(page).status_code == 403
        assert client.get(page).status_code == 302
    assert create(operator).status_code == 403
    assert admin_delete(operator) == 403
    assert not OwnSetting.objects.exists()


def admin_delete(client: Client) -> int:
    return client.delete("/settings/new/").status_code


def test_other_methods_are_refused(admin: Client) -> None:
    for method in ("put", "patch", "delete"):
        assert getattr(admin, method)("/settings/new/").status_code == 405


def test_what_cannot_be_read_takes_no_other_along(caplog: Any) -> None:
    kind = SettingType.STRING
    create_definition(
        actor=None, definition=Definition(key="team.good", type=kind, default="x", label="L", category="C")
    )
    OwnSetting.objects.create(key="team.odd", type="novelty", label="L", created_by_name="x")
    from settings_store import store

    store.refresh()
    assert get_setting("team.good") == "x"
    with pytest.raises(UnknownSetting):
        get_setting("team.odd")
