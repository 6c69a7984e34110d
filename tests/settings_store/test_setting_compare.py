"""/settings/compare/: what two environments have, side by side."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.test import Client

from settings_store.actions import change_setting
from tests.settings_store.conftest import SPARE_KEY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]
BOTH = "?left=staging&right=production"
OTHER_KEY = base64.b64encode(b"o" * 32).decode()


@pytest.fixture
def staging_key(settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = settings.DATABASE_ENCRYPTION_KEYS | {"staging": SPARE_KEY}


def page(client: Client, query: str = BOTH) -> str:
    response = client.get(f"/settings/compare/{query}")
    assert response.status_code == 200
    return str(response.content.decode())


def change(key: str, value: str, environment: str) -> None:
    change_setting(actor=None, key=key, environment=environment, value=value)


def test_it_shows_what_differs_with_its_source(viewer: Client) -> None:
    change("suite.integer", "77", "staging")
    change("suite.string", "everywhere", "default")
    html = page(viewer)
    assert ">77 a minute<" in html
    assert ">60 a minute<" in html
    assert "suite.string" not in html
    assert "/settings/suite.integer/?environment=staging" in html
    everything = page(viewer, f"{BOTH}&all=1")
    assert everything.count(">everywhere<") == 2
    assert "Nothing differs" in page(viewer, "?left=production&right=production")


def test_the_default_is_a_side_too(viewer: Client) -> None:
    change("suite.integer", "77", "production")
    html = page(viewer, "?left=default&right=production&q=suite.integer")
    assert ">60 a minute<" in html
    assert ">77 a minute<" in html


def test_one_is_not_true(viewer: Client) -> None:
    change("suite.json", "[1]", "staging")
    change("suite.json", "[true]", "production")
    assert "suite.json" in page(viewer)


@pytest.mark.usefixtures("staging_key")
def test_secrets_are_the_same_or_not_and_never_shown(admin: Client) -> None:
    for environment in ("staging", "production"):
        change("suite.secret", "opensesame", environment)
    assert "suite.secret" not in page(admin)
    change("suite.secret", "abracadabra", "staging")
    html = page(admin)
    assert "suite.secret" in html
    assert "opensesame" not in html
    assert "abracadabra" not in html


@pytest.mark.usefixtures("staging_key")
def test_a_secret_that_cannot_be_opened_is_never_called_the_same(viewer: Client, settings: Any) -> None:
    for environment in ("staging", "production"):
        change("suite.secret", "opensesame", environment)
    settings.DATABASE_ENCRYPTION_KEYS = settings.DATABASE_ENCRYPTION_KEYS | {"staging": OTHER_KEY}
    html = page(viewer)
    assert "sealed elsewhere" in html
    assert "different" in html


@pytest.mark.parametrize("query", ["", "?left=moon&right=%00", "?q=%00%ED%A0%80&all", "?q=" + "x" * 5000])
def test_odd_questions_are_answered(viewer: Client, query: str) -> None:
    page(viewer, query)


def test_people_without_the_right_are_refused(person: Client, client: Client, viewer: Client) -> None:
    assert person.get("/settings/compare/").status_code == 403
    assert client.get("/settings/compare/").status_code == 302
    assert viewer.post("/settings/compare/").status_code == 405
