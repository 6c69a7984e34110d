"""Tampering of somebody who owns the database but holds no key: found, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from settings_store import audit
from settings_store.models import AuditEvent, AuditHead
from settings_store.triggers import create_triggers, drop_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail() -> Iterator[list[int]]:
    """Five events on a database whose owner took the triggers away."""
    numbers = [audit.record("a.b", actor=None, after={"n": n}, reason=f"reason {n}").sequence for n in range(5)]
    drop_triggers(connection)
    yield numbers
    create_triggers(connection)


def first_broken(**options: Any) -> audit.Broken | None:
    return next(audit.verify(**options), None)


def test_an_untouched_trail_holds(trail: list[int]) -> None:
    assert first_broken() is None


@pytest.mark.parametrize(
    "change",
    [
        {"actor_name": "somebody else"},
        {"actor_id": 7},
        {"action": "a.c"},
        {"after": {"n": 100}},
        {"before": {}},
        {"reason": ""},
        {"address": "192.0.2.1"},
        {"target_id": "9"},
        {"request_id": "req_x"},
        {"environment": "staging"},
        {"hash": "0" * 64},
        {"previous_hash": "0" * 64},
        {"chain_key_id": "no key"},
    ],
)
def test_any_changed_field_is_found_at_its_event(trail: list[int], change: dict[str, Any]) -> None:
    AuditEvent.objects.filter(pk=trail[2]).update(**change)
    broken = first_broken()
    assert broken is not None
    assert broken.sequence == trail[2]


def test_a_deleted_event_is_found(trail: list[int]) -> None:
    AuditEvent.objects.filter(pk=trail[2]).delete()
    broken = first_broken()
    assert broken is not None
    assert "missing" in broken.sentence


def test_exchanged_events_are_found(trail: list[int]) -> None:
    one, two = AuditEvent.objects.get(pk=trail[1]), AuditEvent.objects.get(pk=trail[2])
    AuditEvent.objects.filter(pk=one.pk).update(after=two.after, hash=two.hash, at=two.at)
    AuditEvent.objects.filter(pk=two.pk).update(after=one.after, hash=one.hash, at=one.at)
    assert first_broken() is not None


def test_an_event_added_by_hand_is_found(trail: list[int]) -> None:
    last = AuditEvent.objects.get(pk=trail[-1])
    last.pk, last.previous_hash = trail[-1] + 1, last.hash
    last.save(force_insert=True)
    AuditHead.objects.update(sequence=last.pk)
    broken = first_broken()
    assert broken is not None
    assert broken.sequence == last.pk


def test_a_tail_cut_off_is_found_by_the_end_of_the_trail(trail: list[int]) -> None:
    AuditEvent.objects.filter(pk__gt=trail[2]).delete()
    broken = first_broken()
    assert broken is not None
    assert broken.sequence == trail[3]


def test_a_tail_cut_off_together_with_its_end_is_found_by_an_anchor(trail: list[int]) -> None:
    anchor = audit.head()
    AuditEvent.objects.filter(pk__gt=trail[2]).delete()
    kept = AuditEvent.objects.get(pk=trail[2])
    AuditHead.objects.update(sequence=kept.pk, hash=kept.hash)
    assert first_broken() is None
    assert first_broken(anchor=anchor) is not None


def test_the_trail_outlives_a_newer_key(settings: Any) -> None:
    old = settings.DATABASE_ENCRYPTION_KEY
    audit.record("a.b", actor=None)
    new = "bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy0="
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: f"{new},{old}"}
    audit.record("a.b", actor=None)
    assert first_broken() is None
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: new}
    assert first_broken() is not None


def test_the_commands_speak_of_the_same_trail(trail: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit_head")
    anchor = capsys.readouterr().out.strip()
    assert anchor == "{}:{}".format(*audit.head())
    call_command("audit_verify", anchor=anchor)
    assert str(trail[-1]) in capsys.readouterr().out
    AuditEvent.objects.filter(pk=trail[1]).update(reason="another")
    with pytest.raises(CommandError, match=f"Event {trail[1]}:"):
        call_command("audit_verify", stdout=StringIO())


@pytest.mark.parametrize("anchor", ["x", "1", "1:abc", "-1:" + "0" * 64, "٣:" + "0" * 64])
def test_a_wrong_anchor_is_refused_in_words(anchor: str) -> None:
    with pytest.raises(CommandError, match="An anchor is"):
        call_command("audit_verify", anchor=anchor)
