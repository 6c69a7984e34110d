"""What the trail says of an event in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from settings_store import audit
from settings_store.actions import approve, change_setting, clear_setting, protect, submit_change
from settings_store.actions.transfer import export_settings
from settings_store.models import AuditEvent, Proposal
from settings_store.telling import field_by_field, told
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def line(action: str) -> str:
    """What is said of the newest event of this act."""
    return told([AuditEvent.objects.filter(action=action).order_by("-sequence")[0]])[0].line


def change(key: str, value: str) -> None:
    change_setting(actor=None, key=key, environment="production", value=value)


def test_a_change_is_told_as_pages_show_its_values(every_type: None, viewer: Client) -> None:
    change("suite.duration", "1 h")
    assert line("setting.changed") == "production: default → 1 h"
    change("suite.duration", "2 d")
    assert line("setting.changed") == "production: 1 h → 2 d"
    change("suite.integer", "77")
    assert line("setting.changed") == "production: default → 77 a minute"
    change("suite.choice", "on")
    html = viewer.get("/audit/").content.decode()
    assert "production: default → On" in html
    # The environment is said once.
    assert ">suite.choice</th>" in html
    clear_setting(actor=None, key="suite.duration", environment="production")
    assert line("setting.cleared") == "production: 2 d → default"


def test_of_a_secret_only_that_it_changed(every_type: None) -> None:
    change("suite.secret", "one")
    assert line("setting.changed") == "production: secret given"
    change("suite.secret", "two")
    assert line("setting.changed") == "production: secret changed"
    clear_setting(actor=None, key="suite.secret", environment="production")
    assert line("setting.cleared") == "production: secret taken away"


def test_fields_are_told_in_words_too(every_type: None) -> None:
    change("suite.duration", "1 h")
    change("suite.duration", "2 d")
    texts = [each.text for each in field_by_field(AuditEvent.objects.order_by("-sequence")[0])]
    assert texts[:2] == ["value: 1 h", "value: 2 d"]


def test_a_value_nobody_can_read_any_more_is_told_as_it_stands(declare: Callable[..., Any]) -> None:
    declare("suite.gone", type="integer", default=1)
    change("suite.gone", "5")
    audit.record(
        "setting.changed",
        actor=None,
        target_type="settings_store.setting",
        target_name="suite.never (staging)",
        before={"value": 43_200, "version": 1},
        after={"value": {"a": ["b"]}, "version": 2},
    )
    assert line("setting.changed") == "staging: 43200 → {'a': ['b']}"


def test_what_is_proposed(every_type: None) -> None:
    change("suite.integer", "77")
    protect(actor=None, key="suite.integer")
    submit_change(
        actor=make_user(role="operator"),
        key="suite.integer",
        environment="production",
        value="60",
        reason="quieter, please",
    )
    assert line("proposal.made") == "production: 77 → 60 a minute"
    proposal = Proposal.objects.get()
    approve(actor=make_user(role="admin"), proposal=proposal)
    assert line("proposal.approved") == "production: 60"
    assert line("proposal.applied") == "production: 77 → 60 a minute"
    submit_change(
        actor=make_user(role="operator"),
        key="suite.integer",
        environment="production",
        value=None,
        reason="as others have it",
    )
    assert line("proposal.made") == "production: 60 → default"


def test_what_left_in_a_file(every_type: None) -> None:
    change("suite.integer", "77")
    export_settings(actor=None, environments=["production"], own_only=True, format_="yaml")
    assert line("settings.exported") == "production, YAML, 1 setting, without secrets"
