"""The session store: facts that stay, limits that end, and cookies that die when they should."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import SWEEP, SessionStore, hashed
from settings_store.actions import change_setting
from settings_store.circumstances import circumstances
from tests.factories import PASSWORD, client_of, make_user

COOKIE = "gatehouse-session"
FACTS = ("user_id", "public_id", "address", "user_agent", "signed_in_at", "ends_at")


@pytest.fixture
def store(person: User) -> SessionStore:
    store = SessionStore()
    store[SESSION_KEY] = str(person.pk)
    with circumstances(address="10.4.2.18", user_agent="curl/8"):
        store.save()
    return store


def facts(row: Session) -> dict[str, object]:
    return {name: getattr(row, name) for name in FACTS}


def test_facts_survive_saving_and_a_new_key(store: SessionStore) -> None:
    before, old_key = facts(Session.objects.get()), store.session_key
    again = SessionStore(store.session_key)
    again["colour"] = "green"
    again.save()
    again.cycle_key()
    again["colour"] = "blue"
    again.save()
    row = Session.objects.get()
    assert facts(row) == before
    assert row.pk == hashed(again.session_key or "")
    assert again.session_key != old_key
    assert SessionStore(again.session_key)["colour"] == "blue"
    assert SessionStore(old_key).get(SESSION_KEY) is None


async def _touch(key: str | None) -> str | None:
    store = SessionStore(key)
    await store.aset("colour", "green")
    await store.asave()
    await store.acycle_key()
    return store.session_key


@pytest.mark.django_db(transaction=True)
async def test_facts_survive_the_asynchronous_way() -> None:
    user = await sync_to_async(make_user)(role=None)
    store = SessionStore()
    await store.aset(SESSION_KEY, str(user.pk))
    await store.asave()
    before = facts(await Session.objects.aget())
    key = await _touch(store.session_key)
    assert facts(await Session.objects.aget()) == before
    assert await SessionStore(key).aget("colour") == "green"
    await SessionStore(key).adelete()
    assert not await Session.objects.aexists()
    # The thread that asked has a connection of its own.
    await sync_to_async(connections.close_all)()


def test_a_session_revoked_meanwhile_does_not_come_back(store: SessionStore) -> None:
    mine = SessionStore(store.session_key)
    mine["colour"] = "green"
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        mine.save()
    with pytest.raises(SessionInterrupted):
        mine.cycle_key()
    assert not Session.objects.exists()


def test_an_id_the_house_did_not_give_is_not_kept(db: None) -> None:
    store = SessionStore("x" * 32)
    assert store.get("anything") is None
    assert store.session_key is None


@pytest.mark.parametrize("cookie", ["short", "\ud800" * 32, "a" * 5000, "a\x00b" * 10])
def test_odd_cookies_are_no_session(db: None, cookie: str) -> None:
    assert SessionStore(cookie).get(SESSION_KEY) is None


def test_an_idle_session_ends(person: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = client_of(person)
        clock.shift(timedelta(hours=11))
        assert client.get("/password/").status_code == 200
        clock.shift(timedelta(hours=11))
        assert client.get("/password/").status_code == 200
        clock.shift(timedelta(hours=12, minutes=1))
        assert client.get("/password/").status_code == 302


def test_a_busy_session_ends_all_the_same(person: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = client_of(person)
        for _ in range(16):
            clock.shift(timedelta(hours=10))
            assert client.get("/password/").status_code == 200
        clock.shift(timedelta(hours=9))
        assert client.get("/password/").status_code == 302


def test_a_shorter_limit_counts_for_sessions_already_open(person: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = client_of(person)
        clock.shift(timedelta(minutes=31))
        change_setting(
            actor=None,
            key="accounts.session.idle_minutes",
            environment="production",
            value="30",
            reason="",
            expected_version=0,
        )
        assert client.get("/password/").status_code == 302


def test_activity_is_written_once_a_minute(person: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = client_of(person)
        begun = Session.objects.get().last_activity
        clock.shift(59)
        client.get("/password/")
        assert Session.objects.get().last_activity == begun
        clock.shift(1)
        with CaptureQueriesContext(connection) as queries:
            client.get("/password/")
        row = Session.objects.get()
        assert row.last_activity == begun + timedelta(seconds=60)
        assert row.expire_date == row.last_activity + timedelta(minutes=720)
        assert len([query for query in queries if query["sql"].startswith("UPDATE")]) == 1
        with CaptureQueriesContext(connection) as queries:
            client.get("/password/")
        assert len(queries) == 2, "the session and the person, nothing else"


def test_revoking_counts_at_the_next_request(person: User) -> None:
    client = client_of(person)
    assert client.get("/password/").status_code == 200
    Session.objects.all().delete()
    answer = client.get("/password/")
    assert answer.status_code == 302
    assert client.cookies[COOKIE].value == ""


def test_deactivation_counts_even_where_the_row_stays(person: User) -> None:
    client = client_of(person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert client.get("/password/").status_code == 302


def test_pages_speak_in_the_persons_time_zone(person: User) -> None:
    User.objects.filter(pk=person.pk).update(time_zone="Asia/Tokyo")
    with time_machine.travel("2026-11-20T20:00:00Z", tick=False):
        client = client_of(person)
        assert "21 November 2026, 05:00" in client.get("/profile/sessions/").content.decode()
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize("zone", ["No/Where", "../etc/passwd", ""])
def test_a_time_zone_that_is_none_does_no_harm(person: User, zone: str) -> None:
    User.objects.filter(pk=person.pk).update(time_zone=zone)
    assert client_of(person).get("/password/").status_code == 200


def test_sessions_that_ran_out_are_cleared_when_somebody_signs_in(person: User, client: Client) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=31)):
        for _number in range(SWEEP + 1):
            client_of(person)
    kept = client_of(person)
    client.post("/login/", {"username": "ana.ruiz", "password": PASSWORD})
    # A few at a time, so that nobody waits at the door for a year's worth.
    assert Session.objects.count() == 3
    client.post("/login/", {"username": "ana.ruiz", "password": PASSWORD})
    assert Session.objects.count() == 2
    assert kept.get("/password/").status_code == 200


def test_activity_never_moves_the_end(person: User) -> None:
    change_setting(actor=None, key="accounts.session.absolute_hours", environment="production", value="2")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = client_of(person)
        clock.shift(timedelta(minutes=90))
        client.get("/password/")
        row = Session.objects.get()
        assert row.expire_date == row.ends_at


def test_anonymous_data_lives_an_hour_and_is_nobodys(client: Client, db: None) -> None:
    store = SessionStore()
    store["colour"] = "green"
    store.save()
    row = Session.objects.get()
    assert row.user is None
    assert row.expire_date <= timezone.now() + timedelta(hours=1)
