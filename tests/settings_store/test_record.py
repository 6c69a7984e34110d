"""The trail: what an act leaves there, and when it leaves nothing."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError

from settings_store import audit
from settings_store.circumstances import circumstances
from settings_store.models import AuditEvent, AuditHead
from tests.factories import make_user


@pytest.mark.django_db
def test_an_event_names_who_what_and_on_what() -> None:
    user = make_user(username="ana", full_name="Ana Ruiz")
    with circumstances(address="192.0.2.7", user_agent="Firefox", request_id="req_1", session_id="s", key_id="k"):
        event = audit.record("user.updated", actor=user, target=user, before={"name": "A"}, after={"name": "B"})
    event.refresh_from_db()
    assert (event.actor_id, event.actor_name) == (user.pk, "Ana Ruiz")
    assert (event.target_type, event.target_id) == ("accounts.user", str(user.public_id))
    assert (event.address, event.user_agent, event.request_id) == ("192.0.2.7", "Firefox", "req_1")
    assert (event.session_id, event.key_id) == ("s", "k")
    assert (event.before, event.after) == ({"name": "A"}, {"name": "B"})


@pytest.mark.django_db
def test_the_name_stays_when_the_person_changes_theirs() -> None:
    user = make_user(username="ana", full_name="Ana Ruiz")
    event = audit.record("user.updated", actor=user)
    type(user).objects.filter(pk=user.pk).update(full_name="Ana Weber")
    event.refresh_from_db()
    assert event.actor_name == "Ana Ruiz"


@pytest.mark.django_db
def test_the_system_acts_without_a_person() -> None:
    event = audit.record("installation.initialised", actor=None)
    assert (event.actor_id, event.actor_name) == (None, "system")


@pytest.mark.django_db
def test_events_follow_each_other_without_a_gap() -> None:
    first = AuditHead.objects.get().sequence
    events = [audit.record("a.b", actor=None) for _ in range(3)]
    assert [event.sequence for event in events] == [first + 1, first + 2, first + 3]
    assert events[2].previous_hash == events[1].hash
    assert audit.head() == (events[2].sequence, events[2].hash)


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_recorded() -> None:
    before = AuditEvent.objects.count()
    with pytest.raises(TransactionManagementError):
        audit.record("a.b", actor=None)
    assert AuditEvent.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_an_act_that_fails_leaves_no_event() -> None:
    before = audit.head()

    @transaction.atomic
    def act() -> float:
        audit.record("a.b", actor=None)
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        act()
    assert audit.head() == before
    assert not AuditEvent.objects.filter(action="a.b").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value",
    [
        1.5,
        1e22,
        -0.0,
        float("nan"),
        Decimal("0.10"),
        2**70,
        "NUL \0 and half \ud800",
        {"deep": [{"list": (1, 2)}], 3: None},
        {True, False},
        "ä" * 100_000,
    ],
)
def test_whatever_a_field_holds_the_chain_holds_over_it(value: Any) -> None:
    audit.record("a.b", actor=None, after={"value": value}, reason="r" * 900, target_name="t" * 900)
    assert list(audit.verify()) == []


@pytest.mark.django_db(transaction=True)
def test_parallel_writers_neither_fork_the_chain_nor_leave_gaps() -> None:
    start = audit.head()[0]
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(10):
                with transaction.atomic():
                    audit.record("a.b", actor=None)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert audit.head()[0] == start + 60
    assert list(audit.verify()) == []
