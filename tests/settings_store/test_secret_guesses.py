"""What answers tell of a secret to people who may give one and not see it: nothing, whatever they try."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from config.installation import faults
from settings_store import health, store
from settings_store.actions import (
    change_definition,
    change_setting,
    create_definition,
    protect,
    submit_change,
)
from settings_store.definitions import Definition
from settings_store.models import AuditEvent, OwnSetting, Proposal, Setting
from settings_store.rollback import to_version
from settings_store.store import Damaged, get_setting
from settings_store.values import MASK, SettingType
from settings_store.views.pieces import SECRETS
from tests.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]

GUESSES = ("wrong", "opensesame")
ADDRESS = "/settings/suite.secret/secret/?environment=production"


@pytest.fixture
def secret() -> Setting:
    return change_setting(actor=None, key="suite.secret", environment="production", value="opensesame")


@pytest.fixture
def own() -> OwnSetting:
    definition = Definition(key="team.token", type=SettingType.SECRET, default=None, label="Token", category="Team")
    return create_definition(actor=None, definition=definition)


def give(client: Client, value: str, seen: int, **more: Any) -> int:
    return client.post(
        ADDRESS, {"value": value, "version": str(seen), "reason": "found in a drawer"} | more
    ).status_code


def text(response: Any) -> str:
    return unescape(response.content.decode())


def test_right_and_wrong_guesses_are_answered_alike(
    secret: Setting, operator: Client, step_up: Callable[[Client], None]
) -> None:
    step_up(operator)
    assert {give(operator, guess, 0) for guess in GUESSES} == {409}
    events = AuditEvent.objects.count()
    assert [give(operator, guess, seen) for seen, guess in enumerate(GUESSES, start=1)] == [302, 302]
    assert Setting.objects.get().version == 3
    assert AuditEvent.objects.count() == events + 2


def test_guesses_that_would_be_proposed_are_answered_alike(
    secret: Setting, operator: Client, step_up: Callable[[Client], None]
) -> None:
    protect(actor=None, key="suite.secret")
    step_up(operator)
    assert {give(operator, guess, 0) for guess in GUESSES} == {409}
    assert {give(operator, guess, 1) for guess in GUESSES} == {302}
    assert Proposal.objects.count() == 2


def test_no_page_shows_a_fingerprint_to_whoever_may_not_see_secrets(
    secret: Setting, operator: Client, admin: Client, step_up: Callable[[Client], None]
) -> None:
    change_setting(actor=None, key="suite.secret", environment="production", value="abracadabra")
    protect(actor=None, key="suite.secret")
    made = submit_change(
        actor=make_user(role="admin", username="ben"), key="suite.secret", environment="production", value="opensesame"
    )
    assert isinstance(made, Proposal)
    pages = (
        "/settings/suite.secret/",
        f"/settings/proposals/{made.public_id}/",
        "/settings/rollback/preview/?kind=version&key=suite.secret&environment=production&version=1",
    )
    for page in pages:
        step_up(operator)
        assert "fingerprint " not in text(operator.get(page)), page
        assert MASK in text(operator.get(page)), page
        assert "fingerprint " in text(admin.get(page)), page


def test_an_old_secret_cannot_be_read_from_the_rules_it_breaks(own: OwnSetting, admin: Client) -> None:
    for value in ("opensesame", "abracadabra"):
        change_setting(actor=None, key="team.token", environment="production", value=value)
    answers = set()
    for rules in ({"pattern": "o.*"}, {"pattern": "x.*"}, {"max_length": 1}, {"required": True}):
        definition = Definition(
            key="team.token", type=SettingType.SECRET, default=None, label="Token", category="Team", **rules
        )
        change_definition(actor=None, definition=definition, expected_version=None)
        (line,) = to_version("team.token", "production", 1).lines
        answers.add((line.obstacle, line.is_taken))
    assert answers == {("", True)}


def test_whoever_gives_very_many_is_slowed_down(operator: Client, step_up: Callable[[Client], None]) -> None:
    step_up(operator)
    assert {give(operator, f"guess {seen}", seen) for seen in range(SECRETS)} == {302}
    response = operator.post(ADDRESS, {"value": "x", "version": str(SECRETS), "reason": "found in a drawer"})
    assert response.status_code == 422
    assert "You have given many secrets within a minute." in text(response)
    assert Setting.objects.get().version == SECRETS


def test_the_type_alone_never_shows_a_secret(own: OwnSetting, viewer: Client) -> None:
    change_setting(actor=None, key="team.token", environment="production", value="opensesame")
    OwnSetting.objects.update(type="string")
    store.refresh()
    for page in ("/settings/", "/settings/team.token/?environment=production", "/settings/compare/?all"):
        response = viewer.get(page)
        assert response.status_code == 200
        assert "opensesame" not in text(response)
    exported = viewer.post("/settings/export/", {"environments": ["production"], "what": "own", "format": "yaml"})
    assert "opensesame" not in text(exported)
    with pytest.raises(Damaged):
        get_setting("team.token")
    change_setting(actor=None, key="team.token", environment="production", value="plain")
    (line,) = to_version("team.token", "production", 1).lines
    assert line.obstacle, "an older version does not show it either"


def test_a_value_in_the_clear_is_no_secret(secret: Setting) -> None:
    Setting.objects.update(sealed=None, value="planted")
    store.refresh()
    with pytest.raises(Damaged):
        get_setting("suite.secret")


def test_taking_a_secret_away_asks_for_the_password(
    secret: Setting, admin: Client, step_up: Callable[[Client], None]
) -> None:
    def clear() -> Any:
        data = {"version": "1", "reason": "no longer needed"}
        return admin.post("/settings/suite.secret/clear/?environment=production", data)

    assert clear().headers["Location"].startswith("/step-up/")
    assert store.is_set(Setting.objects.get())
    step_up(admin)
    assert clear().status_code == 302
    assert not store.is_set(Setting.objects.get())


def test_approving_that_a_secret_is_taken_away_asks_for_the_password(secret: Setting, admin: Client) -> None:
    protect(actor=None, key="suite.secret")
    made = submit_change(
        actor=make_user(role="manager", username="mia"), key="suite.secret", environment="production", value=None
    )
    assert isinstance(made, Proposal)
    response = admin.post(f"/settings/proposals/{made.public_id}/approve/", {"note": ""})
    assert response.headers["Location"].startswith("/step-up/")
    made.refresh_from_db()
    assert made.status == Proposal.Status.AWAITING


def test_an_older_secret_put_back_with_its_number_is_damaged(secret: Setting, viewer: Client) -> None:
    old = bytes(secret.sealed or b"")
    change_setting(actor=None, key="suite.secret", environment="production", value="abracadabra")
    Setting.objects.update(version=1, sealed=old)
    store.refresh()
    with pytest.raises(Damaged):
        get_setting("suite.secret")
    assert "An older value was put back" in health.sealed_trouble()
    assert any("An older value was put back" in fault for fault in faults())
    assert "damaged" in text(viewer.get("/settings/suite.secret/")), "though it opens"
    changed = change_setting(actor=None, key="suite.secret", environment="production", value="a third")
    assert changed.version == 3
    assert get_setting("suite.secret") == "a third"
    assert health.sealed_trouble() == ""


RULES: list[dict[str, Any]] = [
    {"default": 9},
    {"minimum": 90, "maximum": 95, "default": 90},
    {"maximum": 8},
    {"required": False},
    {"is_mutable": False},
]


@pytest.mark.parametrize("changed", RULES)
def test_the_rules_of_a_protected_setting_stay(changed: dict[str, Any]) -> None:
    rules: dict[str, Any] = {
        "type": SettingType.INTEGER,
        "default": 5,
        "label": "Limit",
        "category": "Team",
        "maximum": 100,
    }
    create_definition(actor=None, definition=Definition(key="team.limit", **rules))
    protect(actor=None, key="team.limit")

    def change(options: dict[str, Any]) -> None:
        definition = Definition(key="team.limit", **(rules | options))
        change_definition(actor=None, definition=definition, expected_version=None)

    with pytest.raises(ValidationError, match="take the protection away first"):
        change(changed)
    change({"label": "Most", "category": "House", "help": "How many.", "unit": "a day"})
    row = OwnSetting.objects.get()
    assert (row.label, row.default, row.maximum, row.required) == ("Most", 5, 100, True)
