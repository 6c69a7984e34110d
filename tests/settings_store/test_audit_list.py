"""/audit/ and one event: what happened, found by who, what, on what, when and from where."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.utils import timezone

from settings_store import audit
from settings_store.actions import change_setting
from settings_store.circumstances import circumstances
from settings_store.models import AuditEvent
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def events() -> dict[str, AuditEvent]:
    ana, bo = make_user(username="ana.ruiz"), make_user(username="bo")
    with transaction.atomic(), circumstances(address="192.0.2.7", request_id="req_1a2b"):
        one = audit.record("widget.made", actor=ana, target=bo, after={"name": "lamp", "shade": "red"})
    with transaction.atomic(), circumstances(address="2001:db8::7", request_id="req_2", impersonator=ana):
        two = audit.record("widget.sold", actor=bo, target_name="Desk", reason="too many desks")
    with transaction.atomic(), time_machine.travel(timezone.now() - timedelta(days=10)):
        three = audit.record("widget.lost", actor=None, before={"name": "lamp"}, after={"name": "lantern"})
    return {"made": one, "sold": two, "lost": three}


def shown(client: Client, query: str) -> set[str]:
    response = client.get(f"/audit/?{query}")
    assert response.status_code == 200
    html = response.content.decode()
    return {name for name in ("made", "sold", "lost") if f"<code>widget.{name}</code>" in html}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"made", "sold", "lost"}),
        ("actor=RUIZ", {"made", "sold"}),
        ("action=widget.s", {"sold"}),
        ("address=192.0.2.7", {"made"}),
        ("address=::ffff:192.0.2.7", {"made"}),
        ("address=2001:DB8:0::7", {"sold"}),
        ("request=req_2", {"sold"}),
        # MariaDB finds words only once they are committed.
        pytest.param("q=desks", {"sold"}, marks=pytest.mark.django_db(transaction=True)),
        pytest.param("q=widget+desk", {"sold"}, marks=pytest.mark.django_db(transaction=True)),
        pytest.param("q=req_1a2b", {"made"}, marks=pytest.mark.django_db(transaction=True)),
        ("until={week}", {"lost"}),
        ("since={week}", {"made", "sold"}),
        ("since={week}&actor=bo&action=widget", {"sold"}),
        ("target_name=x", {"made", "sold", "lost"}),
        ("action=nothing", set()),
    ],
)
def test_filters_stand_in_the_address(viewer: Client, events: Any, query: str, found: set[str]) -> None:
    week = (timezone.now() - timedelta(days=7)).date().isoformat()
    assert shown(viewer, query.format(week=week)) == found


def test_the_day_named_as_the_last_is_in(viewer: Client, events: Any) -> None:
    today = timezone.now().date().isoformat()
    assert shown(viewer, f"since={today}&until={today}") == {"made", "sold"}


def test_links_lead_to_other_events_of_the_same(viewer: Client, events: dict[str, AuditEvent]) -> None:
    made = events["made"]
    html = viewer.get(f"/audit/{made.pk}/").content.decode()
    assert f"/audit/?target_type=accounts.user&amp;target_id={made.target_id}" in html
    assert shown(viewer, f"target_type=accounts.user&target_id={made.target_id}") == {"made"}
    assert shown(viewer, f"actor_id={made.actor_id}") == {"made"}
    narrowed = viewer.get(f"/audit/?actor_id={made.actor_id}&q=x").content.decode()
    assert "Person: ana.ruiz" in narrowed
    assert f'name="actor_id" value="{made.actor_id}"' in narrowed


@pytest.mark.parametrize(
    "query",
    [
        "address=somewhere",
        "since=yesterday",
        "until=0000-00-00",
        # In some time zone there would be no such moment.
        "since=0001-01-01",
        "until=9999-12-31",
        "q=ab*",
        "actor_id=x",
        "actor_id=99999999999999999999",
        "actor=%00",
        "q=%00",
        "q=" + "x" * 300,
    ],
)
def test_a_filter_that_makes_no_sense_is_said_and_shows_nothing(viewer: Client, events: Any, query: str) -> None:
    assert shown(viewer, query) == set()
    assert 'role="alert"' in viewer.get(f"/audit/?{query}").content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "since=1970-01-01",
        "until=2999-12-31",
        "q=%ED%A0%80",
        "after=x",
        "before=%00",
        "sort=hash",
        "actor_id=",
        "q=%25_'",
    ],
)
def test_odd_questions_are_answered(viewer: Client, events: Any, query: str) -> None:
    shown(viewer, query)


def test_it_is_paged_newest_first_at_a_constant_cost(viewer: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(120):
        audit.record("widget.made", actor=None, target_name=f"number {number}")
    # The first page after a role has changed reads the map of roles, which the process keeps.
    viewer.get("/audit/")
    with django_assert_max_num_queries(8):
        first = viewer.get("/audit/")
    page = first.context["page"]
    assert [event.target_name for event in page.rows[:2]] == ["number 119", "number 118"]
    assert page.newer_url == ""
    second = viewer.get(f"/audit/{page.older_url}").context["page"]
    assert second.rows[0].target_name == "number 69"
    assert viewer.get(f"/audit/{second.newer_url}").context["page"].rows == page.rows


def test_an_event_is_shown_whole(viewer: Client, events: dict[str, AuditEvent]) -> None:
    html = viewer.get(f"/audit/{events['lost'].pk}/").content.decode()
    assert "<del>name: lamp</del><ins>name: lantern</ins>" in html
    assert "Gatehouse itself" in html
    sold = viewer.get(f"/audit/{events['sold'].pk}/").content.decode()
    assert "too many desks" in sold
    assert "ana.ruiz" in sold


def test_the_summary_names_what_changed(viewer: Client, events: Any) -> None:
    html = viewer.get("/audit/").content.decode()
    assert "name: lamp → lantern" in html
    assert "name: lamp, shade: red" in html
    assert "“too many desks”" in html


def test_what_an_act_is_about_comes_first(viewer: Client) -> None:
    role = {"from": None, "role": "Operator", "until": None}
    audit.record("role.assigned", actor=None, target_name="a", after=role)
    later = role | {"until": "2026-12-01", "from": "2026-11-01"}
    audit.record("role.assigned", actor=None, target_name="b", before=role, after=later)
    html = viewer.get("/audit/").content.decode()
    assert ">role: Operator<" in html
    assert ">role: Operator, from, until<" in html


def test_of_lists_only_the_difference_is_shown(viewer: Client) -> None:
    before, after = {"permissions": ["chat.use", "roles.read"]}, {"permissions": ["audit.read", "chat.use"]}
    event = audit.record("role.updated", actor=None, before=before, after=after)
    assert "permissions: +audit.read, −roles.read" in viewer.get("/audit/").content.decode()
    html = viewer.get(f"/audit/{event.pk}/").content.decode()
    assert "<del>permissions: roles.read</del><ins>permissions: audit.read</ins>" in html
    event = audit.record("role.updated", actor=None, before={"order": ["a", "b"]}, after={"order": ["b", "a"]})
    assert "order: a, b → b, a" in viewer.get("/audit/").content.decode()
    assert "<del>order: a, b</del><ins>order: b, a</ins>" in viewer.get(f"/audit/{event.pk}/").content.decode()


def test_every_row_has_a_head(viewer: Client) -> None:
    audit.record("a.nameless", actor=None, target_type="chat.conversation", target_id="0198c0de-1234")
    audit.record("a.targetless", actor=None)
    heads = re.findall(r'<th scope="row"[^>]*>([^<]*)</th>', viewer.get("/audit/").content.decode())
    assert heads[:2] == ["–", "conversation 0198c0de"]


def test_reading_the_trail_writes_nothing_into_it(viewer: Client, events: dict[str, AuditEvent]) -> None:
    before = audit.head()
    viewer.get("/audit/")
    viewer.get(f"/audit/{events['made'].pk}/")
    assert audit.head() == before


@pytest.mark.parametrize("number", ["0", "999999", "9223372036854775808", "9" * 400, "x"])
def test_events_that_do_not_exist_are_not_found(viewer: Client, number: str) -> None:
    assert viewer.get(f"/audit/{number}/").status_code == 404


def test_others_are_kept_out(operator: Client, person: Client, client: Client, events: dict[str, AuditEvent]) -> None:
    for url in ("/audit/", f"/audit/{events['made'].pk}/"):
        assert operator.get(url).status_code == 403
        assert person.get(url).status_code == 403
        assert client.get(url).status_code == 302
    assert operator.post("/audit/").status_code == 403


def test_nothing_in_an_event_is_markup(viewer: Client) -> None:
    event = audit.record(
        "a.b", actor=None, target_name="<img src=x>", after={"<b>": "<script>x</script>"}, reason="<i>"
    )
    for url in ("/audit/", f"/audit/{event.pk}/"):
        html = viewer.get(url).content.decode()
        for tag in ("<img", "<script>x", "<i>", "<b>: "):
            assert tag not in html


def test_a_change_is_found_by_the_environment_it_was_made_in(admin: Client) -> None:
    change_setting(actor=None, key="chat.temperature", environment="staging", value="0.3")
    change_setting(actor=None, key="chat.temperature", environment="default", value="0.2")
    page = admin.get("/audit/", {"environment": "staging"}).content.decode()
    assert "staging: default → 0.3" in page
    assert "default: default → 0.2" not in page
    assert "session." not in page
