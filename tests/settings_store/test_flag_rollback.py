"""/flags/rollback/: rules of flags go back, to a version, to a moment, or from what one person changed."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from settings_store import audit
from settings_store.actions import Description, archive_flag, change_setting, create_flag, protect, submit_change
from settings_store.flag.rules import FlagType
from settings_store.flags import flag_enabled
from settings_store.models import AuditEvent, Proposal, Setting, SettingVersion
from settings_store.realms import key_of_flag
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def flags(db: None) -> None:
    for key in ("new-search", "new-index"):
        create_flag(actor=None, key=key, kind=FlagType.BOOLEAN, description=Description(label=key.capitalize()))


def give(key: str = "new-search", environment: str = "production", actor: User | None = None, **rules: Any) -> None:
    value = json.dumps({"on": True} | rules)
    submit_change(actor=actor, key=key_of_flag(key), environment=environment, value=value)


def clear(key: str = "new-search", environment: str = "production") -> None:
    submit_change(actor=None, key=key_of_flag(key), environment=environment, value=None)


def row(key: str = "new-search", environment: str = "production") -> Setting:
    return Setting.objects.get(key=key_of_flag(key), environment=environment)


def ask(kind: str, **asked: Any) -> str:
    values = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asked.items()}
    return urlencode({"kind": kind} | values)


def version(number: int, key: str = "new-search") -> str:
    return ask("version", key=key, environment="production", version=number)


def text(response: Any) -> str:
    return str(unescape(response.content.decode()))


def preview(client: Client, query: str) -> str:
    response = client.get(f"/flags/rollback/preview/?{query}")
    assert response.status_code == 200
    return text(response)


def places(html: str, *, ticked: bool | None = None) -> list[str]:
    found = re.findall(r'name="take" value="([^"]+)"( checked)?', html)
    return [place for place, checked in found if ticked is None or bool(checked) is ticked]


def apply(client: Client, query: str, take: list[str], **data: Any) -> HttpResponse:
    response = client.post(f"/flags/rollback/apply/?{query}", {"take": take, "reason": ""} | data)
    assert isinstance(response, HttpResponse)
    return response


def test_one_flag_goes_back_to_one_of_its_versions_as_a_new_one(operator: Client) -> None:
    uma = make_user(username="uma", full_name="Uma Berg")
    give(share=1000, people=[uma.pk])
    give(share=5000)
    give(share=10_000)
    assert f"/flags/rollback/preview/?{version(1)}" in text(operator.get("/flags/new-search/?environment=production"))
    html = preview(operator, version(1))
    assert "<ins>For Uma Berg (uma)</ins>" in html
    assert "<ins>For 10 % of all others</ins>" in html
    assert "<del>For 100 % of people</del>" in html
    assert "<span>On</span>" in html
    assert places(html, ticked=True) == ["flag:new-search@production:3"]
    done = text(apply(operator, version(1), places(html), reason="too many at once"))
    assert "1 flag rolled back" in done
    assert 'href="/flags/new-search/?environment=production"' in done
    made = SettingVersion.objects.get(version=4)
    assert (made.rollback_to, made.actor_name, made.reason) == (1, "omar", "too many at once")
    assert (made.value or {})["people"] == [uma.pk]
    assert flag_enabled("new-search", uma)
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.after and event.after["rolled_back_to"]) == ("flag.changed", 1)


def test_a_whole_environment_goes_back_and_settings_stay(admin: Client, every_type: None) -> None:
    give(share=1000)
    change_setting(actor=None, key="suite.integer", environment="production", value="70")
    then = timezone.now()
    give(share=2000)
    give("new-index")
    give(environment="staging", share=1)
    change_setting(actor=None, key="suite.integer", environment="production", value="80")
    query = ask("moment", environment="production", moment=then)
    html = preview(admin, query)
    assert places(html, ticked=True) == ["flag:new-index@production:1", "flag:new-search@production:2"]
    assert "suite" not in html
    assert "version 1 back to none" in html
    assert apply(admin, query, places(html)).status_code == 200
    assert (row().value or {})["share"] == 1000
    assert row("new-index").value is None
    assert Setting.objects.get(key="suite.integer").value == 80
    assert not list(audit.verify())
    assert "Nothing to roll back" in preview(admin, query)
    settings = text(admin.get(f"/settings/rollback/preview/?{query}"))
    assert places(settings) == ["suite.integer@production:2"], "and the other way round"


def test_what_one_person_changed_goes_back_but_for_what_others_changed_after(admin: Client) -> None:
    omar, ben = make_user(role="operator", username="oskar"), make_user(role="operator", username="ben")
    since = timezone.now()
    give(actor=omar, share=1000)
    give("new-index", actor=omar, share=1000)
    give("new-index", actor=ben, share=2000)
    query = ask("person", person=omar.pk, since=since, until=timezone.now(), environment="")
    html = preview(admin, query)
    assert places(html, ticked=True) == ["flag:new-search@production:1"]
    assert places(html, ticked=False) == ["flag:new-index@production:2"]
    assert "ben saved version 2 after it" in html
    assert apply(admin, query, places(html, ticked=True)).status_code == 200
    assert row().value is None
    assert row("new-index").version == 2


def test_only_those_who_changed_flags_are_offered(admin: Client, every_type: None) -> None:
    change_setting(actor=make_user(username="sol"), key="suite.integer", environment="production", value="70")
    assert "Nobody has changed a flag yet." in text(admin.get("/flags/rollback/"))
    give(actor=make_user(username="flo"))
    html = text(admin.get("/flags/rollback/"))
    assert ">flo</option>" in html
    assert ">sol</option>" not in html
    assert ">flo</option>" not in text(admin.get("/settings/rollback/"))
    now = timezone.now()
    person = User.objects.get(username="sol").pk
    query = ask("person", person=person, since=now - timedelta(days=1), until=now, environment="")
    assert admin.get(f"/flags/rollback/preview/?{query}").status_code == 422


def test_taking_rules_away_needs_the_right_to(operator: Client, admin: Client) -> None:
    give()
    html = preview(operator, version(0))
    assert "It had no rules of its own then, and you may not take them away." in html
    assert places(html) == []
    assert apply(operator, version(0), ["flag:new-search@production:1"]).status_code == 409
    assert row().version == 1
    html = preview(admin, version(0))
    assert places(html) == ["flag:new-search@production:1"]
    assert "<ins>no rules of its own</ins>" in html


def test_reading_alone_rolls_nothing_back(viewer: Client) -> None:
    give(share=1000)
    give(share=2000)
    assert "You may read flags, not change them." in preview(viewer, version(1))
    assert apply(viewer, version(1), ["flag:new-search@production:2"]).status_code == 403
    assert row().version == 2


def test_a_circle_is_refused_and_nothing_changes(admin: Client) -> None:
    """All of it or nothing: not even the flag beside that could go back alone."""
    since = timezone.now()
    give(needs=["new-index"])
    give(share=500)
    middle = timezone.now()
    create_flag(actor=None, key="beside", kind=FlagType.BOOLEAN, description=Description(label="Beside"))
    give("beside")
    give("new-index", "default", needs=["new-search"])
    assert since < middle
    query = ask("moment", environment="production", moment=middle)
    take = places(preview(admin, query))
    assert take == ["flag:beside@production:1"]
    html = preview(admin, version(1))
    before = list(SettingVersion.objects.values_list("pk", flat=True))
    response = apply(admin, version(1), places(html))
    assert response.status_code == 422
    assert "the flags would depend on each other in a circle: new-search → new-index → new-search" in text(response)
    assert list(SettingVersion.objects.values_list("pk", flat=True)) == before
    assert (row().value or {})["share"] == 500


def test_two_at_once_that_need_each_other_go_back_together_or_not_at_all(admin: Client) -> None:
    give(needs=["new-index"])
    give("new-index")
    then = timezone.now()
    give()
    give("new-index", needs=["new-search"])
    query = ask("moment", environment="production", moment=then)
    html = preview(admin, query)
    assert len(places(html)) == 2
    alone = apply(admin, query, ["flag:new-search@production:2"])
    assert (alone.status_code, "in a circle" in text(alone)) == (422, True)
    assert (row().value or {})["needs"] == []
    assert apply(admin, query, places(html)).status_code == 200
    assert (row().value or {})["needs"] == ["new-index"]
    assert (row("new-index").value or {})["needs"] == []


def test_what_moved_since_the_preview_stops_everything(operator: Client) -> None:
    give(share=1000)
    give(share=2000)
    take = places(preview(operator, version(1)))
    give(share=3000, actor=make_user(username="ben"))
    response = apply(operator, version(1), take)
    assert response.status_code == 409
    assert "new-search (production): ben saved version 3 meanwhile." in text(response)
    assert row().version == 3


def test_protected_flags_become_proposals(operator: Client) -> None:
    give(share=1000)
    give(share=2000)
    protect(actor=None, key=key_of_flag("new-search"))
    html = preview(operator, version(1))
    assert "protected: becomes a proposal" in html
    done = text(apply(operator, version(1), places(html)))
    proposal = Proposal.objects.get()
    assert (proposal.rollback_to, proposal.key) == (1, "flag:new-search")
    assert f"/flags/proposals/{proposal.public_id}/" in done
    assert row().version == 2


def test_an_archived_flag_stays_and_is_told_in_words(admin: Client) -> None:
    then = timezone.now()
    give(share=1000)
    archive_flag(actor=None, key="new-search")
    html = preview(admin, ask("moment", environment="production", moment=then))
    assert "The flag was archived." in html
    assert "on · 10 %" in html
    assert places(html) == []
    assert "flag:" not in re.sub(r'value="[^"]*"', "", html)


def test_a_key_of_the_other_kind_is_nothing_here(admin: Client, every_type: None) -> None:
    give()
    change_setting(actor=None, key="suite.integer", environment="production", value="70")
    for address in (
        f"/flags/rollback/preview/?{version(0, 'flag:new-search')}",
        f"/flags/rollback/preview/?{version(0, 'suite.integer')}",
        f"/settings/rollback/preview/?{version(0, 'flag:new-search')}",
        f"/settings/rollback/preview/?{version(0, 'new-search')}",
    ):
        assert "Nothing to roll back" in text(admin.get(address))


def test_a_preview_asks_a_fixed_number_of_questions(admin: Client) -> None:
    then = timezone.now()
    uma = make_user(username="uma")
    query = ask("moment", environment="production", moment=then)
    admin.get(f"/flags/rollback/preview/?{query}")
    counts = []
    for number in range(2):
        for each in range(3):
            key = f"flag-{number}-{each}"
            create_flag(actor=None, key=key, kind=FlagType.BOOLEAN, description=Description(label=key))
            give(key, people=[uma.pk])
        with CaptureQueriesContext(connection) as queries:
            assert len(places(preview(admin, query))) == 3 * (number + 1)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "query", ["", "kind=version", "kind=moon", "kind=version&key=%00&environment=production&version=1"]
)
def test_odd_questions_are_not_found(admin: Client, query: str) -> None:
    assert admin.get(f"/flags/rollback/preview/?{query}").status_code == 404


def test_nothing_to_clear_twice(admin: Client) -> None:
    give()
    clear()
    assert "Nothing to roll back" in preview(admin, version(0))
    html = preview(admin, version(1))
    assert apply(admin, version(1), places(html)).status_code == 200
    assert client_of(make_user(role="viewer")).get("/flags/new-search/").status_code == 200
    assert (row().value or {})["on"] is True
