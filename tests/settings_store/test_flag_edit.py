"""/flags/<key>/: one flag in one environment, its form, its history and what becomes of a change."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from settings_store import actions
from settings_store.actions import Description, archive_flag, create_flag, protect
from settings_store.flag.rules import FlagType
from settings_store.flags import flag_enabled
from settings_store.forms.flag_typing import sealed
from settings_store.models import AuditEvent, Proposal, Setting, SettingVersion
from settings_store.realms import key_of_flag
from tests.factories import make_user, role_named

pytestmark = pytest.mark.django_db
KEY = key_of_flag("new-search")


@pytest.fixture(autouse=True)
def flag(db: None) -> None:
    description = Description(label="Search anew", description="With vectors.", is_permanent=True)
    create_flag(actor=None, key="new-search", kind=FlagType.BOOLEAN, description=description)


def give(environment: str = "production", *, reason: str = "", **rules: Any) -> None:
    value = json.dumps({"on": True} | rules)
    actions.submit_change(actor=None, key=KEY, environment=environment, value=value, reason=reason)


def page(client: Client, query: str = "") -> str:
    response = client.get(f"/flags/new-search/{query}")
    assert response.status_code == 200
    return response.content.decode().replace("<wbr>", "")


def post(client: Client, act: str = "change", query: str = "", **data: Any) -> Any:
    sent = {"version": "0", "reason": "", "share": "100"} | data
    return client.post(f"/flags/new-search/{act}/{query}", sent)


def test_it_shows_what_the_flag_is_and_where_its_rules_come_from(operator: Client) -> None:
    html = page(operator)
    assert "Search anew. With vectors." in html
    assert "permanent" in html
    assert "never set" in html
    give("default", share=1250)
    html = page(operator)
    assert "default rules" in html
    assert 'name="share" value="12.5"' in html
    give("production")
    assert "rules of its own" in page(operator)
    assert "rules of its own" not in page(operator, "?environment=staging")


def test_a_change_is_saved_here_told_and_recorded(operator: Client) -> None:
    ada = make_user(username="ada", full_name="Ada Lovelace")
    response = operator.post(
        "/flags/new-search/change/",
        {"version": "0", "share": "25", "on": "on", "people_add": "ada", "reason": "first try"},
        follow=True,
    )
    assert response.redirect_chain == [("/flags/new-search/?environment=production", 302)]
    html = response.content.decode()
    assert "Saved as version 1." in html
    history = html.split("history-h", 1)[1]
    assert "first try" in history
    assert "<ins>For Ada Lovelace (ada)</ins>" in history
    assert "<ins>For 25 % of all others</ins>" in history
    assert flag_enabled("new-search", ada)
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.target_id, event.actor_name) == ("flag.changed", "new-search", "omar")


def test_another_environment_changes_nothing_here(operator: Client) -> None:
    response = post(operator, query="?environment=staging", on="on")
    assert response.headers["Location"] == "/flags/new-search/?environment=staging"
    assert Setting.objects.get(key=KEY).environment == "staging"
    assert not flag_enabled("new-search", make_user())


def test_the_history_tells_only_what_differs(operator: Client) -> None:
    give(share=1000)
    give(share=2000)
    newest = page(operator).split("history-h", 1)[1].split("</li>", 1)[0]
    assert "<del>For 10 % of people</del><ins>For 20 % of people</ins>" in newest
    assert "<ins>On</ins>" not in newest
    assert "/flags/rollback/preview/?kind=version&amp;key=new-search&amp;environment=production&amp;version=1" in page(
        operator
    )


def test_the_same_rules_change_nothing(operator: Client) -> None:
    give(share=1000)
    response = operator.post("/flags/new-search/change/", {"version": "1", "share": "10", "on": "on"}, follow=True)
    assert "Nothing changed: these rules hold already." in response.content.decode()
    assert SettingVersion.objects.count() == 1


def test_a_stale_form_is_answered_with_both_rules_and_can_be_sent_again(operator: Client) -> None:
    role = role_named("supervisor")
    give(share=1000, roles=[role.pk])
    response = post(operator, version="0", on="on", share="90")
    html = response.content.decode()
    assert response.status_code == 409
    assert "saved version 1 after you opened this" in html
    assert "<del>For the role Supervisor</del>" in html
    assert "<del>For 10 % of all others</del>" in html
    assert "<ins>For 90 % of people</ins>" in html
    assert "<span>On</span>" in html
    assert 'name="version" value="1"' in html
    assert 'name="share" value="90"' in html
    assert "Save mine over theirs" in html
    assert post(operator, version="1", on="on", share="90").status_code == 302
    assert Setting.objects.filter(key=KEY, value__share=9000).exists()


def test_taking_an_environments_own_rules_away_is_for_those_who_may(admin: Client, operator: Client) -> None:
    give("default", share=1000)
    give("production", share=9000)
    assert post(operator, "clear", version="1").status_code == 403
    assert "Back to the default rules" not in page(operator)
    assert "Back to the default rules" in page(admin)
    # What the form says of rules is beside the point.
    response = post(admin, "clear", version="1", share="nonsense")
    assert response.status_code == 302
    assert Setting.objects.get(key=KEY, environment="production").value is None
    html = admin.get(response.headers["Location"]).content.decode()
    assert "It has no rules of its own in production any more: the default rules hold." in html
    assert 'name="share" value="10"' in html
    assert "Back to the default rules" not in html


def test_a_stale_clearing_is_answered_like_a_stale_form(admin: Client) -> None:
    give("default", share=1000)
    give("production", share=9000)
    response = post(admin, "clear", version="0")
    html = response.content.decode()
    assert response.status_code == 409
    assert "<del>For 90 % of people</del><ins>For 10 % of people</ins>" in html
    assert "Back to the default rules over theirs" in html


def test_a_protected_flag_is_proposed(operator: Client, admin: Client) -> None:
    protect(actor=None, key=KEY)
    html = page(operator)
    assert "somebody else approves the change before it counts" in html
    response = operator.post("/flags/new-search/change/", {"version": "0", "share": "100", "on": "on"}, follow=True)
    html = response.content.decode()
    assert "Proposed. It counts once somebody else approves it." in html
    assert "A change awaits approval" in html
    assert not flag_enabled("new-search", make_user())
    assert Proposal.objects.get().status == Proposal.Status.AWAITING


def test_a_change_is_scheduled_in_the_time_of_the_person(operator: Client) -> None:
    at = (timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)
    assert post(operator, on="on", apply_at=at.strftime("%Y-%m-%dT%H:%M")).status_code == 302
    assert Proposal.objects.get().apply_at == at
    assert "A change is scheduled" in page(operator)
    response = post(operator, on="on", share="5", apply_at="2020-01-01T00:00")
    assert response.status_code == 422
    assert 'id="id_apply_at_error"' in response.content.decode()


def test_rules_taken_away_are_put_back_by_whoever_took_them(admin: Client, operator: Client) -> None:
    give("staging", share=9000)
    html = page(admin, "?environment=staging")
    assert "Take these rules away (off)" in html
    assert "Back to the default rules" not in html
    gone = post(admin, "clear", "?environment=staging", version="1").headers["Location"]
    html = admin.get(gone).content.decode()
    assert "It has no rules in staging any more: it is off." in html
    assert 'action="/flags/new-search/put-back/?environment=staging"' in html
    # Not offered to others, nor later on.
    assert "put-back" not in operator.get(gone).content.decode()
    assert "put-back" not in page(admin, "?environment=staging")
    for version in ("1", "nonsense", ""):
        post(admin, "put-back", "?environment=staging", version=version)
    post(operator, "put-back", "?environment=staging", version="2")
    assert Setting.objects.get(key=KEY).value is None
    response = admin.post("/flags/new-search/put-back/?environment=staging", {"version": "2"}, follow=True)
    assert response.redirect_chain == [("/flags/new-search/?environment=staging", 302)]
    assert "Undone: it is as it was, which is version 3." in response.content.decode()
    assert Setting.objects.filter(key=KEY, value__share=9000).exists()


def test_nothing_is_put_back_over_somebody_elses_rules(admin: Client) -> None:
    give(share=9000)
    assert "put-back" in admin.get(post(admin, "clear", version="1").headers["Location"]).content.decode()
    give(share=1000)
    assert "put-back" not in page(admin, "?taken=2")
    response = admin.post("/flags/new-search/put-back/", {"version": "2"}, follow=True)
    assert "changed this since, so nothing was undone." in response.content.decode()
    assert Setting.objects.filter(key=KEY, value__share=1000).exists()


def test_rules_are_not_written_over_default_ones_that_nobody_saw(operator: Client) -> None:
    give("default", share=1000)
    assert 'name="common" value="1"' in page(operator)
    give("default", share=2000)
    response = post(operator, version="0", common="1", on="on", share="10", people_add="omar")
    html = response.content.decode()
    assert response.status_code == 409
    assert "changed the default rules, which hold here, after you opened this." in html
    assert "<del>For 20 % of people</del>" in html
    assert 'name="version" value="0"' in html
    assert 'name="common" value="2"' in html
    assert not Setting.objects.filter(environment="production").exists()
    assert post(operator, version="0", common="2", on="on", share="10").status_code == 302
    # With rules of its own the environment follows no others.
    give("default", share=3000)
    assert post(operator, version="1", common="2", on="on", share="20").status_code == 302


def test_rules_that_were_proposed_are_offered_anew(operator: Client) -> None:
    protect(actor=None, key=KEY)
    ada = make_user(username="ada", full_name="Ada Lovelace")
    give(share=777, people=[ada.pk])
    proposal = Proposal.objects.get()
    html = page(operator, f"?again={proposal.public_id}")
    assert 'name="share" value="7.77"' in html
    assert "Take Ada Lovelace away" in html
    # Neither for another place, nor for another flag, nor what no proposal holds.
    assert 'name="share" value="100"' in page(operator, f"?environment=staging&again={proposal.public_id}")
    create_flag(actor=None, key="other", kind=FlagType.BOOLEAN, description=Description(label="A flag"))
    assert "Lovelace" not in operator.get(f"/flags/other/?again={proposal.public_id}").content.decode()
    for nonsense in ("{", "\0", "x" * 400, make_user().public_id):
        assert 'name="share" value="100"' in page(operator, f"?again={nonsense}")


def test_an_address_names_nobody(operator: Client) -> None:
    ada = make_user(username="ada", full_name="Ada Lovelace")
    html = page(operator, f'?value={{"people":[{ada.pk}]}}')
    assert "Lovelace" not in html
    assert f'value="{sealed([ada.pk])}"' not in html
    for text in ('{"from":"9999-12-31T23:59:59Z"}', '{"needs":["\\ud800"]}'):
        page(operator, f"?value={text}")


def test_it_says_which_flags_change_with_it(operator: Client) -> None:
    for key in ("child", "guarded"):
        create_flag(actor=None, key=key, kind=FlagType.BOOLEAN, description=Description(label="A flag"))
        value = json.dumps({"on": True, "needs": ["new-search"]})
        actions.submit_change(actor=None, key=key_of_flag(key), environment="production", value=value)
    protect(actor=None, key=key_of_flag("guarded"))
    html = page(operator)
    assert "Needed by" in html
    assert '">child</a>, ' in html
    assert '">guarded</a> (protected)' in html
    assert "Needed by" not in operator.get("/flags/child/").content.decode()


def test_the_button_says_that_it_is_scheduled(operator: Client) -> None:
    assert "Left empty, it counts at once; with a time, it is scheduled." in page(operator)
    html = post(operator, do="people", apply_at="2100-01-01T00:00").content.decode()
    assert 'class="btn primary">Schedule</button>' in html


def test_the_default_place_says_where_its_rules_hold(operator: Client) -> None:
    sentence = "These rules hold in every environment without rules of its own."
    assert sentence in page(operator, "?environment=default")
    assert sentence not in page(operator)


def test_whoever_only_reads_sees_the_rules_and_no_form(viewer: Client) -> None:
    make_user(username="ada")
    give(share=1250)
    html = page(viewer)
    assert "For 12.5 % of people" in html
    assert "<form" not in html.split('id="rules-now-h"', 1)[1].split("</section>", 1)[0]
    assert "You may see flags, not change them." in html
    for act in ("change", "clear", "share", "test"):
        assert post(viewer, act).status_code == 403


def test_whoever_may_not_see_flags_sees_none(person: Client) -> None:
    assert person.get("/flags/new-search/").status_code == 403
    assert person.get("/flags/new-search/people/?field=people&people_add=a").status_code == 403


@pytest.mark.parametrize("key", ["nothing", "New-Search", "new%00search", "x" * 300, "flag:new-search"])
def test_an_unknown_flag_is_not_there(admin: Client, key: str) -> None:
    assert admin.get(f"/flags/{key}/").status_code == 404
    assert admin.post(f"/flags/{key}/change/", {"version": "0"}).status_code == 404


def test_an_unknown_environment_is_not_guessed(admin: Client) -> None:
    assert admin.get("/flags/new-search/?environment=moon").status_code == 404
    assert post(admin, query="?environment=moon", on="on").status_code == 404
    assert not Setting.objects.exists()


def test_addresses_of_acts_lead_to_the_page_when_they_are_opened(admin: Client) -> None:
    for act in ("change", "clear", "share", "test"):
        response = admin.get(f"/flags/new-search/{act}/?environment=staging")
        assert response.status_code == 302
        assert response.headers["Location"] == "/flags/new-search/?environment=staging"


def test_an_archived_flag_is_shown_and_not_changed(admin: Client) -> None:
    give(share=1250)
    archive_flag(actor=None, key="new-search")
    html = page(admin)
    assert "This flag is archived" in html
    assert "For 12.5 % of people" in html
    assert "Bring it back" in html
    assert 'id="test-as"' not in html
    assert post(admin, version="1", on="on").status_code == 404


def test_names_are_suggested_of_those_the_viewer_may_see(admin: Client, operator: Client) -> None:
    make_user(username="ada", full_name="Ada <Lovelace>")
    found = admin.get("/flags/new-search/people/?field=people&people_add=bo,ADA").content.decode()
    assert "Ada &lt;Lovelace&gt;" in found
    values = re.search(r'hx-vals="([^"]*)"', found)
    assert values is not None
    assert json.loads(values[1].replace("&quot;", '"')) == {"do": "people", "people_add": "bo,ada"}
    # An operator sees nobody but themselves.
    found = operator.get("/flags/new-search/people/?field=people&people_add=ada").content.decode()
    assert "Lovelace" not in found
    assert "Nobody you may see is called so." in found
    assert not admin.get("/flags/new-search/people/?field=people&people_add=").content.strip()
    assert admin.get("/flags/new-search/people/?field=nonsense").status_code == 404


def test_as_many_questions_for_many_people_and_versions_as_for_few(operator: Client) -> None:
    give(people=[make_user().pk], share=1)
    page(operator)
    with CaptureQueriesContext(
        connection,
    ) as few:
        page(operator)
    give(people=[make_user().pk for _number in range(10)], share=2, roles=[role_named("user").pk])
    for share in range(3, 12):
        give(share=share)
    for key in ("one", "two"):
        create_flag(actor=None, key=key, kind=FlagType.BOOLEAN, description=Description(label="A flag"))
    give(people=[make_user().pk for _number in range(10)], share=12)
    with CaptureQueriesContext(connection) as many:
        page(operator)
    assert len(many) <= len(few)
    assert len(many) == 21
