"""Archiving a flag, and bringing it back."""

from __future__ import annotations

import pytest
from django.test import Client

from settings_store.actions import Description, create_flag, protect, submit_change
from settings_store.flag.rules import FlagType
from settings_store.flags import flag_enabled
from settings_store.models import AuditEvent, Flag
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def flag() -> None:
    make("new-search")
    submit_change(actor=None, key="flag:new-search", environment="production", value='{"on": true}')


def make(key: str) -> None:
    create_flag(actor=None, key=key, kind=FlagType.BOOLEAN, description=Description(label="A flag"))


def is_archived(key: str = "new-search") -> bool:
    return Flag.objects.get(key=key).archived_at is not None


def test_archived_it_is_unknown_to_programs_and_comes_back_with_its_rules(admin: Client) -> None:
    assert flag_enabled("new-search")
    response = admin.post("/flags/new-search/archive/")
    assert response.headers["Location"] == "/flags/?put_away=new-search"
    html = admin.get("/flags/?put_away=new-search").content.decode()
    assert "new-search is archived" in html
    assert 'action="/flags/new-search/restore/"' in html
    assert not flag_enabled("new-search")
    assert flag_enabled("new-search", default=True)
    assert admin.post("/flags/new-search/restore/").headers["Location"] == "/flags/new-search/"
    assert flag_enabled("new-search")
    acts = AuditEvent.objects.filter(target_id="new-search").order_by("sequence").values_list("action", flat=True)
    assert list(acts)[-2:] == ["flag.archived", "flag.brought_back"]


def test_twice_is_once(admin: Client) -> None:
    for _time in range(2):
        admin.post("/flags/new-search/archive/")
    for _time in range(2):
        admin.post("/flags/new-search/restore/")
    assert AuditEvent.objects.filter(action__in=["flag.archived", "flag.brought_back"]).count() == 2


def test_what_another_depends_on_stays(admin: Client) -> None:
    make("shiny")
    submit_change(actor=None, key="flag:shiny", environment="staging", value='{"on": true, "needs": ["new-search"]}')
    admin.post("/flags/new-search/archive/")
    assert "shiny depends on new-search: take that away first." in admin.get("/flags/").content.decode()
    assert not is_archived()


def test_what_is_protected_or_pending_stays(admin: Client) -> None:
    protect(actor=None, key="flag:new-search")
    admin.post("/flags/new-search/archive/")
    assert "new-search is protected" in admin.get("/flags/").content.decode()
    ann = make_user(role="admin", username="ann")
    submit_change(actor=ann, key="flag:new-search", environment="production", value='{"on": false}')
    admin.post("/flags/new-search/archive/")
    assert not is_archived()


def test_it_is_offered_where_the_flag_is_described(admin: Client, operator: Client) -> None:
    assert "/flags/new-search/archive/" in admin.get("/flags/new-search/describe/").content.decode()
    assert "/flags/new-search/archive/" not in operator.get("/flags/new-search/describe/").content.decode()


def test_only_who_may_delete_does_it(operator: Client, viewer: Client) -> None:
    for client in (operator, viewer):
        assert client.post("/flags/new-search/archive/").status_code == 403
        assert client.post("/flags/new-search/restore/").status_code == 403
    assert not is_archived()


def test_it_is_no_link(admin: Client) -> None:
    assert admin.get("/flags/new-search/archive/").status_code == 405
    assert admin.get("/flags/new-search/restore/").status_code == 405


@pytest.mark.parametrize("key", ["nothing", "NEW-SEARCH", "%00", "%ED%A0%80"])
def test_what_is_not_there_is_not_found(admin: Client, key: str) -> None:
    assert admin.post(f"/flags/{key}/archive/").status_code == 404
    assert admin.post(f"/flags/{key}/restore/").status_code == 404


def test_an_archived_flag_has_no_switch(admin: Client) -> None:
    admin.post("/flags/new-search/archive/")
    given = {"on": "0", "version": 1, "common": 0}
    assert admin.post("/flags/new-search/switch/", given).status_code == 404
    assert 'role="switch"' not in admin.get("/flags/?archived=1").content.decode()
    assert "Bring back" in admin.get("/flags/?archived=1").content.decode()
