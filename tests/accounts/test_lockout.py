"""Locks that grow, whom they are told, and how an admin ends one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import actions, credentials
from accounts.models import Lockout, User
from settings_store import limits
from settings_store.circumstances import circumstances
from settings_store.models import AuditEvent
from settings_store.store import get_setting
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of, make_user, role_named

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def lock(name: str, *, times: int | None = None) -> None:
    """As many wrong passwords as a lock takes, each from an address of its own."""
    for place in range(times or get_setting("accounts.lockout.attempts")):
        with circumstances(address=f"10.7.0.{place}", user_agent=FIREFOX):
            assert credentials.check(name, "wrong") is None


def gets_in(name: str) -> bool:
    with circumstances(address="10.8.0.1"):
        return credentials.check(name, PASSWORD) is not None


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(timezone.now(), tick=False) as coordinates:
        yield coordinates


def test_each_lock_in_a_row_takes_twice_as_long_up_to_the_longest(person: User, clock: time_machine.Traveller) -> None:
    lengths = []
    for _ in range(9):
        lock("ana.ruiz")
        row = Lockout.objects.get(user=person)
        lengths.append((row.until - row.begun_at).total_seconds())
        clock.move_to(row.until + timedelta(seconds=1))
    assert lengths == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert Lockout.objects.get(user=person).strikes == 9


def test_the_lock_holds_for_its_whole_length_and_no_longer(person: User, clock: time_machine.Traveller) -> None:
    lock("ana.ruiz")
    clock.shift(61)
    lock("ana.ruiz")
    clock.shift(119)
    assert not gets_in("ana.ruiz")
    clock.shift(2)
    assert gets_in("ana.ruiz")


def test_a_name_that_nobody_has_is_locked_just_as_long(db: None, clock: time_machine.Traveller) -> None:
    """Somebody registers under the name meanwhile, or the length of a lock would tell who exists."""

    def locked_for() -> int:
        subject = ("accounts.password.account", "name:nobody")
        return int(limits.reserve(*subject, limit=10, seconds=900).retry_after)

    lengths = []
    for _ in range(3):
        lock("nobody")
        lengths.append(locked_for())
        clock.shift(lengths[-1] + 1)
    assert lengths == [60, 120, 240]
    assert not Lockout.objects.exists()
    assert "user.locked" not in AuditEvent.objects.values_list("action", flat=True)


def test_a_day_without_wrong_passwords_begins_anew(person: User, clock: time_machine.Traveller) -> None:
    lock("ana.ruiz")
    clock.shift(timedelta(hours=23))
    lock("ana.ruiz", times=1)
    clock.shift(timedelta(hours=23))
    lock("ana.ruiz")
    assert Lockout.objects.get().strikes == 2
    clock.shift(timedelta(hours=25))
    lock("ana.ruiz")
    assert Lockout.objects.get().strikes == 1


def test_a_right_password_ends_the_row(person: User, clock: time_machine.Traveller) -> None:
    lock("ana.ruiz")
    clock.shift(61)
    assert gets_in("ana.ruiz")
    assert not Lockout.objects.exists()
    lock("ana.ruiz")
    assert Lockout.objects.get().strikes == 1


def test_what_is_tried_during_a_lock_changes_nothing(person: User, clock: time_machine.Traveller, trail: Trail) -> None:
    lock("ana.ruiz")
    until = Lockout.objects.get().until
    clock.shift(30)
    lock("ana.ruiz", times=25)
    assert Lockout.objects.get().until == until
    assert trail.actions.count("user.locked") == 1


@pytest.mark.django_db(transaction=True)
def test_the_person_is_told_once_and_learns_from_where(
    person: User, trail: Trail, post: Callable[[], list[EmailMessage]]
) -> None:
    lock("ana.ruiz", times=30)
    (event,) = (event for event in trail.events if event.action == "user.locked")
    assert (event.actor_id, event.target_id) == (None, str(person.public_id))
    assert event.address == "10.7.0.9"
    assert event.after is not None
    assert event.after["locks_in_a_row"] == 1
    (letter,) = post()
    assert letter.to == ["Ana.Ruiz@example.org"]
    assert "Firefox 145 on Linux" in letter.body
    assert "10.7.0.9" in letter.body


def test_nobody_is_told_of_somebody_deactivated(db: None, trail: Trail) -> None:
    make_user(username="gone", is_active=False)
    lock("gone")
    assert not Lockout.objects.exists()
    assert "user.locked" not in trail.actions


def test_wrong_passwords_of_somebody_signed_in_lock_as_well(person: User) -> None:
    for _ in range(10):
        assert not credentials.confirm(person, "wrong")
    assert Lockout.objects.holding().filter(user=person).exists()
    assert not gets_in("ana.ruiz")


@pytest.mark.django_db(transaction=True)
def test_guesses_at_once_make_one_lock_and_one_letter(post: Callable[[], list[EmailMessage]]) -> None:
    make_user(username="ana.ruiz")

    def guess(number: int) -> None:
        try:
            with circumstances(address=f"10.0.0.{number}"):
                assert credentials.check("ana.ruiz", "wrong") is None
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(guess, range(48)))
    assert Lockout.objects.get().strikes == 1
    assert AuditEvent.objects.filter(action="user.locked").count() == 1
    assert len(post()) == 1


def test_an_admin_lets_somebody_in_at_once(person: User, admin: User, as_admin: Client, trail: Trail) -> None:
    lock("ana.ruiz")
    assert not gets_in("ana.ruiz")
    page = as_admin.get(f"/users/{person.public_id}/").content.decode()
    assert "locked out until" in page
    assert f"/users/{person.public_id}/unlock/" in page
    answer = as_admin.post(f"/users/{person.public_id}/unlock/")
    assert answer["Location"] == f"/users/{person.public_id}/"
    assert trail.events[-1].action == "user.unlocked"
    assert trail.events[-1].actor_id == admin.pk
    assert gets_in("ana.ruiz")
    lock("ana.ruiz")
    assert Lockout.objects.get().strikes == 1


def test_whoever_is_not_locked_out_is_said_not_to_be(person: User, as_admin: Client, trail: Trail) -> None:
    answer = as_admin.post(f"/users/{person.public_id}/unlock/", follow=True)
    assert "is not locked out" in answer.content.decode()
    assert trail.actions == []


def test_wrong_passwords_that_locked_nobody_out_still_count(person: User, manager: User) -> None:
    lock("ana.ruiz", times=get_setting("accounts.lockout.attempts") - 1)
    assert not actions.unlock_user(actor=manager, user=person)
    lock("ana.ruiz", times=1)
    assert Lockout.objects.holding().exists()


def test_wrong_people_and_methods_unlock_nobody(
    person: User, manager: User, as_person: Client, as_manager: Client
) -> None:
    chief = make_user(username="chief", role="admin")
    lock("chief")
    url = f"/users/{chief.public_id}/unlock/"
    assert as_person.post(url).status_code == 403
    assert as_manager.get(url).status_code == 405
    answer = as_manager.post(url, follow=True)
    assert "beyond your reach" in answer.content.decode()
    with pytest.raises(ValidationError):
        actions.unlock_user(actor=manager, user=chief)
    assert Lockout.objects.holding().exists()
    assert not gets_in("chief")


def test_unlock_on_home_passes_the_check_of_forms(person: User, manager: User) -> None:
    lock("ana.ruiz")
    careful = client_of(manager, enforce_csrf_checks=True)
    page = careful.get("/").content.decode()
    form = page.partition(f'action="/users/{person.public_id}/unlock/"')[2].partition("</form>")[0]
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token is not None
    answer = careful.post(f"/users/{person.public_id}/unlock/", {"from": "home", "csrfmiddlewaretoken": token[1]})
    assert answer["Location"] == "/"
    assert not Lockout.objects.holding().exists()


def test_home_lists_who_is_locked_out(person: User, as_manager: Client, as_person: Client) -> None:
    chief = make_user(username="chief", role="admin", full_name="Chief One")
    assert "Locked out" not in as_manager.get("/").content.decode()
    lock("ana.ruiz")
    lock("chief")
    page = as_manager.get("/").content.decode()
    assert "Locked out" in page
    assert "Ana Ruiz" in page
    assert "10.7.0.9" in page
    assert f"/users/{person.public_id}/unlock/" in page
    # Shown, because it is to be known; not offered, because it would be refused.
    assert "Chief One" in page
    assert f"/users/{chief.public_id}/unlock/" not in page
    assert "Locked out" not in as_person.get("/").content.decode()
    answer = as_manager.post(f"/users/{person.public_id}/unlock/", {"from": "home"})
    assert answer["Location"] == "/"
    assert f"/users/{person.public_id}/unlock/" not in as_manager.get("/").content.decode()


def test_the_list_on_home_costs_the_same_for_many(as_manager: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert as_manager.get("/").status_code == 200
        return len(asked)

    role_named("viewer")
    counts = []
    for number in range(6):
        Lockout.objects.create(user=make_user(username=f"out{number}"), until=timezone.now() + timedelta(hours=1))
        if number in {0, 5}:
            queries()
            counts.append(queries())
    assert counts[0] == counts[1]


def test_a_lock_that_ran_out_is_listed_no_more(person: User, manager: User, clock: time_machine.Traveller) -> None:
    lock("ana.ruiz")
    clock.shift(61)
    assert "Locked out" not in client_of(manager).get("/").content.decode()
    assert "locked out until" not in client_of(manager).get(f"/users/{person.public_id}/").content.decode()
