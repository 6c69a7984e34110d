"""/flags/: every flag in every environment."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from settings_store.actions import Description, archive_flag, create_flag, protect, submit_change
from settings_store.flag.rules import FlagType, time_text
from settings_store.models import Flag, FlagUse, Setting
from settings_store.realms import key_of_flag
from settings_store.views import flag_list
from tests.factories import make_user, role_named

pytestmark = pytest.mark.django_db


def page(client: Client, query: str = "") -> str:
    response = client.get(f"/flags/{query}")
    assert response.status_code == 200
    return response.content.decode().replace("<wbr>", "")


def make(key: str, *, label: str = "A flag", kind: FlagType = FlagType.BOOLEAN, **more: Any) -> Flag:
    return create_flag(actor=None, key=key, kind=kind, description=Description(label=label, **more))


def give(key: str, environment: str = "production", **rules: Any) -> None:
    submit_change(actor=None, key=key_of_flag(key), environment=environment, value=json.dumps({"on": True} | rules))


def cell(html: str, key: str, environment: str) -> str:
    """The cell of a flag in an environment, as HTML."""
    line = html.split(f">{key}</a>", 1)[1].split("</tr>", 1)[0]
    return line.split(f'data-l="{environment}"', 1)[1].split("</td>", 1)[0]


def test_it_shows_the_state_in_each_environment_and_where_that_comes_from(viewer: Client) -> None:
    make("new-search", label="Search anew")
    give("new-search", "default", share=1250)
    give("new-search", "staging")
    html = page(viewer)
    assert "Search anew" in html
    assert "<b>12.5 %</b>" in cell(html, "new-search", "Production")
    assert 'data-src="default"' in cell(html, "new-search", "Production")
    assert "<b>on</b>" in cell(html, "new-search", "Staging")
    assert 'data-src="own"' in cell(html, "new-search", "Staging")
    make("quiet")
    assert "off</a>" in cell(page(viewer), "quiet", "Default")
    assert "never set" in cell(page(viewer), "quiet", "Default")


def test_targets_are_counted_and_few_roles_named(viewer: Client) -> None:
    make("new-search")
    supervisor, manager = role_named("supervisor"), role_named("manager")
    give("new-search", people=[1, 2, 3], excluded=[9], roles=[supervisor.pk, manager.pk], share=0)
    shown = cell(page(viewer), "new-search", "Production")
    assert "3 people" in shown
    assert "without 1 person" in shown
    assert supervisor.name in shown
    assert manager.name in shown
    give("new-search", roles=[supervisor.pk, manager.pk, 10**9], share=0)
    assert "3 roles" in cell(page(viewer), "new-search", "Production")


def test_a_share_of_nothing_beside_targets_is_called_so(viewer: Client) -> None:
    make("new-search")
    give("new-search", share=0, people=[1])
    assert "<b>targets only</b>" in cell(page(viewer), "new-search", "Production")
    give("new-search", share=0)
    assert "<b>0 %</b>" in cell(page(viewer), "new-search", "Production")


def test_what_it_depends_on_is_named_and_whether_that_is_off(viewer: Client) -> None:
    for key in ("new-search", "needed", "other"):
        make(key)
    give("needed", "default")
    give("other", "staging")
    give("new-search", "default", on=False, needs=["needed", "other"])
    give("new-search", "staging", needs=["needed", "other"])
    give("new-search", needs=["needed", "other"])
    html = page(viewer)
    assert "with needed, other</p>" in cell(html, "new-search", "Staging")
    assert "with needed, other (off)</p>" in cell(html, "new-search", "Production")


def test_a_share_beside_targets_is_that_of_others(viewer: Client) -> None:
    make("new-search")
    give("new-search", share=1250, people=[1])
    assert "<b>12.5 % of others</b>" in cell(page(viewer), "new-search", "Production")
    give("new-search", people=[1])
    assert "<b>everybody</b>" in cell(page(viewer), "new-search", "Production")
    give("new-search", excluded=[1])
    assert "<b>on</b>" in cell(page(viewer), "new-search", "Production")


@pytest.mark.parametrize("address", ["/flags/new-search/", "/settings/settings_store.reason_required/"])
def test_the_badge_is_of_the_installation_whatever_the_page_is_about(viewer: Client, address: str) -> None:
    make("new-search")
    html = viewer.get(f"{address}?environment=staging").content.decode()
    assert html.count("This installation serves production") == 2
    assert "This installation serves staging" not in html


def test_numbers_for_machines_are_written_for_machines(operator: Client) -> None:
    make("new-search")
    give("new-search", share=1250)
    Setting.objects.filter(key="flag:new-search").update(version=1234)
    shown = cell(page(operator), "new-search", "Production")
    assert 'name="version" value="1234"' in shown
    assert 'max="10000" value="1250"' in shown


def test_a_window_says_when(viewer: Client) -> None:
    now = timezone.now()
    make("later")
    starts: dict[str, Any] = {"from": time_text(now + timedelta(hours=2, minutes=1))}
    give("later", **starts)
    make("past")
    give("past", until=time_text(now - timedelta(hours=2, minutes=1)))
    html = page(viewer)
    assert "<b>starts in 2 h</b>" in cell(html, "later", "Production")
    assert "<b>over</b>" in cell(html, "past", "Production")
    assert "since 2 h" in cell(html, "past", "Production")


def test_rules_that_are_passed_over_are_told(viewer: Client) -> None:
    make("new-search")
    Setting.objects.create(key="flag:new-search", environment="production", version=1, value={"on": "perhaps"})
    shown = cell(page(viewer), "new-search", "Production")
    assert "off</a>" in shown
    assert "passed over" in shown


def test_it_says_who_changed_it_last_and_when_it_was_evaluated(viewer: Client) -> None:
    make("new-search")
    assert "<p>created <time" in page(viewer)
    ann = make_user(role="operator", username="ann", full_name="Ann Lee")
    submit_change(actor=ann, key="flag:new-search", environment="staging", value='{"on": true}')
    html = page(viewer)
    assert "Ann Lee · staging" in html
    assert "<p>changed <time" in html
    assert "never evaluated" in html
    FlagUse.objects.create(key="new-search", environment="production", last_at=timezone.now())
    html = page(viewer)
    assert "never evaluated" not in html
    assert "<p>evaluated <time" in html


def test_a_stale_flag_says_why_and_is_found(viewer: Client) -> None:
    make("old")
    make("young")
    Flag.objects.filter(key="old").update(created_at=timezone.now() - timedelta(days=400))
    assert "Never evaluated since" in page(viewer)
    html = page(viewer, "?stale=1")
    assert ">old</a>" in html
    assert ">young</a>" not in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=on", {"all"}),
        ("state=part", {"some"}),
        ("state=off", {"none", "over"}),
        ("q=ALL", {"all"}),
        ("q=for+tests", {"none"}),
        ("q=nothing-of-it", set()),
        ("state=nonsense", {"all", "some", "none", "over"}),
    ],
)
def test_it_is_filtered_in_the_address(viewer: Client, query: str, found: set[str]) -> None:
    for key in ("all", "some", "over"):
        make(key)
    make("none", description="Only for tests")
    give("all")
    give("some", share=10)
    give("over", until="2020-01-01T00:00:00Z")
    html = page(viewer, f"?{query}")
    assert {key for key in ("all", "some", "none", "over") if f">{key}</a>" in html} == found
    assert ("No flag matches" in html) is (not found)


def test_it_is_sorted_by_the_last_change_and_by_use(viewer: Client) -> None:
    for key in ("aa", "bb", "cc"):
        make(key)
    give("bb")
    FlagUse.objects.create(key="cc", environment="production", last_at=timezone.now())
    assert order(page(viewer)) == ["aa", "bb", "cc"]
    assert order(page(viewer, "?sort=changed"))[0] == "bb"
    assert order(page(viewer, "?sort=evaluated"))[0] == "cc"


def test_archived_flags_stand_apart(viewer: Client) -> None:
    make("old")
    make("young")
    archive_flag(actor=None, key="old")
    assert order(page(viewer)) == ["young"]
    html = page(viewer, "?archived=1")
    assert order(html) == ["old"]
    assert 'role="switch"' not in html


def test_what_waits_and_what_is_protected_is_seen(viewer: Client) -> None:
    make("new-search")
    protect(actor=None, key="flag:new-search")
    ann = make_user(role="admin", username="ann")
    submit_change(actor=ann, key="flag:new-search", environment="staging", value='{"on": true, "share": 500}')
    html = page(viewer)
    assert "protected" in html
    shown = cell(html, "new-search", "Staging")
    assert "on · 5 %" in shown
    assert "awaits approval" in shown
    assert "/flags/proposals/" in shown


def test_columns_are_hidden_in_the_address_but_never_that_of_the_switch(viewer: Client) -> None:
    make("new-search")
    html = page(viewer, "?env=staging")
    assert 'data-l="Staging"' in html
    assert 'data-l="Production"' in html
    assert 'data-l="Default"' not in html
    assert 'data-l="Default"' in page(viewer, "?env=moon")


def test_what_is_asked_for_but_not_there_can_be_created_or_brought_back(operator: Client, viewer: Client) -> None:
    make("old")
    archive_flag(actor=None, key="old")
    for key, count in (("missing", 7), ("old", 3), ("No Key", 1)):
        FlagUse.objects.create(key=f"?{key}", environment="production", last_at=timezone.now(), unknown_count=count)
    html = page(operator)
    assert "Asked for, but not there" in html
    assert 'href="/flags/new/?key=missing"' in html
    assert "?archived=1&amp;q=old" in html
    assert "No Key" in html
    assert "key=No" not in html
    assert "/flags/new/" not in page(viewer)


def test_the_empty_page_says_what_to_do(operator: Client, viewer: Client) -> None:
    assert "Create the first flag" in page(operator)
    assert "No flags yet" in page(viewer)
    assert "Create the first flag" not in page(viewer)
    assert "No flag is archived" in page(viewer, "?archived=1")


@pytest.mark.parametrize("query", ["", "?state=on", "?stale=1", "?sort=changed"])
def test_the_number_of_queries_does_not_grow_with_the_flags(
    viewer: Client, query: str, django_assert_num_queries: Any
) -> None:
    for number in range(3):
        make(f"flag-{number}")
    page(viewer, query)
    before = len(queries_of(viewer, query))
    for number in range(3, 20):
        make(f"flag-{number}")
        give(f"flag-{number}", share=10, people=[1, 2])
    with django_assert_num_queries(before):
        page(viewer, query)
    assert before <= 16


def test_a_long_list_is_paged(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flag_list, "PER_PAGE", 2)
    for key in ("aa", "bb", "cc"):
        make(key)
    first = page(viewer)
    assert order(first) == ["aa", "bb"]
    assert "from=cc" in first
    assert order(page(viewer, "?from=cc")) == ["cc"]
    assert order(page(viewer, "?from=nonsense")) == ["aa", "bb"]
    assert "<span>3 flags</span>" in first


@pytest.mark.parametrize("query", ["?archived=1", "?stale=1", "?q=old"])
def test_a_page_counts_what_it_was_asked_for(viewer: Client, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setattr(flag_list, "PER_PAGE", 1)
    for key in ("old-a", "old-b", "new-a"):
        make(key)
    Flag.objects.filter(key__startswith="old").update(created_at=timezone.now() - timedelta(days=400))
    if query == "?archived=1":
        for key in ("old-a", "old-b"):
            archive_flag(actor=None, key=key)
    assert "<span>2 flags</span>" in page(viewer, query)


@pytest.mark.parametrize(
    "query",
    [
        "?q=%00%ED%A0%80&state=%00&sort=%00&from=%00",
        "?switched=%00&put_away=%ED%A0%80",
        "?env=%00&stale&archived",
        "?q=" + "x" * 5000,
    ],
)
def test_odd_questions_are_answered(viewer: Client, query: str) -> None:
    make("new-search")
    page(viewer, query)


def test_who_may_not_see_flags_is_refused(person: Client, client: Client) -> None:
    make("new-search")
    for address in ("/flags/", "/flags/new-search/row/"):
        assert person.get(address).status_code == 403
        assert client.get(address).status_code == 302


def test_the_rail_leads_there(viewer: Client, person: Client) -> None:
    assert 'href="/flags/"' in viewer.get("/").content.decode()
    assert 'href="/flags/"' not in person.get("/").content.decode()


def order(html: str) -> list[str]:
    return [piece.split("</a>")[0].rpartition(">")[2] for piece in html.split('class="plain key"')[1:]]


def queries_of(client: Client, query: str) -> list[Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        page(client, query)
    return list(captured.captured_queries)
