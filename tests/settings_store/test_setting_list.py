"""/settings/: every setting in every environment."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from settings_store.actions import change_setting, create_definition, submit_change
from settings_store.definitions import Definition
from settings_store.models import Protection
from settings_store.values import SettingType
from settings_store.views import grid
from tests.factories import make_user
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


def test_a_default_is_of_code_or_of_its_rules_and_an_unset_secret_has_none(viewer: Client) -> None:
    own("team.limit", kind=SettingType.INTEGER, default=5)
    html = plain(page(viewer, "?q=team.limit&env=default&env=staging"))
    assert 'data-src="rules">rules<' in html
    assert 'data-src="default">default<' in html
    assert 'data-src="code"' not in html
    secret = page(viewer, "?q=suite.secret")
    assert "not set" in secret
    assert "data-src" not in secret


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


@pytest.mark.parametrize(
    "query",
    [
        "?group=%00",
        "?env=%00&unequal=%00&from=%00&retired",
        "?q=%00%ED%A0%80",
        "?q=" + "x" * 5000,
        "?group[]=1&differs=",
    ],
)
def test_odd_questions_are_answered(viewer: Client, query: str) -> None:
    page(viewer, query)


def test_the_number_of_queries_does_not_grow_with_the_settings(
    viewer: Client, django_assert_max_num_queries: Any
) -> None:
    page(viewer)
    with django_assert_max_num_queries(9):
        page(viewer)


def test_people_without_the_right_are_refused(person: Client, client: Client) -> None:
    assert person.get("/settings/").status_code == 403
    assert client.get("/settings/").status_code == 302


def test_a_category_of_ones_own_joins_that_of_code(viewer: Client) -> None:
    own("team.joins", category="suite")
    own("team.apart", category="Our team")
    html = page(viewer)
    assert html.count('href="?group=suite"') == 1
    assert "team.joins" in plain(page(viewer, "?group=suite"))
    only = plain(page(viewer, "?group=our+team"))
    assert "team.apart" in only
    assert "suite.integer" not in only


def test_columns_are_hidden_in_the_address(viewer: Client) -> None:
    change("suite.integer", "77", "staging")
    html = page(viewer, "?q=suite.integer&env=production&env=default")
    assert ">77 a minute<" not in html
    assert ">60 a minute<" in html
    assert "env=default&amp;env=production" not in html, "those who only read are offered no forms"
    assert 'colspan="3"' in html
    assert ">77 a minute<" in page(viewer, "?q=suite.integer&env=moon")


def test_it_narrows_to_what_two_environments_have_unequal(viewer: Client, admin: Client, settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = settings.DATABASE_ENCRYPTION_KEYS | {"staging": SPARE_KEY}
    change("suite.integer", "77", "staging")
    change("suite.string", "same", "staging")
    change("suite.string", "same", "production")
    change("suite.secret", "one", "staging")
    change("suite.secret", "one", "production")
    html = plain(page(admin, "?unequal=staging:production"))
    assert "suite.integer" in html
    assert "suite.string" not in html
    assert "suite.secret" not in html
    assert "suite.secret" in plain(page(viewer, "?unequal=staging:production")), "not compared for those who only read"
    change("suite.secret", "other", "staging")
    assert "suite.secret" in plain(page(admin, "?unequal=staging:production"))
    assert "suite.string" in plain(page(viewer, "?unequal=moon:production"))


def test_pending_changes_and_protection_are_seen(viewer: Client) -> None:
    Protection.objects.create(key="suite.integer", by_name="x")
    ann = make_user(role="admin", username="ann")
    submit_change(actor=ann, key="suite.integer", environment="staging", value="99", reason="for the suite")
    html = page(viewer, "?q=suite.integer")
    assert "protected" in html
    assert "awaits approval" in html
    assert "99" in html


def test_a_variable_that_breaks_the_rules_of_ones_own_setting_is_told(viewer: Client, settings: Any) -> None:
    own("team.limit", kind=SettingType.INTEGER, default=5)
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_TEAM_LIMIT": "many"}
    html = page(viewer, "?q=team.limit")
    assert "GATEHOUSE_SETTING_TEAM_LIMIT is set, and passed over" in html
    assert viewer.get("/settings/team.limit/").status_code == 200


def test_a_long_list_is_paged(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "PER_PAGE", 3)
    first = page(viewer, "?group=suite")
    assert "suite.boolean" in plain(first)
    assert "suite.string" not in plain(first)
    assert "from=suite.duration" in first
    assert "suite.email" in plain(page(viewer, "?group=suite&from=suite.duration"))
    assert "suite.boolean" in plain(page(viewer, "?group=suite&from=nonsense"))


def plain(html: str) -> str:
    return html.replace("<wbr>", "")


def own(key: str, *, category: str = "Team", kind: SettingType = SettingType.STRING, default: Any = "") -> None:
    definition = Definition(key=key, type=kind, default=default, label="Own", category=category)
    create_definition(actor=None, definition=definition)
