"""Proposals as actions: who may decide what, when it is made, and what it says where it cannot be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from rbac.models import Assignment
from settings_store import audit, definitions, store
from settings_store.actions import (
    Change,
    ProtectedSetting,
    StaleSetting,
    apply_due,
    approve,
    change_setting,
    change_settings,
    clear_setting,
    decline,
    propose_unprotect,
    protect,
    submit_change,
    withdraw,
)
from settings_store.actions.proposal import MOST_PENDING
from settings_store.circumstances import circumstances
from settings_store.models import AuditEvent, Proposal, Protection, Setting, SettingVersion, StoreVersion
from tests.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]


@pytest.fixture
def ana(db: None) -> User:
    return make_user(role="admin", username="ana")


@pytest.fixture
def ben(db: None) -> User:
    return make_user(role="admin", username="ben")


@pytest.fixture
def omar(db: None) -> User:
    return make_user(role="operator", username="omar")


def propose(actor: User | None, value: str | None = "80", key: str = "suite.integer", **options: Any) -> Proposal:
    made = submit_change(**({"actor": actor, "environment": "production", "key": key, "value": value} | options))
    assert isinstance(made, Proposal)
    return made


def soon() -> Any:
    return timezone.now() + timedelta(hours=1)


def come(proposal: Proposal) -> None:
    """Let the time of a proposal come."""
    past = timezone.now() - timedelta(seconds=1)
    Proposal.objects.filter(pk=proposal.pk).update(apply_at=past)
    StoreVersion.objects.update(next_due=past)
    apply_due()
    proposal.refresh_from_db()


def acts() -> list[str]:
    every = AuditEvent.objects.exclude(action="role.created").order_by("sequence")
    return list(every.values_list("action", flat=True))


def test_what_is_not_protected_changes_at_once(omar: User) -> None:
    made = submit_change(actor=omar, key="suite.integer", environment="production", value="80")
    assert isinstance(made, Setting)
    assert made.version == 1
    assert not Proposal.objects.exists()


def test_what_is_protected_waits_for_somebody_else(ana: User, ben: User, omar: User) -> None:
    protect(actor=ana, key="suite.integer")
    proposal = propose(omar, reason="tariff tables", expected_version=0)
    assert (proposal.status, proposal.author_name, proposal.base_version) == ("awaiting", "omar", 0)
    assert store.get_setting("suite.integer") == 60
    approve(actor=ben, proposal=proposal, note="fine")
    proposal.refresh_from_db()
    assert (proposal.status, proposal.decided_by_name, proposal.note) == ("applied", "ben", "fine")
    assert store.get_setting("suite.integer") == 80
    version = SettingVersion.objects.get()
    assert (version.actor_name, version.reason, version.proposal_id) == ("omar", "tariff tables", proposal.pk)
    assert acts() == [
        "setting.protected",
        "proposal.made",
        "proposal.approved",
        "setting.changed",
        "proposal.applied",
    ]
    applied = AuditEvent.objects.latest("sequence")
    assert applied.actor_name == "omar"
    assert applied.after is not None
    assert (applied.after["author"], applied.after["approved_by"]) == ("omar", "ben")
    assert not list(audit.verify())


def test_the_change_carries_nothing_of_the_approvers_browser(ana: User, ben: User, omar: User) -> None:
    protect(actor=ana, key="suite.integer")
    proposal = propose(omar)
    with circumstances(address="192.0.2.7", user_agent="Firefox", request_id="req_1", session_id="s"):
        approve(actor=ben, proposal=proposal)
    version = SettingVersion.objects.get()
    assert (version.address, version.user_agent, version.request_id) == (None, "", "req_1")
    assert AuditEvent.objects.get(action="setting.changed").address is None
    assert AuditEvent.objects.get(action="proposal.approved").address == "192.0.2.7"


@pytest.mark.parametrize("act", [approve, decline])
def test_nobody_decides_about_what_they_proposed(ana: User, ben: User, act: Callable[..., Proposal]) -> None:
    protect(actor=ben, key="suite.integer")
    proposal = propose(ana)
    with pytest.raises(ValidationError, match="yourself"):
        act(actor=ana, proposal=proposal, note="mine")
    # Nor while acting as somebody else, nor about what was proposed while doing so.
    with circumstances(impersonator=ana), pytest.raises(ValidationError, match="yourself"):
        act(actor=ben, proposal=proposal, note="mine")
    with circumstances(impersonator=ana):
        other = propose(ben, "90")
    with pytest.raises(ValidationError, match="yourself"):
        act(actor=ana, proposal=other, note="mine")
    assert Proposal.objects.filter(status="awaiting").count() == 2


def test_declined_with_a_note_changes_nothing(ana: User, ben: User) -> None:
    protect(actor=ana, key="suite.integer")
    proposal = propose(ana)
    with pytest.raises(ValidationError, match="Say why"):
        decline(actor=ben, proposal=proposal, note="  ")
    decline(actor=ben, proposal=proposal, note="too much")
    with pytest.raises(ValidationError, match="ben declined"):
        approve(actor=ben, proposal=proposal)
    with pytest.raises(ValidationError, match="ben declined"):
        withdraw(actor=ana, proposal=proposal)
    assert not Setting.objects.exists()
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_name, event.reason) == ("proposal.declined", "ben", "too much")


def test_withdrawn_is_over(ana: User, ben: User) -> None:
    proposal = propose(ana, apply_at=soon())
    assert StoreVersion.objects.get().next_due == proposal.apply_at
    withdraw(actor=ana, proposal=proposal)
    assert StoreVersion.objects.get().next_due is None
    come(proposal)
    assert proposal.status == "withdrawn"
    assert not Setting.objects.exists()


def test_only_its_author_or_who_decides_withdraws(ana: User, omar: User) -> None:
    for author in (omar, None):
        proposal = propose(author, apply_at=soon())
        with pytest.raises(PermissionDenied):
            withdraw(actor=make_user(role="operator"), proposal=proposal)
        proposal.refresh_from_db()
        assert proposal.status == "scheduled"
        assert withdraw(actor=ana, proposal=proposal).status == "withdrawn"


def test_approving_holds_the_end_of_the_trail_for_its_last_statements_alone(ana: User, ben: User, omar: User) -> None:
    protect(actor=ana, key="suite.secret")
    proposal = propose(omar, "opensesame", "suite.secret")
    with CaptureQueriesContext(connection) as queries:
        approve(actor=ben, proposal=proposal)
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    first = next(number for number, sql in enumerate(statements) if "audithead" in sql)
    assert len(statements[first:]) == 3, statements[first:]


def test_a_scheduled_change_is_made_at_its_time(omar: User) -> None:
    proposal = propose(omar, apply_at=soon(), reason="night shift")
    apply_due()
    assert not Setting.objects.exists()
    come(proposal)
    assert proposal.status == "applied"
    assert store.get_setting("suite.integer") == 80
    assert SettingVersion.objects.get().actor_name == "omar"
    assert StoreVersion.objects.get().next_due is None
    apply_due()
    assert SettingVersion.objects.count() == 1


def test_the_soonest_is_what_is_waited_for(omar: User) -> None:
    later = propose(omar, apply_at=soon() + timedelta(days=2))
    sooner = propose(omar, "90", apply_at=soon())
    assert StoreVersion.objects.get().next_due == sooner.apply_at
    come(sooner)
    assert StoreVersion.objects.get().next_due == later.apply_at


def test_approved_for_later_waits_for_its_time(ana: User, ben: User, omar: User) -> None:
    protect(actor=ana, key="suite.integer")
    proposal = propose(omar, apply_at=soon())
    assert StoreVersion.objects.get().next_due is None
    assert approve(actor=ben, proposal=proposal).status == "scheduled"
    assert StoreVersion.objects.get().next_due == proposal.apply_at
    come(proposal)
    assert proposal.status == "applied"
    assert store.get_setting("suite.integer") == 80


def test_protecting_asks_approval_for_what_was_scheduled_without(ana: User, ben: User, omar: User) -> None:
    proposal = propose(omar, apply_at=soon())
    protect(actor=ana, key="suite.integer")
    come(proposal)
    assert proposal.status == "awaiting"
    assert not Setting.objects.exists()
    assert approve(actor=ben, proposal=proposal).status == "applied"


def test_a_value_that_moved_says_who_moved_it(ana: User, ben: User, omar: User) -> None:
    proposal = propose(omar, apply_at=soon())
    change_setting(actor=ana, key="suite.integer", environment="production", value="70")
    come(proposal)
    assert proposal.status == "failed"
    assert "ana changed it to version 1 on" in proposal.trouble
    assert store.get_setting("suite.integer") == 70
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_id) == ("proposal.failed", None)
    assert StoreVersion.objects.get().next_due is None


@pytest.mark.parametrize("value", ["80", None])
def test_an_author_who_lost_the_right_changes_nothing(ana: User, value: str | None) -> None:
    change_setting(actor=None, key="suite.integer", environment="production", value="70")
    proposal = propose(ana, value, apply_at=soon())
    Assignment.objects.filter(user=ana).delete()
    come(proposal)
    assert (proposal.status, "may not do it any more" in proposal.trouble) == ("failed", True)
    assert store.get_setting("suite.integer") == 70


def test_an_operator_may_not_clear_later_what_they_may_not_clear_now(omar: User) -> None:
    change_setting(actor=None, key="suite.integer", environment="production", value="70")
    proposal = propose(omar, None, apply_at=soon())
    come(proposal)
    assert proposal.status == "failed"
    assert store.get_setting("suite.integer") == 70


def test_somebody_deactivated_changes_nothing_and_stops_nobody(ana: User, omar: User) -> None:
    first = propose(omar, apply_at=soon())
    second = propose(ana, "quick", "suite.string", apply_at=soon())
    User.objects.filter(pk=omar.pk).update(is_active=False)
    Proposal.objects.update(apply_at=timezone.now() - timedelta(seconds=1))
    apply_due()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("failed", "applied")
    assert first.trouble == "omar, who proposed this, is not active any more."


def test_what_the_rules_or_a_variable_forbid_by_then_fails_in_words(
    omar: User, settings: Any, declare: Callable[..., Any]
) -> None:
    declare("suite.passing", type="integer", default=1)
    locked, gone = propose(omar, apply_at=soon()), propose(omar, "5", "suite.passing", apply_at=soon())
    definitions._definitions.pop("suite.passing")
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_INTEGER": "91"}
    come(locked)
    come(gone)
    assert (locked.status, gone.status) == ("failed", "failed")
    assert "GATEHOUSE_SETTING_SUITE_INTEGER" in locked.trouble
    assert gone.trouble == "There is no such setting any more."
    declare("suite.passing", type="integer", default=1)


def test_a_proposed_secret_is_sealed_for_its_proposal_alone(ana: User, ben: User, omar: User) -> None:
    protect(actor=ana, key="suite.secret")
    proposal = propose(omar, "opensesame", "suite.secret")
    assert proposal.value is None
    assert proposal.sealed is not None
    assert b"opensesame" not in bytes(proposal.sealed)
    other = propose(omar, "abracadabra", "suite.secret")
    Proposal.objects.filter(pk=other.pk).update(sealed=proposal.sealed)
    assert approve(actor=ben, proposal=other).status == "failed"
    assert approve(actor=ben, proposal=proposal).status == "applied"
    assert store.get_setting("suite.secret") == "opensesame"
    everything = str(list(AuditEvent.objects.values())) + str(list(Proposal.objects.values("value", "trouble")))
    assert "opensesame" not in everything


def test_the_protection_itself_goes_by_four_eyes(ana: User, ben: User) -> None:
    with pytest.raises(ValidationError, match="not protected"):
        propose_unprotect(actor=ana, key="suite.integer")
    protect(actor=ana, key="suite.integer")
    protect(actor=ben, key="suite.integer")
    assert acts() == ["setting.protected"]
    proposal = propose_unprotect(actor=ana, key="suite.integer")
    with pytest.raises(ValidationError, match="already"):
        propose_unprotect(actor=ben, key="suite.integer")
    with pytest.raises(ValidationError, match="yourself"):
        approve(actor=ana, proposal=proposal)
    assert approve(actor=ben, proposal=proposal).status == "applied"
    assert not Protection.objects.exists()
    assert acts()[-3:] == ["proposal.approved", "setting.unprotected", "proposal.applied"]


def test_a_change_from_the_shell_despite_protection_says_so() -> None:
    protect(actor=None, key="suite.integer")
    changes = [Change(key="suite.integer", environment="production", value="80")]
    with pytest.raises(ProtectedSetting):
        change_settings(actor=None, changes=changes)
    change_settings(actor=None, changes=changes, despite_protection=True)
    event = AuditEvent.objects.latest("sequence")
    assert event.after == {"value": 80, "version": 1, "despite_protection": True}


@pytest.mark.parametrize(
    "options",
    [
        {"value": "many"},
        {"value": "5000"},
        {"environment": "moon"},
        {"reason": "x" * 501},
        {"apply_at": timezone.now() - timedelta(minutes=1)},
        {"apply_at": timezone.now() + timedelta(days=400)},
        {"key": "suite.secret", "value": "x", "environment": "staging"},
    ],
)
def test_what_cannot_be_is_refused_when_proposed(omar: User, options: dict[str, Any]) -> None:
    before = audit.head()
    with pytest.raises(ValidationError):
        propose(omar, **({"apply_at": soon()} | options))
    assert audit.head() == before
    assert not Proposal.objects.exists()


def test_what_is_stale_or_so_already_is_not_proposed(omar: User) -> None:
    change_setting(actor=None, key="suite.integer", environment="production", value="70")
    with pytest.raises(StaleSetting):
        propose(omar, apply_at=soon(), expected_version=0)
    made = submit_change(
        actor=omar, key="suite.integer", environment="production", value="70", apply_at=soon(), expected_version=1
    )
    assert made is None
    clear_setting(actor=None, key="suite.integer", environment="production")
    assert not Proposal.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("second", ["approve", "decline", "withdraw"])
def test_of_two_who_decide_at_once_one_comes_second(second: str) -> None:
    ana, ben, omar = (make_user(role="admin", username=name) for name in ("ana", "ben", "omar"))
    protect(actor=ana, key="suite.integer")
    proposal = propose(omar)
    start, told = threading.Barrier(2), []

    def act(does: Callable[..., Any], **options: Any) -> None:
        try:
            start.wait(20)
            does(proposal=proposal, **options)
            told.append("done")
        except ValidationError as error:
            told.append(error.messages[0])
        finally:
            connection.close()

    others: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        "approve": (approve, {"actor": ana, "note": ""}),
        "decline": (decline, {"actor": ana, "note": "no"}),
        "withdraw": (withdraw, {"actor": omar}),
    }
    does, options = others[second]
    threads = [
        threading.Thread(target=act, args=(approve,), kwargs={"actor": ben, "note": ""}),
        threading.Thread(target=act, args=(does,), kwargs=options),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert told.count("done") == 1
    assert len(told) == 2
    proposal.refresh_from_db()
    assert SettingVersion.objects.count() == (1 if proposal.status == "applied" else 0)
    assert len([act for act in acts() if act in ("proposal.approved", "proposal.declined", "proposal.withdrawn")]) == 1


@pytest.mark.django_db(transaction=True)
def test_two_processes_never_make_the_same_change_twice() -> None:
    omar = make_user(role="operator", username="omar")
    proposals = [propose(omar, str(value), apply_at=soon(), environment="staging") for value in (70, 80)]
    proposals += [propose(omar, "90", apply_at=soon())]
    Proposal.objects.update(apply_at=timezone.now() - timedelta(seconds=1))
    start = threading.Barrier(4)

    def look() -> None:
        try:
            start.wait(20)
            apply_due()
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(Proposal.objects.values_list("status", flat=True)) == ["applied", "applied", "failed"]
    assert SettingVersion.objects.count() == 2
    assert StoreVersion.objects.get().next_due is None
    assert not list(audit.verify())


@pytest.mark.schema
def test_one_that_the_database_refuses_stops_no_other(omar: User) -> None:
    first = propose(omar, apply_at=soon(), reason="refused")
    second = propose(omar, "quick", "suite.string", apply_at=soon())
    Proposal.objects.update(apply_at=timezone.now() - timedelta(seconds=1))
    table, name = SettingVersion._meta.db_table, "suite_refuses"
    adding, removing = (
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (reason <> 'refused')",
        (f"ALTER TABLE {table} DROP CONSTRAINT {name}"),
    )
    if connection.vendor == "sqlite":
        adding = f"CREATE TRIGGER {name} BEFORE INSERT ON {table} WHEN NEW.reason = 'refused' BEGIN "
        adding, removing = adding + "SELECT RAISE(ABORT, 'refused'); END", f"DROP TRIGGER {name}"
    # PostgreSQL alters no table while checks of its foreign keys are still to come.
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute(adding)
    try:
        apply_due()
        connection.check_constraints()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(removing)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("failed", "applied")
    assert "the log says more" in first.trouble
    assert StoreVersion.objects.get().next_due is None


def test_a_proposed_secret_opens_for_its_setting_alone(ana: User, ben: User, declare: Callable[..., Any]) -> None:
    declare("suite.other", type="secret", default="")
    protect(actor=None, key="suite.secret")
    made = propose(ana, "opensesame", "suite.secret")
    Proposal.objects.update(key="suite.other")
    made.refresh_from_db()
    done = approve(actor=ben, proposal=made)
    assert (done.status, done.trouble) == ("failed", "The proposed secret does not open any more.")


@pytest.mark.parametrize("act", ["set", "unprotect"])
def test_a_row_alone_does_not_say_that_somebody_approved(act: str, ana: User) -> None:
    protect(actor=None, key="suite.integer")
    made = propose(ana) if act == "set" else propose_unprotect(actor=ana, key="suite.integer")
    Proposal.objects.update(status="scheduled", decided_at=timezone.now(), decided_by_name="ben")
    come(made)
    assert (made.status, made.trouble) == ("failed", "It is protected, and nobody approved this.")
    assert Protection.objects.exists()


@pytest.mark.parametrize("lost", ["active", "right"])
def test_what_was_approved_by_somebody_who_may_not_any_more_fails(lost: str, ana: User, ben: User) -> None:
    protect(actor=None, key="suite.integer")
    made = approve(actor=ben, proposal=propose(ana, apply_at=soon()))
    if lost == "active":
        User.objects.filter(pk=ben.pk).update(is_active=False)
    else:
        Assignment.objects.filter(user=ben).delete()
    come(made)
    assert (made.status, made.trouble) == ("failed", "ben, who approved this, may not do it any more.")


def test_which_rule_a_proposed_secret_breaks_is_not_said(ana: User, ben: User, declare: Callable[..., Any]) -> None:
    declare("suite.token", type="secret", default="")
    protect(actor=None, key="suite.token")
    made = propose(ana, "opensesame", "suite.token")
    definitions._definitions.pop("suite.token")
    declare("suite.token", type="secret", default="", max_length=3)
    done = approve(actor=ben, proposal=made)
    assert done.trouble == "The proposed secret does not hold to the rules of its setting any more."


def test_nobody_fills_the_pages_with_what_waits(omar: User, ana: User) -> None:
    for number in range(MOST_PENDING):
        propose(omar, f"{number + 1}", apply_at=soon())
    with pytest.raises(ValidationError, match=r"You have 20 changes of suite\.integer"):
        propose(omar, "99", apply_at=soon())
    propose(omar, "99", environment="staging", apply_at=soon())
    propose(ana, "99", apply_at=soon())
