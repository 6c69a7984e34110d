"""/settings/rollback/: what is to go back, the preview of it, and doing it, all or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
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
from settings_store import audit, definitions, store
from settings_store.actions import change_setting, clear_setting, protect
from settings_store.models import AuditEvent, Proposal, SealedVersion, Setting, SettingVersion
from tests.factories import client_of, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]


def change(key: str, value: str, environment: str = "production", actor: User | None = None) -> Setting:
    return change_setting(actor=actor, key=key, environment=environment, value=value)


def clear(key: str, environment: str = "production", actor: User | None = None) -> Setting:
    return clear_setting(actor=actor, key=key, environment=environment)


def ask(kind: str, **asked: Any) -> str:
    values = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asked.items()}
    return urlencode({"kind": kind} | values)


def version(number: int, key: str = "suite.integer", environment: str = "production") -> str:
    return ask("version", key=key, environment=environment, version=number)


def text(response: Any) -> str:
    return str(unescape(response.content.decode()))


def preview(client: Client, query: str) -> str:
    response = client.get(f"/settings/rollback/preview/?{query}")
    assert response.status_code == 200
    return text(response)


def places(html: str, *, ticked: bool | None = None) -> list[str]:
    found = re.findall(r'name="take" value="([^"]+)"( checked)?', html)
    return [place for place, checked in found if ticked is None or bool(checked) is ticked]


def apply(client: Client, query: str, take: list[str], **data: Any) -> HttpResponse:
    response = client.post(f"/settings/rollback/apply/?{query}", {"take": take, "reason": ""} | data)
    assert isinstance(response, HttpResponse)
    return response


def test_one_setting_goes_back_to_one_of_its_versions_as_a_new_one(operator: Client) -> None:
    for value in ("70", "80", "90"):
        change("suite.integer", value)
    page = text(operator.get("/settings/suite.integer/"))
    assert f"/settings/rollback/preview/?{version(1)}" in page
    html = preview(operator, version(1))
    assert "<del>90</del><ins>70</ins>" in html
    assert "2 changes, the last by Gatehouse" in html
    assert places(html, ticked=True) == ["suite.integer@production:3"]
    response = apply(operator, version(1), places(html), reason="too slow")
    assert "1 setting rolled back" in text(response)
    assert store.get_setting("suite.integer") == 70
    made = SettingVersion.objects.get(version=4)
    assert (made.rollback_to, made.actor_name, made.reason) == (1, "omar", "too slow")
    assert SettingVersion.objects.count() == 4
    event = AuditEvent.objects.latest("sequence")
    assert event.after == {"value": 70, "version": 4, "rolled_back_to": 1}
    assert "rollback to 1" in text(operator.get("/settings/suite.integer/"))


def test_a_whole_environment_goes_back_to_a_moment(admin: Client) -> None:
    change("suite.integer", "70")
    change("suite.string", "loud")
    change("suite.text", "stays")
    change("suite.boolean", "true", "staging")
    then = timezone.now()
    change("suite.integer", "80")
    change("suite.integer", "90")
    clear("suite.string")
    change("suite.decimal", "0.7")
    change("suite.boolean", "false", "staging")
    change("suite.choice", "on")
    clear("suite.choice")
    query = ask("moment", environment="production", moment=then)
    html = preview(admin, query)
    assert places(html, ticked=True) == [
        "suite.decimal@production:1",
        "suite.integer@production:3",
        "suite.string@production:2",
    ], "what is so already is left out, and so are other environments"
    assert apply(admin, query, places(html)).status_code == 200
    held = [store.get_setting(f"suite.{name}") for name in ("integer", "string", "text")]
    assert held == [70, "loud", "stays"]
    assert not store.is_set(Setting.objects.get(key="suite.decimal"))
    assert Setting.objects.get(key="suite.boolean").version == 2
    assert not list(audit.verify())
    assert "Nothing to roll back" in preview(admin, query)


def test_what_one_person_changed_goes_back_but_for_what_others_changed_after(admin: Client) -> None:
    omar, ben = make_user(role="operator", username="oskar"), make_user(role="operator", username="ben")
    change("suite.integer", "70", actor=ben)
    since = timezone.now()
    change("suite.integer", "80", actor=omar)
    change("suite.integer", "90", actor=omar)
    change("suite.string", "loud", actor=omar)
    change("suite.string", "louder", actor=ben)
    change("suite.decimal", "0.7", "staging", actor=omar)
    until = timezone.now()
    change("suite.text", "later", actor=omar)
    query = ask("person", person=omar.pk, since=since, until=until, environment="")
    html = preview(admin, query)
    assert places(html, ticked=True) == ["suite.decimal@staging:1", "suite.integer@production:3"]
    assert places(html, ticked=False) == ["suite.string@production:2"]
    assert "ben saved version 2 after it" in html
    assert "suite.text" not in html
    assert places(preview(admin, ask("person", person=omar.pk, since=since, until=until, environment="staging"))) == [
        "suite.decimal@staging:1"
    ]
    # Taken all the same, because the person said so.
    assert apply(admin, query, places(html)).status_code == 200
    assert store.get_setting("suite.integer") == 70
    assert store.get_setting("suite.string") == "quiet"


def test_what_the_system_did_can_go_back_too(admin: Client) -> None:
    since = timezone.now()
    change("suite.integer", "80")
    change("suite.string", "loud", actor=make_user(username="ben"))
    html = preview(admin, ask("person", person="system", since=since, until=timezone.now(), environment=""))
    assert places(html) == ["suite.integer@production:1"]


def test_what_moved_since_the_preview_stops_everything(operator: Client) -> None:
    change("suite.integer", "70")
    change("suite.string", "quiet")
    then = timezone.now()
    change("suite.integer", "80")
    change("suite.string", "loud")
    query = ask("moment", environment="production", moment=then)
    taken = places(preview(operator, query))
    change("suite.integer", "85", actor=make_user(username="ben"))
    response = apply(operator, query, taken, reason="too slow")
    assert response.status_code == 409
    html = text(response)
    assert "suite.integer (production): ben saved version 3 meanwhile." in html
    assert "too slow" in html
    assert places(html, ticked=True) == ["suite.string@production:2"]
    assert places(html, ticked=False) == ["suite.integer@production:3"]
    assert store.get_setting("suite.string") == "loud"
    change("suite.integer", "70")
    assert "there is nothing to roll back any more" in text(apply(operator, query, taken))


def test_what_cannot_go_back_says_why(admin: Client, settings: Any, declare: Callable[..., Any]) -> None:
    declare("suite.passing", type="integer", default=1)
    for key, value in (("integer", "70"), ("string", "loud"), ("duration", "2 h"), ("secret", "one"), ("passing", "3")):
        change(f"suite.{key}", value)
    then = timezone.now()
    for key, value in (
        ("integer", "80"),
        ("string", "quiet"),
        ("duration", "3 h"),
        ("secret", "two"),
        ("passing", "4"),
    ):
        change(f"suite.{key}", value)
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_STRING": "quiet"}
    definitions._definitions.pop("suite.passing")
    definitions._definitions.pop("suite.integer")
    declare("suite.integer", type="integer", default=75, minimum=75)
    SealedVersion.objects.filter(version__version=1).update(sealed=b"\x01nonsense")
    query = ask("moment", environment="production", moment=then)
    html = preview(admin, query)
    assert places(html) == ["suite.duration@production:2"]
    for words in (
        "At least 75.",
        "GATEHOUSE_SETTING_SUITE_STRING",
        "does not open any more",
        "Nothing declares this setting any more",
    ):
        assert words in html
    # Nor by asking for it all the same.
    response = apply(admin, query, ["suite.duration@production:2", "suite.integer@production:2"])
    assert response.status_code == 409
    assert Setting.objects.get(key="suite.duration").version == 2
    declare("suite.passing", type="integer", default=1)


def test_a_protected_setting_is_proposed_and_all_others_go_back(operator: Client) -> None:
    for value in ("70", "80"):
        change("suite.integer", value)
        change("suite.decimal", f"0.{value}")
    then = SettingVersion.objects.get(setting__key="suite.decimal", version=1).at
    protect(actor=None, key="suite.integer")
    query = ask("moment", environment="production", moment=then)
    html = preview(operator, query)
    assert "protected: becomes a proposal" in html
    done = text(apply(operator, query, places(html)))
    assert "1 setting rolled back" in done
    assert "Awaiting approval" in done
    assert store.get_setting("suite.integer") == 80
    proposal = Proposal.objects.get()
    assert (proposal.value, proposal.rollback_to) == (70, 1)
    admin = client_of(make_user(role="admin", username="ana"))
    admin.post(f"/settings/proposals/{proposal.public_id}/approve/", {"note": ""})
    assert SettingVersion.objects.get(setting__key="suite.integer", version=3).rollback_to == 1


def test_a_secret_shows_fingerprints_and_asks_for_the_password(
    operator: Client, admin: Client, step_up: Callable[[Client], None]
) -> None:
    change("suite.secret", "opensesame")
    change("suite.secret", "abracadabra")
    query = version(1, "suite.secret")
    html = preview(operator, query)
    assert "fingerprint " not in html
    assert len(set(re.findall("fingerprint [0-9a-f]{8}", preview(admin, query)))) == 2
    assert "Confirm it is you" in html
    response = apply(operator, query, places(html))
    assert response.headers["Location"].startswith("/step-up/")
    step_up(operator)
    html += text(apply(operator, query, places(preview(operator, query))))
    assert "opensesame" not in html
    assert "abracadabra" not in html
    assert store.get_setting("suite.secret") == "opensesame"


def test_going_back_to_nothing_needs_the_right_to_clear(operator: Client, admin: Client) -> None:
    change("suite.integer", "70")
    query = version(0)
    html = preview(operator, query)
    assert places(html) == []
    assert "you may not take settings back to their default" in html
    assert apply(operator, query, ["suite.integer@production:1"]).status_code == 409
    assert apply(admin, query, places(preview(admin, query))).status_code == 200
    made = SettingVersion.objects.get(version=2)
    assert (made.cleared, made.rollback_to) == (True, 0)


def test_nothing_ticked_and_a_missing_reason_are_said(operator: Client) -> None:
    change("suite.integer", "70")
    change("suite.integer", "80")
    response = apply(operator, version(1), [])
    assert response.status_code == 422
    assert "Tick what is to go back." in text(response)
    change("settings_store.reason_required", "true")
    taken = places(preview(operator, version(1)))
    response = apply(operator, version(1), taken, reason="cut")
    assert response.status_code == 422
    assert "Say why in at least 10 characters" in text(response)
    assert places(text(response), ticked=True) == taken
    assert store.get_setting("suite.integer") == 80


def test_the_page_to_choose_offers_environments_and_people(operator: Client, viewer: Client) -> None:
    assert "Nobody has changed a setting yet." in text(operator.get("/settings/rollback/"))
    change("suite.integer", "70", actor=make_user(username="ben"))
    html = text(viewer.get("/settings/rollback/"))
    assert ">ben</option>" in html
    assert 'value="staging"' in html


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),
        ("kind=moon", 404),
        ("kind=moment", 422),
        ("kind=moment&environment=moon&moment=2026-01-01T00:00", 422),
        ("kind=moment&environment=production&moment=2999-01-01T00:00", 422),
        ("kind=moment&environment=production&moment=0001-01-01T00:00", (200, 422)),
        ("kind=moment&environment=production&moment=%00", 422),
        ("kind=person&person=9&since=2026-01-01T00:00&until=2026-01-02T00:00", 422),
        ("kind=person&person=system&since=2026-01-02T00:00&until=2026-01-01T00:00", 422),
        ("kind=version&key=suite.integer&environment=production&version=x", 404),
        ("kind=version&key=suite.integer&environment=moon&version=1", 404),
        ("kind=version&key=suite.integer&environment=production&version=99", 200),
        ("kind=version&key=%00&environment=production&version=1", 404),
    ],
)
def test_what_makes_no_sense_is_said_and_never_breaks(operator: Client, query: str, status: Any) -> None:
    change("suite.integer", "70")
    wanted = status if isinstance(status, tuple) else (status,)
    assert operator.get(f"/settings/rollback/preview/?{query}").status_code in wanted
    response = operator.post(f"/settings/rollback/apply/?{query}", {"take": ["x", "suite.integer@production:9\0"]})
    assert response.status_code in {*wanted, 409} - {200}
    assert SettingVersion.objects.count() == 1


def test_a_reader_sees_the_preview_and_rolls_nothing_back(viewer: Client, person: Client, client: Client) -> None:
    change("suite.integer", "70")
    change("suite.integer", "80")
    html = preview(viewer, version(1))
    assert "You may read settings, not change them." in html
    assert apply(viewer, version(1), places(html)).status_code == 403
    for page in ("", "preview/", "apply/"):
        assert person.get(f"/settings/rollback/{page}?{version(1)}").status_code == 403
        assert client.get(f"/settings/rollback/{page}?{version(1)}").status_code == 302
    assert store.get_setting("suite.integer") == 80


def test_a_link_to_the_act_leads_to_its_preview(operator: Client) -> None:
    response = operator.get(f"/settings/rollback/apply/?{version(1)}")
    assert response.headers["Location"] == f"/settings/rollback/preview/?{version(1)}"
    assert operator.put(f"/settings/rollback/apply/?{version(1)}").status_code == 405
    assert operator.post("/settings/rollback/preview/").status_code == 405


def test_a_long_json_value_goes_back_as_it_was(admin: Client) -> None:
    # Laid out, it would be longer than anybody may write.
    long = "[" + ",".join(["[1]"] * 4000) + "]"
    change("suite.json", long)
    change("suite.json", "[]")
    query = version(1, "suite.json")
    assert apply(admin, query, places(preview(admin, query))).status_code == 200
    assert len(store.get_setting("suite.json")) == 4000


def test_a_preview_of_many_asks_as_much_as_one_of_few(
    admin: Client, declare: Callable[..., Any], django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        declare(f"many.number{number}", type="integer", default=1)
        change(f"many.number{number}", "2")
    then = timezone.now()
    for number in range(30):
        change(f"many.number{number}", "3")
    query = ask("moment", environment="production", moment=then - timedelta(0))
    with django_assert_max_num_queries(12):
        html = preview(admin, query)
    assert len(places(html)) == 30


def test_many_protected_ones_are_proposed_together_and_recorded_last(
    admin: Client, declare: Callable[..., Any]
) -> None:
    for number in range(30):
        declare(f"many.number{number}", type="integer", default=1)
        change(f"many.number{number}", "2")
    then = timezone.now()
    for number in range(30):
        change(f"many.number{number}", "3")
        if number:
            protect(actor=None, key=f"many.number{number}")
    query = ask("moment", environment="production", moment=then)
    taken = places(preview(admin, query))
    assert len(taken) == 30
    with CaptureQueriesContext(connection) as queries:
        assert apply(admin, query, taken).status_code == 200
    statements = [each["sql"] for each in queries if "SAVEPOINT" not in each["sql"]]
    first = next(number for number, sql in enumerate(statements) if "audithead" in sql)
    assert "auditevent" in statements[first + 1]
    assert "UPDATE" in statements[first + 2]
    assert not any("INSERT" in sql and "auditevent" not in sql for sql in statements[first:])
    assert len(statements) < 40
    acts = AuditEvent.objects.order_by("-sequence").values_list("action", flat=True)
    assert list(acts[:30]) == ["proposal.made"] * 29 + ["setting.changed"]
