"""`rotate_keys`: everything sealed gets the newest key, and no key goes too early."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import BinaryField
from django.utils import timezone

from accounts.models import Passkey
from chat.actions.provider import create_provider, endpoint_of
from settings_store import audit, key_use, sealed, store
from settings_store.actions import change_setting, clear_setting
from settings_store.actions.rotation import rotate_keys, verdicts
from settings_store.crypto import key_name, keyring, seal
from settings_store.fingerprints import fingerprint, fingerprint_of_version
from settings_store.models import (
    AuditEvent,
    AuditHead,
    ChainKey,
    KeyUse,
    SealedVersion,
    Setting,
    SettingImport,
    SettingVersion,
)
from settings_store.trail import chain
from settings_store.triggers import create_triggers, drop_triggers

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]

OLD, NEW, STAGING = (base64.b64encode(letter * 32).decode() for letter in (b"o", b"n", b"g"))


@pytest.fixture
def keys(settings: Any) -> Callable[..., None]:
    """Gives this installation these keys, newest first."""

    def give(*texts: str, staging: str = "") -> None:
        settings.DATABASE_ENCRYPTION_KEYS = {"production": ",".join(texts), "staging": staging}
        store.refresh()

    give(OLD)
    return give


@pytest.fixture
def writable(db: None) -> Iterator[None]:
    """A database whose owner took the triggers away."""
    drop_triggers(connection)
    yield
    # PostgreSQL makes none while checks of foreign keys are still to come.
    connection.check_constraints()
    create_triggers(connection)


def name_of(text: str) -> str:
    """The name of a key, as sealed values carry it."""
    return next(key.id.hex() for key in keyring().keys if key.master == base64.b64decode(text))


def change(value: str, environment: str = "production") -> Setting:
    return change_setting(actor=None, key="suite.secret", environment=environment, value=value)


def some_secrets() -> None:
    """A value in every kind of column that the actions fill."""
    for value in ("opensesame", "abracadabra"):
        change(value)
    create_provider(actor=None, name="Berlin", base_url="https://berlin.example/v1", key="sk-berlin")
    kept = SettingImport(name="settings.yaml", author_name="ana", total=1)
    kept.sealed = seal(b"[]", context=f"import:{kept.public_id}")
    kept.save()


def run(*options: str) -> str:
    out = StringIO()
    call_command("rotate_keys", *options, stdout=out, stderr=out)
    return out.getvalue()


def a_minute_passes() -> None:
    KeyUse.objects.update(seen_at=timezone.now() - timedelta(seconds=key_use.SEEN_SECONDS + 1))


def test_every_column_that_can_hold_sealed_bytes_is_known_to_rotation() -> None:
    known = {(column.model, column.column) for column in sealed.columns()}
    binary = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, BinaryField)
    }
    # Public by their nature.
    assert binary - known == {(Passkey, "credential_id"), (Passkey, "public_key")}
    assert known <= binary


def test_all_is_sealed_anew_and_opens_with_the_new_key_alone(keys: Callable[..., None]) -> None:
    some_secrets()
    keys(NEW, OLD)
    # A version each, a row, a server, an import; the chain key of the old master key has the newest from the start.
    assert "5 values were sealed anew, 0 left" in run("--batch", "2")
    a_minute_passes()
    run()
    keys(NEW)
    assert store.get_setting("suite.secret") == "abracadabra"
    versions = SettingVersion.objects.select_related("setting", "secret").order_by("version")
    expected = [fingerprint("suite.secret", value) for value in ("opensesame", "abracadabra")]
    assert [fingerprint_of_version(version) for version in versions] == expected
    provider = apps.get_model("chat", "Provider").objects.get()
    assert endpoint_of(provider).key == "sk-berlin"
    assert list(sealed.unopened()) == []
    assert list(audit.verify()) == []


def test_what_has_the_newest_key_is_left_alone(keys: Callable[..., None]) -> None:
    some_secrets()
    before = {row.pk: bytes(row.sealed) for row in SealedVersion.objects.all()}
    assert "0 values were sealed anew" in run()
    assert {row.pk: bytes(row.sealed) for row in SealedVersion.objects.all()} == before
    assert "There is no older key here." in run("--check")


def test_the_old_key_may_go_only_when_nothing_and_nobody_has_it(keys: Callable[..., None]) -> None:
    change("opensesame")
    key_use.write_down()
    keys(NEW, OLD)
    old = name_of(OLD)
    with pytest.raises(CommandError):
        run("--check")
    (verdict,) = verdicts()
    assert verdict.key == old
    assert len(verdict.holds) == 4, "row, version, chain key, and the process of a moment ago"

    told = run()
    assert f"The key {old} of production must not be dropped yet" in told
    assert "within the last 60 seconds" in told
    a_minute_passes()
    with pytest.raises(CommandError):
        run("--check")
    assert f"The key {old} of production may be dropped." in run(), "and its end in the trail is noted"
    assert f"The key {old} of production may be dropped." in run("--check")

    # A process that was forgotten goes on with the old key.
    keys(OLD)
    change("abracadabra")
    key_use.write_down(announce=True)
    keys(NEW, OLD)
    a_minute_passes()
    assert "2" not in {verdict.key for verdict in verdicts()}
    assert [verdict.may_go for verdict in verdicts()] == [False]
    run()
    a_minute_passes()
    run()
    assert [verdict.may_go for verdict in verdicts()] == [True]


def let_go() -> None:
    """Rotate until all older keys may go."""
    run()
    a_minute_passes()
    run()
    assert all(verdict.may_go for verdict in verdicts())


def test_the_trail_verifies_after_two_keys_are_gone(keys: Callable[..., None]) -> None:
    change("one")
    keys(NEW, OLD)
    let_go()
    change("two")
    keys(STAGING, NEW)
    let_go()
    keys(STAGING)
    change("three")
    assert ChainKey.objects.count() == 2
    assert list(audit.verify()) == []


@pytest.mark.schema
def test_a_key_that_was_let_go_cannot_write_the_trail_anew(keys: Callable[..., None], writable: None) -> None:
    change("one")
    old = keyring().newest
    keys(NEW, OLD)
    let_go()
    keys(NEW)
    change("two")
    assert list(audit.verify()) == []
    previous = "0" * 64
    for event in AuditEvent.objects.order_by("sequence"):
        event.actor_name, event.chain_key_id, event.previous_hash = "somebody else", old.id.hex(), previous
        event.hash = previous = chain.event_hash(event, chain.chain_key(old))
        event.save()
    AuditHead.objects.update(hash=previous)
    sentences = [broken.sentence for broken in audit.verify()]
    assert "This event is not the one that was the last when a key was let go." in sentences
    assert any("was let go after event" in sentence for sentence in sentences)


@pytest.mark.schema
def test_a_trail_cut_off_before_a_key_was_let_go_is_found(keys: Callable[..., None], writable: None) -> None:
    change("one")
    keys(NEW, OLD)
    let_go()
    keys(NEW)
    last = AuditEvent.objects.order_by("-sequence")[1]
    AuditEvent.objects.filter(sequence__gt=last.sequence).delete()
    AuditHead.objects.update(sequence=last.sequence, hash=last.hash)
    assert "when a key was let go" in next(audit.verify()).sentence


def test_a_process_that_still_writes_with_an_older_key_raises_no_alarm(keys: Callable[..., None]) -> None:
    change("one")
    keys(NEW, OLD)
    let_go()
    # Started anew with the keys of before, though the older one could have gone.
    keys(OLD)
    change("two")
    key_use.write_down(announce=True)
    keys(NEW, OLD)
    assert list(audit.verify()) == []
    assert [verdict.may_go for verdict in verdicts()] == [False]
    let_go()
    keys(NEW)
    assert list(audit.verify()) == []


def test_a_key_taken_away_too_early_is_named(keys: Callable[..., None]) -> None:
    change("one")
    keys(NEW, OLD)
    run()
    keys(NEW)
    assert "before rotate_keys said that it may go" in next(audit.verify()).sentence


def test_without_the_kept_chain_key_nothing_may_go(keys: Callable[..., None]) -> None:
    change("opensesame")
    keys(NEW, OLD)
    let_go()
    row = ChainKey.objects.get()
    ChainKey.objects.update(sealed=bytes(row.sealed)[:-1] + bytes([bytes(row.sealed)[-1] ^ 1]))
    a_minute_passes()
    assert "chain key" in " ".join(verdicts()[0].holds)
    run()
    assert [verdict.may_go for verdict in verdicts()] == [True], "kept anew from the key that is still here"


def test_each_environment_has_its_own_keys(keys: Callable[..., None]) -> None:
    keys(OLD, staging=STAGING)
    change("here")
    change("there", "staging")
    spare = base64.b64encode(b"t" * 32).decode()
    keys(OLD, staging=f"{spare},{STAGING}")
    assert "2 values were sealed anew" in run()
    keys(OLD, staging=spare)
    assert list(sealed.unopened()) == []


def test_what_does_not_open_is_named_and_left(keys: Callable[..., None]) -> None:
    change("opensesame")
    change("abracadabra")
    one, two = SealedVersion.objects.order_by("pk")
    SealedVersion.objects.filter(pk=one.pk).update(sealed=bytes(two.sealed))
    keys(NEW, OLD)
    told = run()
    assert "suite.secret (production) v1" in told
    assert "1 left as they are" in told
    a_minute_passes()
    with pytest.raises(CommandError):
        run("--check")
    assert "may be dropped." in run("--despite-damaged")
    assert "may be dropped." in run("--check", "--despite-damaged")
    assert bytes(SealedVersion.objects.get(pk=one.pk).sealed) == bytes(two.sealed)


def test_values_of_keys_that_are_not_here_are_left(keys: Callable[..., None]) -> None:
    change("opensesame")
    keys(NEW)
    told = run()
    assert "DATABASE_ENCRYPTION_KEY" in told
    assert "0 values were sealed anew, 2 left" in told
    keys(OLD)
    assert store.get_setting("suite.secret") == "opensesame"


def test_a_plan_changes_nothing_and_counts_by_key(keys: Callable[..., None]) -> None:
    change("opensesame")
    key_use.write_down()
    old = name_of(OLD)
    before = bytes(Setting.objects.get().sealed or b"")
    keys(NEW, OLD)
    told = run("--dry-run")
    assert f"settings, production, {old}: 1, would be sealed anew" in told
    assert f"Key {old} of production (older): 1 values sealed so far" in told
    assert bytes(Setting.objects.get().sealed or b"") == before
    assert not ChainKey.objects.exists()


def test_a_run_is_recorded_with_its_counts_and_no_value(keys: Callable[..., None]) -> None:
    change("opensesame")
    keys(NEW, OLD)
    run()
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_name) == ("keys.rotated", audit.SYSTEM)
    assert event.after == {"left": 0, "resealed": {"settings": 1, "sealed values of versions": 1}}


def test_a_secret_given_meanwhile_is_not_overwritten(keys: Callable[..., None]) -> None:
    change("opensesame")
    keys(NEW, OLD)

    def tell(column: sealed.SealedColumn, count: int) -> None:
        if column.model is Setting:
            change("newer")

    rotate_keys(actor=None, tell=tell)
    store.refresh()
    assert store.get_setting("suite.secret") == "newer"
    clear_setting(actor=None, key="suite.secret", environment="production")
    assert Setting.objects.get().sealed is None


@pytest.mark.parametrize("batch", ["0", "-1", "10001"])
def test_a_batch_that_makes_no_sense_is_refused(batch: str) -> None:
    with pytest.raises(CommandError, match=r"10,000"):
        run("--batch", batch)


def test_key_names_are_what_values_carry(keys: Callable[..., None]) -> None:
    assert key_name(seal(b"x", context="here")) == name_of(OLD)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no single rows")
@pytest.mark.django_db(transaction=True)
def test_a_row_somebody_holds_is_waited_for_by_nobody(keys: Callable[..., None]) -> None:
    change("opensesame")
    keys(NEW, OLD)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Setting.objects.select_for_update())
            held.set()
            done.wait(20)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    held.wait(20)
    assert rotate_keys(actor=None).resealed == {"sealed values of versions": 1, "settings": 0}
    assert "(settings)" in " ".join(verdicts()[0].holds)
    done.set()
    other.join()
    assert rotate_keys(actor=None).resealed["settings"] == 1
