"""/settings/: every setting in every environment."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from settings_store.actions import change_setting
from tests.settings_store.conftest import SPARE_KEY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]


def page(client: Client, query: str = "") -> str:
    response = client.get(f"/settings/{query}")
    assert response.status_code == 200
    return response.content.decode()


def change(key: str, value: str, environment: str = "production") -> None:
    change_setting(actor=None, key=key, environment=environment, value=value)


def test_it_shows_each_value_and_where_it_comes_from(viewer: Client) -> None:
    change("suite.integer", "77")
    change("suite.string", "everywhere", "default")
    html = page(viewer, "?q=suite.")
    assert "suite.integer" in html
    assert ">77 a minute<" in html
    assert 'data-src="own"' in html
    assert html.count(">everywhere<") == 4


def test_a_locked_value_names_its_variable(viewer: Client, settings: Any) -> None:
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_INTEGER": "91"}
    html = page(viewer, "?q=suite.integer")
    assert "91" in html
    assert "GATEHOUSE_SETTING_SUITE_INTEGER" in html


def test_secrets_are_dots(viewer: Client) -> None:
    change("suite.secret", "opensesame")
    html = page(viewer)
    assert "opensesame" not in html
    assert "••••••••" in html
    assert "No setting matches" in page(viewer, "?q=opensesame")


def test_a_secret_without_its_key_is_sealed_elsewhere(viewer: Client, settings: Any) -> None:
    change("suite.secret", "opensesame")
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: SPARE_KEY}
    assert "sealed elsewhere" in page(viewer, "?q=suite.secret")


@pytest.mark.parametrize(
    ("query", "found"), [("q=minute", False), ("q=77", True), ("q=SUITE.int", True), ("q=zzz", False)]
)
def test_it_is_searched_by_key_words_and_value(viewer: Client, query: str, found: bool) -> None:
    change("suite.integer", "77")
    assert ("suite.integer" in page(viewer, f"?{query}")) is found


def test_it_narrows_to_what_differs_and_to_a_category(viewer: Client) -> None:
    change("suite.integer", "77", "staging")
    html = page(viewer, "?differs=1")
    assert "suite.integer" in html
    assert "suite.string" not in html
    assert "suite.integer" not in page(viewer, "?group=accounts")


@pytest.mark.parametrize("query", ["?group=%00", "?q=%00%ED%A0%80", "?q=" + "x" * 5000, "?group[]=1&differs="])
def test_odd_questions_are_answered(viewer: Client, query: str) -> None:
    page(viewer, query)


def test_the_number_of_queries_does_not_grow_with_the_settings(
    viewer: Client, django_assert_max_num_queries: Any
) -> None:
    page(viewer)
    with django_assert_max_num_queries(6):
        page(viewer)


def test_people_without_the_right_are_refused(person: Client, client: Client) -> None:
    assert person.get("/settings/").status_code == 403
    assert client.get("/settings/").status_code == 302
