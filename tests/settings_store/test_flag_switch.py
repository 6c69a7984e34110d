"""The switch on the row of a flag, and taking it back."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from accounts.models import User
from settings_store.actions import (
    Description,
    Seen,
    StaleSetting,
    change_setting,
    create_flag,
    protect,
    submit_change,
    switch_flag,
    undo_change,
)
from settings_store.flag.rules import FlagType
from settings_store.flags import flag_enabled
from settings_store.models import AuditEvent, Proposal, Setting, SettingVersion
from settings_store.realms import key_of_flag
from settings_store.setting_definitions import REASON_REQUIRED
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db

KEY = "flag:new-search"


@pytest.fixture(autouse=True)
def flag() -> None:
    make("new-search")


@pytest.fixture
def omar() -> User:
    return make_user(role="operator", username="omar", full_name="Omar Haddad")


@pytest.fixture
def client(omar: User) -> Client:
    return client_of(omar)


def make(key: str, kind: FlagType = FlagType.BOOLEAN) -> None:
    create_flag(actor=None, key=key, kind=kind, description=Description(label="A flag"))


def give(
    environment: str = "production",
    *,
    key: str = "new-search",
    actor: User | None = None,
    apply_at: datetime | None = None,
    **rules: Any,
) -> None:
    value = json.dumps({"on": True} | rules)
    submit_change(actor=actor, key=key_of_flag(key), environment=environment, value=value, apply_at=apply_at)


def rules(environment: str = "production") -> Any:
    row = Setting.objects.filter(key=KEY, environment=environment).first()
    return row.value if row else None


def switch(
    client: Client,
    *,
    on: bool,
    version: int = 0,
    common: int = 0,
    key: str = "new-search",
    htmx: bool = True,
    **more: str,
) -> Any:
    data = {"on": "1" if on else "0", "version": version, "common": common} | more
    return client.post(f"/flags/{key}/switch/", data, headers={"HX-Request": "true"} if htmx else {})


def undo(client: Client, version: int, *, htmx: bool = True) -> Any:
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post("/flags/new-search/undo/", {"version": version}, headers=headers)


def said(response: HttpResponseBase) -> str:
    """The words of the toast in an answer."""
    found = re.search(r'class="toast".*?<span>(.*?)</span>', response.content.decode(), re.DOTALL)  # type: ignore[attr-defined]
    return found[1] if found else ""


def test_it_turns_a_flag_on_here_and_off_again(client: Client) -> None:
    response = switch(client, on=True)
    assert said(response) == "new-search is switched on in production."
    assert 'aria-checked="true"' in response.content.decode()
    assert rules()["on"] is True
    assert rules("default") is None
    assert flag_enabled("new-search")
    assert 'aria-checked="false"' in switch(client, on=False, version=1).content.decode()
    assert not flag_enabled("new-search")


def test_all_else_of_the_rules_stays(client: Client) -> None:
    give(share=250, people=[3], roles=[2], needs=[])
    switch(client, on=False, version=1)
    first = SettingVersion.objects.get(setting__key=KEY, version=1).value
    assert first is not None
    assert rules() == first | {"on": False}


def test_common_rules_become_its_own(client: Client) -> None:
    give("default", share=500)
    switch(client, on=False, common=1)
    assert rules() == rules("default") | {"on": False}
    assert rules("default")["on"] is True


def test_common_rules_that_changed_meanwhile_are_not_taken_over_unseen(client: Client) -> None:
    give("default", share=500)
    give("default", share=10_000)
    response = switch(client, on=False, common=1)
    assert response.status_code == 409
    assert "changed new-search meanwhile" in said(response)
    assert rules() is None


def test_who_comes_second_is_told_and_sees_how_it_stands(client: Client) -> None:
    ann = make_user(role="operator", username="ann", full_name="Ann Lee")
    give(actor=ann, share=500)
    response = switch(client, on=False, version=0)
    assert response.status_code == 409
    assert said(response) == "Ann Lee changed new-search meanwhile. Nothing was switched; this is how it stands now."
    assert 'aria-checked="true"' in response.content.decode()
    assert rules()["on"] is True


def test_what_is_so_already_makes_no_version(client: Client) -> None:
    give()
    assert said(switch(client, on=True, version=0)) == "new-search is on in production already."
    assert Setting.objects.get(key=KEY).version == 1


def test_a_protected_flag_is_proposed_and_says_so(client: Client) -> None:
    protect(actor=None, key=KEY)
    response = switch(client, on=True)
    assert "is protected, so this is proposed" in said(response)
    assert "awaits approval" in response.content.decode()
    assert "Undo" not in response.content.decode()
    assert rules() is None
    assert (Proposal.objects.get().value or {})["on"] is True


def test_a_new_proposal_can_be_withdrawn_and_is_counted(client: Client) -> None:
    protect(actor=None, key=KEY)
    html = switch(client, on=True).content.decode()
    proposal = Proposal.objects.get()
    assert 'id="tab-awaiting" hx-swap-oob="true"' in html
    assert '<span class="count hot">1</span>' in html
    address = f"/flags/proposals/{proposal.public_id}/withdraw/"
    assert f'action="{address}"' in html.split('class="toast"')[1]
    assert client.post(address, {"back": "/flags/"}).headers["Location"] == "/flags/"
    assert 'id="tab-awaiting" href' in client.get("/flags/").content.decode()
    proposal.refresh_from_db()
    assert proposal.status == Proposal.Status.WITHDRAWN


def test_what_awaits_approval_already_is_not_proposed_twice(client: Client) -> None:
    protect(actor=None, key=KEY)
    ann = make_user(role="operator", username="ann", full_name="Ann Lee")
    switch(client_of(ann), on=True)
    address = f"/flags/proposals/{Proposal.objects.get().public_id}/"
    assert said(switch(client, on=True)) == f'Ann Lee proposed this already. <a href="{address}">Open the proposal</a>'
    assert said(switch(client_of(ann), on=True)).startswith("You proposed this already.")
    assert Proposal.objects.count() == 1
    plain = switch(client, on=True, htmx=False)
    assert f'<a href="{address}">' in client.get(plain.headers["Location"]).content.decode()


def test_what_waits_is_another_proposal_where_the_rules_or_the_time_are_others(client: Client) -> None:
    protect(actor=None, key=KEY)
    give(share=500)
    give(apply_at=timezone.now() + timedelta(days=1))
    assert "is protected, so this is proposed" in said(switch(client, on=True))
    assert Proposal.objects.count() == 3


def test_protected_flags_that_change_along_are_named(client: Client) -> None:
    for key in ("alarm", "siren", "middle", "quiet"):
        make(key)
    give()
    give(key="middle", needs=["new-search"])
    give(key="alarm", needs=["new-search"])
    give(key="siren", needs=["middle"])
    give(key="quiet", needs=["new-search"], on=False)
    assert said(switch(client, on=False, version=1)) == "new-search is switched off in production."
    for key in ("siren", "quiet"):
        protect(actor=None, key=f"flag:{key}")
    switch(client, on=True, version=2)
    words = said(switch(client, on=False, version=3))
    assert words == "new-search is switched off in production. siren (protected) needs it and is off now too."
    protect(actor=None, key="flag:alarm")
    words = said(switch(client, on=True, version=4))
    assert words.endswith("alarm, siren (protected) need it, so their own rules count now.")
    location = switch(client, on=False, version=5, htmx=False).headers["Location"]
    assert "alarm, siren (protected) need it and are off now too." in client.get(location).content.decode()


def test_a_flag_without_variants_says_what_it_lacks(client: Client) -> None:
    make("greeting", FlagType.STRING)
    response = switch(client, on=True, key="greeting")
    assert response.status_code == 422
    assert said(response) == "greeting: Give it a variant before it is switched on."
    assert 'aria-checked="false"' in response.content.decode()


def test_where_reasons_are_needed_it_asks_for_one(client: Client) -> None:
    change_setting(actor=None, key=REASON_REQUIRED.key, environment="production", value="true")
    response = switch(client, on=True)
    html = response.content.decode()
    assert response.status_code == 422
    assert 'name="reason"' in html
    assert "Say why" not in html, "nobody was asked before"
    assert "Say why" in switch(client, on=True, reason="short").content.decode()
    assert 'name="reason"' in switch(client, on=True, htmx=False).content.decode()
    data = {"on": "1", "version": 0, "common": 0}
    filtered = client.post("/flags/new-search/switch/?state=on&stale=1&q=other", data).content.decode()
    assert 'name="reason"' in filtered
    switch(client, on=True, reason="for the whole suite")
    assert SettingVersion.objects.get(setting__key=KEY).reason == "for the whole suite"
    assert said(undo(client, 1)).startswith("Undone")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"on": "2", "version": "0", "common": "0"},
        {"on": "1", "version": "9" * 40, "common": "0"},
        {"on": "1", "version": "\x00", "common": "-1"},
        {"on": "1", "version": "0", "common": "0", "reason": "\x00"},
        {"on": "1", "version": "0", "common": "0", "reason": "x" * 501},
    ],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_odd_forms_change_nothing(client: Client, data: dict[str, str], htmx: bool) -> None:
    response = client.post("/flags/new-search/switch/", data, headers={"HX-Request": "true"} if htmx else {})
    assert response.status_code in ({422} if htmx else {302, 422})
    assert rules() is None


def test_undo_puts_back_exactly_what_was_there(client: Client) -> None:
    give(share=250, people=[7])
    before = rules()
    response = switch(client, on=False, version=1)
    assert "/flags/new-search/undo/" in response.content.decode()
    assert said(undo(client, 2)) == "Undone: new-search is as it was, which is version 3."
    assert rules() == before
    version = SettingVersion.objects.get(setting__key=KEY, version=3)
    assert (version.rollback_to, version.reason) == (1, "Undid version 2.")
    event = AuditEvent.objects.filter(target_type="settings_store.flag").order_by("-sequence")[0]
    assert (event.action, event.target_id, (event.after or {})["rolled_back_to"]) == ("flag.changed", "new-search", 1)


def test_undo_where_nothing_was_set_lets_the_common_rules_hold_again(client: Client, omar: User) -> None:
    assert not omar.has_perm("flags.delete")
    give("default", share=500)
    switch(client, on=False, common=1)
    response = undo(client, 1)
    assert said(response).startswith("Undone")
    assert rules() is None
    assert 'aria-checked="true"' in response.content.decode()


def test_undo_after_somebody_elses_change_changes_nothing(client: Client) -> None:
    switch(client, on=True)
    ann = make_user(role="operator", username="ann", full_name="Ann Lee")
    give(actor=ann, share=500)
    response = undo(client, 1)
    assert response.status_code == 409
    assert "Ann Lee changed new-search since, so nothing was undone" in said(response)
    assert "<b>5 %</b>" in response.content.decode()
    assert Setting.objects.get(key=KEY).version == 2


def test_nobody_undoes_what_somebody_else_did(client: Client) -> None:
    ann = make_user(role="operator", username="ann")
    give(actor=ann)
    response = undo(client, 1)
    assert response.status_code == 422
    assert "Somebody else made this change" in said(response)
    assert rules()["on"] is True


def test_what_the_system_did_is_nobodys_to_undo(client: Client) -> None:
    give(actor=None)
    assert undo(client, 1).status_code == 422
    assert rules()["on"] is True


def test_undo_of_what_was_protected_since_changes_nothing(client: Client) -> None:
    switch(client, on=True)
    protect(actor=None, key=KEY)
    assert "was protected since" in said(undo(client, 1))
    assert rules()["on"] is True
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("version", ["", "0", "-1", "\x00", "9" * 40, "7"])
def test_odd_undos_change_nothing(client: Client, version: str) -> None:
    headers = {"HX-Request": "true"}
    assert client.post("/flags/new-search/undo/", {"version": version}, headers=headers).status_code == 422
    switch(client, on=True)
    assert client.post("/flags/new-search/undo/", {"version": version}, headers=headers).status_code in {409, 422}
    assert rules()["on"] is True


def test_without_scripts_the_page_offers_to_undo(client: Client, viewer: Client) -> None:
    response = client.post("/flags/new-search/switch/?q=new&env=staging", {"on": "1", "version": 0, "common": 0})
    assert response.headers["Location"] == "/flags/?q=new&env=staging&switched=new-search"
    html = client.get(response.headers["Location"]).content.decode()
    assert "new-search is switched on in production." in html
    assert 'action="/flags/new-search/undo/?q=new&amp;env=staging"' in html
    assert "/undo/" not in viewer.get(response.headers["Location"]).content.decode()
    done = undo(client, 1, htmx=False)
    assert done.headers["Location"] == "/flags/"
    assert "Undone: new-search" in client.get("/flags/").content.decode()
    assert rules() is None
    assert "/undo/" not in make_and_open_as_other(response.headers["Location"])


def make_and_open_as_other(address: str) -> str:
    return client_of(make_user(role="operator")).get(address).content.decode()


def test_only_who_may_write_has_the_switch(viewer: Client, person: Client) -> None:
    assert 'role="switch"' not in viewer.get("/flags/").content.decode()
    for client in (viewer, person):
        assert switch(client, on=True).status_code == 403
        assert undo(client, 1).status_code == 403
    assert rules() is None


def test_flags_that_are_not_there_are_not_switched(client: Client) -> None:
    for key in ("nothing", "NEW-SEARCH", "%00", "flag:new-search"):
        assert switch(client, on=True, key=key).status_code == 404
        assert client.post(f"/flags/{key}/undo/", {"version": 1}).status_code == 404


def test_programs_are_told_as_people_are(omar: User) -> None:
    made = switch_flag(actor=omar, key="new-search", environment="staging", is_on=True, seen=Seen(0, 0))
    assert isinstance(made, Setting)
    with pytest.raises(StaleSetting):
        switch_flag(actor=omar, key="new-search", environment="staging", is_on=False, seen=Seen(0, 0))
    assert undo_change(actor=omar, key="new-search", environment="staging", version=1).version == 2
    assert rules("staging") is None
