"""What the trail says of flags: lines in words, before and after rule by rule, and the events of one flag."""

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
from django.utils.html import escape

from accounts.models import User
from settings_store import audit
from settings_store.actions import (
    Description,
    approve,
    archive_flag,
    create_flag,
    decline,
    describe_flag,
    protect,
    restore_flag,
    submit_change,
)
from settings_store.flag.rules import FlagType
from settings_store.models import AuditEvent, Proposal
from settings_store.realms import key_of_flag
from settings_store.telling import field_by_field, told
from settings_store.trail import reading
from tests.factories import make_user, role_named

pytestmark = pytest.mark.django_db
KEY = key_of_flag("new-search")


@pytest.fixture(autouse=True)
def flag(db: None) -> None:
    create_flag(actor=None, key="new-search", kind=FlagType.STRING, description=Description(label="Search anew"))


def variant(name: str = "short", value: Any = "Be brief.") -> dict[str, Any]:
    return {"name": name, "value": value, "weight": 10_000}


def give(environment: str = "production", actor: User | None = None, **rules: Any) -> Any:
    value = json.dumps({"on": True, "variants": [variant()]} | rules)
    return submit_change(actor=actor, key=KEY, environment=environment, value=value)


def newest(action: str) -> AuditEvent:
    return AuditEvent.objects.filter(action=action).order_by("-sequence")[0]


def line(action: str) -> str:
    return told([newest(action)])[0].line


def fields(action: str) -> list[tuple[str, str]]:
    return [(each.kind, each.text) for each in field_by_field(newest(action))]


def test_first_rules_are_told_in_one_line() -> None:
    give(share=2500)
    assert line("flag.changed") == "production: no rules of its own → on · 25 % · short 100 %"


def test_a_change_is_told_by_what_changed_with_names() -> None:
    uma = make_user(username="uma", full_name="Uma Berg")
    give(share=2500)
    give(share=5000)
    assert line("flag.changed") == "production: For 25 % of people → For 50 % of people"
    give(share=5000, people=[uma.pk], roles=[role_named("manager").pk])
    assert line("flag.changed") == (
        "production: −For 50 % of people, +For Uma Berg (uma), +For the role Manager, 1 more"
    )
    submit_change(actor=None, key=KEY, environment="production", value=None)
    assert line("flag.cleared").startswith("production: on · 50 % · 1 person · 1 role")
    assert line("flag.cleared").endswith("→ no rules of its own")


def test_before_and_after_stand_rule_by_rule_without_numbers_of_people() -> None:
    uma = make_user(username="uma", full_name="Uma Berg")
    give(people=[uma.pk])
    assert ("ins", "For Uma Berg (uma)") in fields("flag.changed")
    assert ("del", "no rules of its own") in fields("flag.changed")
    give(share=5000)
    told_fields = fields("flag.changed")
    assert ("del", "For Uma Berg (uma)") in told_fields
    assert ("same", "On") in told_fields
    assert ("ins", "version: 2") in told_fields
    assert not any("people" in words and "[" in words for _kind, words in told_fields)


def test_people_and_roles_that_are_gone_are_told_as_gone(admin: Client) -> None:
    give(people=[2**40], roles=[2**40])
    assert ("ins", f"For somebody who is gone (#{2**40})") in fields("flag.changed")
    assert admin.get(f"/audit/{newest('flag.changed').pk}/").status_code == 200


def test_a_variant_of_fractions_is_told_as_it_was_given() -> None:
    create_flag(actor=None, key="rate", kind=FlagType.NUMBER, description=Description(label="Rate"))
    value = json.dumps({"on": True, "variants": [variant("low", 0.75)]})
    submit_change(actor=None, key=key_of_flag("rate"), environment="production", value=value)
    assert ("ins", "Variant low: 100 %, 0.75") in fields("flag.changed")


def test_what_a_flag_is_called_and_what_became_of_it() -> None:
    assert line("flag.created") == "variants of text: Search anew"
    describe_flag(actor=None, key="new-search", description=Description(label="Search", is_permanent=True))
    assert line("flag.described") == "name: Search anew → Search, permanent: no → yes"
    protect(actor=None, key=KEY)
    assert line("flag.protected") == ""
    target = newest("flag.protected")
    assert (target.target_type, target.target_id, target.target_name) == (
        "settings_store.flag",
        "new-search",
        "new-search",
    )


def test_what_is_proposed() -> None:
    omar = make_user(role="operator", username="omar")
    give(share=2500)
    protect(actor=None, key=KEY)
    give(actor=omar, share=5000)
    assert line("proposal.made") == "production: For 25 % of people → For 50 % of people"
    assert ("ins", "For 50 % of people") in fields("proposal.made")
    approve(actor=make_user(role="admin"), proposal=Proposal.objects.get())
    assert line("proposal.approved") == "production: on · 50 % · short 100 %"
    assert line("proposal.applied") == "production: For 25 % of people → For 50 % of people"
    assert told([newest("proposal.made")])[0].target == "flag new-search"


def test_a_document_nobody_can_read_is_told_as_it_stands(viewer: Client) -> None:
    for before, after in (("odd", {"on": "perhaps", "share": "much"}), (None, ["x"]), ({"people": 7}, {"roles": {}})):
        with_event(before, after)
    assert viewer.get("/audit/").status_code == 200
    for event in AuditEvent.objects.filter(action="flag.changed"):
        assert viewer.get(f"/audit/{event.pk}/").status_code == 200


def with_event(before: Any, after: Any) -> None:
    audit.record(
        "flag.changed",
        actor=None,
        target_type="settings_store.flag",
        target_id="new-search",
        target_name="new-search (production)",
        before={"value": before, "version": 0},
        after={"value": after, "version": 1},
    )


def test_the_trail_never_shows_how_keys_are_kept(viewer: Client) -> None:
    give()
    give("staging")
    protect(actor=None, key=KEY)
    give(actor=make_user(role="operator"), share=1)
    assert not AuditEvent.objects.filter(target_name__contains="flag:").exists()
    html = viewer.get("/audit/").content.decode()
    assert ">new-search</th>" in html, "the environment is said once"
    assert "flag:" not in html


def test_flags_are_a_kind_of_object_to_filter_by(viewer: Client) -> None:
    give()
    html = viewer.get("/audit/?target_type=settings_store.flag").content.decode()
    assert '<option value="settings_store.flag" selected>Flag</option>' in html
    assert "flag.changed" in html
    assert "role.created</code>" not in html
    one = viewer.get("/audit/?target_type=settings_store.flag&target_id=new-search").content.decode()
    assert "Object: new-search" in one


def test_an_event_leads_to_its_flag_and_to_its_other_events(viewer: Client) -> None:
    give()
    html = viewer.get(f"/audit/{newest('flag.changed').pk}/").content.decode()
    assert 'href="/flags/new-search/"' in html
    assert escape("?target_type=settings_store.flag&target_id=new-search") in html
    archive_flag(actor=None, key="new-search")
    assert 'href="/flags/new-search/"' in viewer.get(f"/audit/{newest('flag.archived').pk}/").content.decode()
    assert viewer.get("/flags/new-search/").status_code == 200


def test_the_events_of_one_flag_in_all_environments_or_in_one(viewer: Client) -> None:
    create_flag(actor=None, key="other", kind=FlagType.BOOLEAN, description=Description(label="Other"))
    give()
    give("staging", share=1234)
    archive_flag(actor=None, key="new-search")
    restore_flag(actor=None, key="new-search")
    html = viewer.get("/flags/new-search/events/").content.decode()
    for words in ("flag.created", "flag.brought_back", "production: ", "staging: ", "12.34 %"):
        assert words in html
    assert "Other" not in html
    staging = viewer.get("/flags/new-search/events/?environment=staging").content.decode()
    assert "12.34 %" in staging
    assert "production: " not in staging


def acts_told(client: Client, url: str) -> list[str]:
    return re.findall(r"<td[^>]*data-l=\"Act\"[^>]*><code>(.*?)</code>", client.get(url).content.decode())


@pytest.mark.parametrize("near", [2000, 2])
def test_the_events_of_a_flag_tell_of_its_proposals(near: int, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # Both ways in which the trail is read: its nearest part one by one, and what lies beyond by its indexes.
    monkeypatch.setattr(reading, "NEAR", near)
    omar, ana = make_user(role="operator", username="omar"), make_user(role="admin", username="ana")
    create_flag(actor=None, key="other", kind=FlagType.STRING, description=Description(label="Other"))
    for key in ("other", "new-search"):
        protect(actor=None, key=key_of_flag(key))
    give("staging", omar, share=100)
    declined = give(actor=omar, share=200)
    decline(actor=ana, proposal=declined, note="Not this week")
    approve(actor=ana, proposal=give(actor=omar, share=300))
    value = json.dumps({"on": True, "variants": [variant()]})
    submit_change(actor=omar, key=key_of_flag("other"), environment="production", value=value)

    made, decided = "proposal.made", ["proposal.applied", "flag.changed", "proposal.approved"]
    production = [*decided, made, "proposal.declined", made]
    assert acts_told(viewer, "/flags/new-search/events/?environment=production")[:6] == production
    assert acts_told(viewer, "/flags/new-search/events/") == [*production, made, "flag.protected", "flag.created"]
    assert acts_told(viewer, "/flags/new-search/events/?environment=staging") == [made]
    assert acts_told(viewer, "/flags/other/events/") == [made, "flag.protected", "flag.created"]


def test_the_events_of_a_setting_tell_of_its_proposals(viewer: Client) -> None:
    for minutes in (1, 2):
        at = timezone.now() + timedelta(minutes=minutes)
        key = "settings_store.reason_required"
        submit_change(actor=None, key=key, environment="staging", value="true", apply_at=at)
    submit_change(actor=None, key=key, environment="staging", value="true")
    url = f"/settings/{key}/events/?environment=staging"
    assert acts_told(viewer, url) == ["setting.changed", "proposal.made", "proposal.made"]


@pytest.mark.parametrize("address", ["nothing/events/", "NEW-SEARCH/events/", "new-search/events/?environment=moon"])
def test_events_of_nothing_are_not_found(viewer: Client, address: str) -> None:
    assert viewer.get(f"/flags/{address}").status_code == 404


def test_a_page_of_events_asks_a_fixed_number_of_questions(viewer: Client) -> None:
    people = [make_user() for _each in range(6)]
    viewer.get("/flags/new-search/events/")
    counts = []
    for half in (people[:3], people[3:]):
        for person in half:
            give(people=[person.pk])
        with CaptureQueriesContext(connection) as queries:
            assert viewer.get("/flags/new-search/events/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
