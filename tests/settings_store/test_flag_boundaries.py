"""Whoever may do everything with settings sees and changes nothing of flags, and the other way round."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from rbac.actions import assign_role, create_role
from settings_store.actions import Description, change_setting, create_flag, protect, submit_change
from settings_store.definitions import UnknownSetting
from settings_store.flag.rules import FlagType
from settings_store.models import AuditEvent, Flag, Proposal, Protection, Setting, SettingVersion
from settings_store.realms import Realm, key_of_flag
from settings_store.store import get_setting
from tests.factories import client_of, make_user
from tests.routes import Route, routes
from ui.registry import registry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]
FLAG, KEY = "ninth-floor", key_of_flag("ninth-floor")
# What stands on no page of the other realm, whatever its address says.
SECRETS = {Realm.SETTINGS: "hushhush", Realm.FLAGS: "Opens in spring"}
BESIDE = ("audit.read", "system.read")


@pytest.fixture
def kept() -> dict[Realm, Proposal]:
    """A flag and a setting, each changed, protected and with a proposal that waits."""
    create_flag(actor=None, key=FLAG, kind=FlagType.STRING, description=Description(label="Opens in spring"))
    variants = [{"name": "Opens in spring", "value": "Opens in spring", "weight": 10_000}]
    give(KEY, json.dumps({"on": False, "variants": variants}))
    give("suite.text", "hushhush")
    made = {}
    for realm, key, value in (
        (Realm.FLAGS, KEY, json.dumps({"on": True, "variants": variants})),
        (Realm.SETTINGS, "suite.text", "hushhush, then"),
    ):
        protect(actor=None, key=key)
        proposal = give(key, value)
        assert isinstance(proposal, Proposal)
        made[realm] = proposal
    return made


def give(key: str, value: str) -> Setting | Proposal | None:
    return submit_change(actor=None, key=key, environment="production", value=value)


def who(realm: Realm, *beside: str) -> Client:
    """Somebody who may do all there is here, and nothing in the other realm."""
    held = [name for name in registry.permissions if name.startswith(f"{realm}.")]
    role = create_role(actor=None, name=f"all {realm}", priority=15, permissions=[*held, *beside])
    user = make_user(role=None, username=f"all-{realm}")
    assign_role(actor=None, user=user, role=role)
    return client_of(user, raise_request_exception=False)


def state() -> list[Any]:
    """All that is kept, but for the trail, in which reading may be noted."""
    tables = (Setting, SettingVersion, Proposal, Protection, Flag)
    return [list(model._default_manager.order_by("pk").values()) for model in tables]


def addresses(realm: Realm, proposal: Proposal, keys: tuple[str, ...]) -> Iterator[str]:
    """Every page of a realm, asked for what is of the other one."""
    for route in routes():
        if is_page_of(route, realm):
            for key in keys if "key" in route.parameters else ("",):
                yield route.path_to(key=key, public_id=proposal.public_id)


def is_page_of(route: Route, realm: Realm) -> bool:
    return route.route.startswith(f"{realm}/")


@pytest.mark.parametrize("realm", Realm)
def test_every_page_of_one_realm_says_and_does_nothing_of_the_other(realm: Realm, kept: dict[Realm, Proposal]) -> None:
    client, other = who(realm), realm.other
    keys = (FLAG, KEY) if other is Realm.FLAGS else ("suite.text",)
    asked = {
        "": {},
        "search": {"q": "spring hush", "environment": "production"},
        "all": {"kind": "moment", "environment": "production", "moment": "2020-01-01T00:00:00"},
        "version": {"kind": "version", "key": keys[-1], "environment": "production", "version": "0"},
        "name": {"kind": "version", "key": keys[0], "environment": "production", "version": "0"},
    }
    sent = {
        "key": keys[-1],
        "value": "x",
        "version": "1",
        "reason": "because of it",
        "note": "no",
        "take": f"{keys[-1]}@production:1",
    }
    before, wrong, walked = state(), [], 0
    for address in addresses(realm, kept[other], keys):
        for query in asked.values():
            walked += 1
            for response in (client.get(address, query), client.post(f"{address}?{as_query(query)}", sent)):
                html = b"".join(response) if response.streaming else response.content
                if SECRETS[other].encode() in html or response.status_code >= 500:
                    wrong.append((address, query, response.status_code))
    assert wrong == []
    assert walked > 50
    assert state() == before


def as_query(query: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in query.items())


@pytest.mark.parametrize("realm", Realm)
def test_the_pages_of_the_other_realm_are_closed(realm: Realm, kept: dict[Realm, Proposal]) -> None:
    client, other = who(realm), realm.other
    key = FLAG if other is Realm.FLAGS else "suite.text"
    open_ = [address for address in addresses(other, kept[other], (key,)) if client.get(address).status_code != 403]
    assert open_ == []


@pytest.mark.parametrize("realm", Realm)
def test_a_proposal_is_found_under_its_own_realm_alone(
    realm: Realm, kept: dict[Realm, Proposal], admin: Client
) -> None:
    """Even by somebody who may do all of it: an address says whose right was asked."""
    other = kept[realm.other].public_id
    for act in ("", "approve/", "decline/", "withdraw/"):
        assert admin.get(page(realm, other, act)).status_code == 404, act
        assert admin.post(page(realm, other, act), {"note": "x"}).status_code == (404 if act else 405)
    assert admin.get(page(realm, kept[realm].public_id)).status_code == 200
    assert set(Proposal.objects.values_list("status", flat=True)) == {"awaiting"}


def page(realm: Realm, public_id: UUID, act: str = "") -> str:
    return f"/{realm}/proposals/{public_id}/{act}"


@pytest.mark.parametrize("realm", Realm)
def test_home_and_the_rail_show_what_is_ones_own_to_decide(realm: Realm, kept: dict[Realm, Proposal]) -> None:
    html = who(realm).get("/").content.decode()
    assert page(realm, kept[realm].public_id) in html
    assert str(kept[realm.other].public_id) not in html
    assert f'href="/{realm}/"' in html
    assert f'href="/{realm.other}/"' not in html


@pytest.mark.parametrize("realm", Realm)
def test_the_django_admin_shows_the_rows_one_may_read(realm: Realm, kept: dict[Realm, Proposal]) -> None:
    client, other = who(realm, "system.read"), realm.other
    own, foreign = ("suite.text", "flag ninth-floor") if realm is Realm.SETTINGS else ("flag ninth-floor", "suite.text")
    for model in (Setting, SettingVersion, Proposal, Protection):
        name = model._meta.model_name
        html = client.get(reverse(f"admin:settings_store_{name}_changelist")).content.decode()
        assert own in html, name
        assert foreign not in html, name
        column = "setting__key" if model is SettingVersion else "key"
        for row in model._default_manager.filter(other.rows(column)):
            for act in ("change", "delete"):
                answer = client.get(reverse(f"admin:settings_store_{name}_{act}", args=[row.pk]), follow=True)
                assert SECRETS[other] not in answer.content.decode(), (name, act)
    flags = client.get(reverse("admin:settings_store_flag_changelist"))
    assert (flags.status_code == 200) is (realm is Realm.FLAGS)


def test_the_django_admin_changes_no_flag(kept: dict[Realm, Proposal], admin: Client) -> None:
    row, before = Setting.objects.get(key=KEY), state()
    sent = {"value": json.dumps({"on": True}), "version": "1", "reason": "", "apply_at": "", "post": "yes"}
    for act in ("change", "delete"):
        assert admin.post(reverse(f"admin:settings_store_setting_{act}", args=[row.pk]), sent).status_code == 403
    assert (
        "Opens in spring" in admin.get(reverse("admin:settings_store_setting_change", args=[row.pk])).content.decode()
    )
    address = reverse("admin:settings_store_setting_add")
    assert admin.post(f"{address}?key={KEY}&environment=staging", sent).status_code == 422
    flag = Flag.objects.get()
    for act in ("change", "delete"):
        assert (
            admin.post(reverse(f"admin:settings_store_flag_{act}", args=[flag.pk]), {"label": "x"}).status_code == 403
        )
    assert state() == before


def test_no_file_of_settings_holds_flags(kept: dict[Realm, Proposal], admin: Client) -> None:
    for what in ("own", "held"):
        for kind in ("yaml", "json"):
            places = ("default", "production", "staging")
            answer = admin.post("/settings/export/", {"environments": places, "what": what, "format": kind})
            assert answer.status_code == 200
            assert b"hushhush" in answer.content
            assert FLAG.encode() not in answer.content
            assert b"spring" not in answer.content


def test_no_file_brings_flags_in(kept: dict[Realm, Proposal], admin: Client) -> None:
    before = state()
    for key in (KEY, FLAG):
        text = f'gatehouse: settings/1\nenvironments:\n  production:\n    "{key}": {{"on": true}}\n'
        answer = admin.post("/settings/import/", {"text": text, "environment": "production"}, follow=True)
        assert answer.status_code in {200, 422}
        html = answer.content.decode()
        assert "Opens in spring" not in html
        assert 'name="seen"' not in html, "nothing is offered to be applied"
    assert state() == before


@pytest.mark.parametrize(
    "command",
    [
        ("settings_get", KEY),
        ("settings_set", KEY, '{"on": true}'),
        ("settings_set", KEY, '{"on": true}', "--environment", "staging", "--despite-protection"),
    ],
)
def test_commands_of_settings_know_no_flag(kept: dict[Realm, Proposal], command: tuple[str, ...]) -> None:
    before, out = state(), io.StringIO()
    with pytest.raises(CommandError):
        call_command(*command, stdout=out, stderr=out)
    assert "spring" not in out.getvalue()
    assert state() == before


def test_lists_of_commands_leave_flags_out(kept: dict[Realm, Proposal]) -> None:
    out = io.StringIO()
    call_command("settings_list", stdout=out)
    call_command("settings_diff", "production", "staging", stdout=out)
    assert "hushhush" in out.getvalue()
    assert FLAG not in out.getvalue()


def test_a_flag_is_no_setting_to_programs(kept: dict[Realm, Proposal]) -> None:
    for key in (KEY, FLAG):
        with pytest.raises(UnknownSetting):
            get_setting(key)
    # In a transaction that has changed something the database is asked instead.
    change_setting(actor=None, key="suite.integer", environment="production", value="70")
    with pytest.raises(UnknownSetting):
        get_setting(KEY)


@pytest.mark.parametrize("realm", Realm)
def test_the_trail_leads_to_what_one_may_read(realm: Realm, kept: dict[Realm, Proposal]) -> None:
    client = who(realm, *BESIDE)
    for event in AuditEvent.objects.filter(target_type__startswith="settings_store."):
        html = client.get(f"/audit/{event.pk}/").content.decode()
        name = event.target_name
        of_flag = event.target_type == "settings_store.flag" or name.startswith("flag ")
        leads = any(f'href="/{each}/' in html.split("</nav>")[-1] for each in Realm)
        assert leads is (of_flag is (realm is Realm.FLAGS)), (event.action, name)


@pytest.mark.parametrize("realm", Realm)
def test_events_of_one_are_for_those_who_may_read_it(realm: Realm, kept: dict[Realm, Proposal]) -> None:
    client = who(realm, *BESIDE)
    found = {
        Realm.FLAGS: client.get(f"/flags/{FLAG}/events/").status_code,
        Realm.SETTINGS: client.get("/settings/suite.text/events/?environment=production").status_code,
    }
    assert found == {realm: 200, realm.other: 403}
