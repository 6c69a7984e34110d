"""Tampering of somebody who owns the database but holds no key: found, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from settings_store import audit
from settings_store.models import AuditEvent, AuditHead
from settings_store.triggers import create_triggers, drop_triggers

pytestmark = [pytest.mark.django_db, pytest.mark.schema]


@pytest.fixture
def trail() -> Iterator[list[int]]:
    """Five events on a database whose owner took the triggers away."""
    with transaction.atomic():
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
    with transaction.atomic():
        audit.record("a.b", actor=None)
    new = "bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy0="
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: f"{new},{old}"}
    with transaction.atomic():
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


def test_nothing_begins_at_the_anchor_of_an_empty_trail() -> None:
    with pytest.raises(CommandError, match="of an empty trail"):
        call_command("audit_verify", since="0:" + "0" * 64)


def test_since_an_anchor_only_what_came_after_it_is_walked(
    trail: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    kept = AuditEvent.objects.get(pk=trail[2])
    since = f"{kept.pk}:{kept.hash}"
    AuditEvent.objects.filter(pk=trail[0]).update(reason="another")
    call_command("audit_verify", since=since)
    assert str(trail[-1]) in capsys.readouterr().out
    AuditEvent.objects.filter(pk=trail[4]).update(reason="another")
    with pytest.raises(CommandError, match=f"Event {trail[4]}: This event was changed"):
        call_command("audit_verify", since=since)


def test_the_event_that_since_names_must_be_the_one_the_anchor_was_taken_from(trail: list[int]) -> None:
    for number, digest in ((trail[2], "0" * 64), (trail[2], AuditEvent.objects.get(pk=trail[1]).hash)):
        broken = first_broken(since=(number, digest))
        assert broken is not None
        assert broken.sequence == trail[2]
        assert "anchor" in broken.sentence
    beyond = first_broken(since=(trail[-1] + 5, "0" * 64))
    assert beyond is not None
    AuditEvent.objects.filter(pk=trail[2]).delete()
    assert first_broken(since=(trail[2], "0" * 64)) is not None


def test_progress_is_told_to_the_end_and_a_log_hears_of_it(
    trail: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("settings_store.trail.chain.BATCH", 2)
    heard: list[tuple[int, int]] = []
    assert list(audit.verify(progress=lambda done, total: heard.append((done, total)))) == []
    total = AuditEvent.objects.count()
    assert [done for done, _total in heard] == [*range(2, total, 2), total]
    assert {of for _done, of in heard} == {total}
    monkeypatch.setattr("settings_store.management.commands.audit_verify.EVERY_SECONDS", 0)
    call_command("audit_verify")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith(f"{total} of {total} events, ")
    monkeypatch.setattr("settings_store.management.commands.audit_verify.EVERY_SECONDS", 10)
    call_command("audit_verify")
    assert capsys.readouterr().err == ""
