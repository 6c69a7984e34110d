"""Asking for flags from programs: at which cost, whom they are evaluated for, and what is seen when."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from rbac.actions import assign_role
from rbac.backend import RoleBackend
from settings_store import flags, people, store
from settings_store.actions import archive_flag, change_setting, clear_setting, restore_flag
from settings_store.flag import snapshot
from settings_store.flag.evaluation import ANYBODY, Reason, person, stranger
from settings_store.flags import evaluate, flag_enabled, flag_variant, flags_enabled, subject_of
from settings_store.models import Flag, Setting, StoreVersion
from tests.factories import client_of, make_user, role_named

pytestmark = pytest.mark.django_db

STYLES = [{"name": "short", "value": "Be brief.", "weight": 0}, {"name": "long", "value": "Explain.", "weight": 10_000}]


def loaded(user: User) -> User:
    found = RoleBackend().get_user(user.pk)
    assert found is not None
    return found


def test_reading_asks_the_database_nothing(make_flag: Callable[..., Flag], django_assert_num_queries: Any) -> None:
    supervisor = loaded(make_user(role="supervisor"))
    make_flag("base", on=True)
    make_flag("new-search", on=True, share=2500, roles=[role_named("supervisor").pk], needs=["base"])
    make_flag("prompt-style", "string", on=True, variants=STYLES)

    with django_assert_num_queries(0):
        for user in (supervisor, SimpleLazyObject(lambda: supervisor), subject_of(supervisor)):
            assert flag_enabled("new-search", user)
            assert flag_variant("prompt-style", user) == "Explain."
            assert flags_enabled(user) == {"base": True, "new-search": True, "prompt-style": True}
        assert not flag_enabled("not-there", supervisor)


def test_the_roles_of_anybody_else_are_read_once(make_flag: Callable[..., Flag]) -> None:
    make_flag("beta", on=True, share=0, roles=[role_named("supervisor").pk])
    # As a query of a program gives them, not the sign-in.
    user = User.objects.get(pk=make_user(role="supervisor").pk)

    with CaptureQueriesContext(connection) as first:
        assert flag_enabled("beta", user)
    with CaptureQueriesContext(connection) as later:
        assert flag_enabled("beta", user)

    assert len(first) > 0
    assert len(later) == 0


def test_a_role_counts_from_the_moment_it_is_given(make_flag: Callable[..., Flag]) -> None:
    make_flag("beta", on=True, share=0, roles=[role_named("supervisor").pk])
    user = loaded(make_user(role="user"))
    assert not flag_enabled("beta", user)

    assign_role(actor=None, user=user, role=role_named("supervisor"), reason="Leads a team now")

    assert flag_enabled("beta", loaded(user))
    assert flag_enabled("beta", user)


def test_the_person_of_a_request_is_told_while_still_lazy(make_flag: Callable[..., Flag], rf: Any) -> None:
    user = make_user()
    make_flag("pilot", on=True, share=0, people=[user.pk])
    request = rf.get("/")
    request.session = client_of(user).session

    lazy = SimpleLazyObject(lambda: get_user(request))

    assert flag_enabled("pilot", lazy)
    assert lazy.is_authenticated
    assert subject_of(lazy) == person(user.pk, frozenset([role_named("user").pk]))


@pytest.mark.parametrize(
    "nobody", [None, AnonymousUser(), SimpleLazyObject(AnonymousUser), User(username="unsaved"), "ana", 42, object()]
)
def test_what_is_no_person_is_somebody_nothing_is_known_of(nobody: object, make_flag: Callable[..., Flag]) -> None:
    make_flag("half", on=True, share=5000)
    make_flag("all", on=True)

    assert subject_of(nobody) == ANYBODY
    assert not flag_enabled("half", nobody)
    assert flag_enabled("all", nobody)


def test_a_text_is_nobody_and_the_mistake_is_told_once_for_each_flag(
    make_flag: Callable[..., Flag], caplog: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(flags, "_asked_for_text", set())
    for key in ("half", "prompt-style"):
        make_flag(key, on=True, share=5000)

    for name in ("ana", "ben"):
        assert not flag_enabled("half", name)
        assert flag_variant("prompt-style", name, default="mine") == "mine"

    said = [record.getMessage() for record in caplog.records if record.name == "settings_store.flags"]
    assert [words.split(" is asked")[0] for words in said] == ["Flag half", "Flag prompt-style"]


def test_somebody_deactivated_is_nobody_in_particular(make_flag: Callable[..., Flag]) -> None:
    user = make_user(role="supervisor")
    make_flag("named", on=True, share=0, people=[user.pk], roles=[role_named("supervisor").pk])
    make_flag("all", on=True)
    assert flag_enabled("named", User.objects.get(pk=user.pk))

    User.objects.filter(pk=user.pk).update(is_active=False)

    assert subject_of(User.objects.get(pk=user.pk)) == ANYBODY
    assert not flag_enabled("named", User.objects.get(pk=user.pk))
    assert flag_enabled("all", User.objects.get(pk=user.pk))
    assert people.directory().role_ids(user.pk) == frozenset()


def test_a_stranger_is_told_by_a_key_of_the_programs_own(make_flag: Callable[..., Flag]) -> None:
    make_flag("half", on=True, share=5000)

    answers = {key: flag_enabled("half", stranger(key)) for key in map(str, range(50))}

    assert set(answers.values()) == {True, False}
    assert answers == {key: flag_enabled("half", stranger(key)) for key in answers}


def test_an_unknown_flag_gives_the_default_and_is_counted(make_flag: Callable[..., Flag]) -> None:
    make_flag("there", on=True)

    assert not flag_enabled("gone", None)
    assert flag_enabled("gone", None, default=True)
    assert flag_variant("gone", None) is None
    assert flag_variant("gone", None, default=7) == 7
    assert evaluate("gone", ANYBODY).flag is None

    assert flags.unknown["gone"] == 5
    assert "there" not in flags.unknown


@pytest.mark.parametrize("key", ["", "x" * 5000, "\0", "\ud800", "New Search", None, 7])
def test_no_name_makes_a_page_fail(key: Any, make_flag: Callable[..., Flag]) -> None:
    make_flag("there", on=True)

    assert flag_enabled(key, None, default=True)
    assert flag_variant(key, None, default="x") == "x"
    assert len(flags.unknown) == 1
    assert all(len(name) <= flags.NAME_LENGTH for name in flags.unknown)


def test_names_that_are_not_there_are_counted_within_bounds(make_flag: Callable[..., Flag]) -> None:
    make_flag("there", on=True)

    for number in range(flags.MOST_UNKNOWN + 50):
        flag_enabled(f"random-{number}")
    flag_enabled("random-1")

    assert len(flags.unknown) == flags.MOST_UNKNOWN
    assert flags.unknown["random-1"] == 2


def test_a_variant_is_the_default_where_the_flag_is_off_or_has_none(make_flag: Callable[..., Flag]) -> None:
    make_flag("prompt-style", "string", on=False, variants=STYLES)
    make_flag("plain", on=True)

    assert flag_variant("prompt-style", default="Explain shortly.") == "Explain shortly."
    assert flag_variant("plain", default="none") == "none"


def test_a_program_that_changes_what_it_was_given_changes_nobody_elses(make_flag: Callable[..., Flag]) -> None:
    limits = {"name": "one", "value": {"limits": [1, 2]}, "weight": 10_000}
    make_flag("limits", "json", on=True, variants=[limits])

    flag_variant("limits")["limits"].append(3)
    outcome = evaluate("limits", ANYBODY)
    assert outcome.variant is not None
    outcome.variant.value["limits"].clear()

    assert flag_variant("limits") == {"limits": [1, 2]}


def test_this_environments_rules_hold_then_the_common_ones_then_off(make_flag: Callable[..., Flag]) -> None:
    make_flag("new-search")
    assert not flag_enabled("new-search")
    make_flag("new-search", environment="default", on=True)
    assert flag_enabled("new-search")
    make_flag("new-search", environment="staging", on=False)
    assert flag_enabled("new-search")
    make_flag("new-search", environment="production", on=False)
    assert not flag_enabled("new-search")
    clear_setting(actor=None, key="flag:new-search", environment="production")
    assert flag_enabled("new-search")


def test_an_archived_flag_is_unknown_until_it_comes_back(make_flag: Callable[..., Flag], settle: Any) -> None:
    make_flag("new-search", on=True)

    archive_flag(actor=None, key="new-search")
    settle()
    assert flag_enabled("new-search", default=True)
    assert not flag_enabled("new-search")
    assert flags.unknown["new-search"] == 2
    restore_flag(actor=None, key="new-search")
    settle()
    assert flag_enabled("new-search")


def test_the_rule_that_decided_is_told(make_flag: Callable[..., Flag]) -> None:
    make_flag("prompt-style", "string", on=True, share=0, people=[3], variants=STYLES)

    for_them, for_others = evaluate("prompt-style", person(3)), evaluate("prompt-style", person(4))

    assert for_them.decision is not None
    assert for_them.variant is not None
    assert (for_them.decision.reason, for_them.variant.name) == (Reason.PERSON, "long")
    assert for_others.decision is not None
    assert (for_others.decision.reason, for_others.variant) == (Reason.BEYOND, None)


@pytest.mark.parametrize(
    "value", [{"on": "yes"}, {"on": True, "share": 20_000}, {"on": True, "newer": 1}, ["on"], "on", 1]
)
def test_rules_written_past_the_product_are_passed_over(value: Any, make_flag: Callable[..., Flag]) -> None:
    make_flag("new-search", environment="default", on=True)
    make_flag("other", on=True)
    Setting.objects.create(key="flag:new-search", environment="production", version=1, value=value)

    store.refresh()

    assert flag_enabled("new-search")
    assert flag_enabled("other")
    Setting.objects.filter(key="flag:new-search", environment="default").update(value=None)
    store.refresh()
    assert not flag_enabled("new-search")


def test_a_circle_written_past_the_product_is_off(make_flag: Callable[..., Flag]) -> None:
    for key in ("one", "two", "three"):
        make_flag(key, on=True)
    for key, needed in (("one", "two"), ("two", "one"), ("three", "one")):
        Setting.objects.filter(key=f"flag:{key}").update(value={"on": True, "needs": [needed]})

    store.refresh()

    assert flags_enabled() == {"one": False, "two": False, "three": False}


def switch(key: str, *, on: bool) -> None:
    value = '{"on": true}' if on else '{"on": false}'
    change_setting(actor=None, key=f"flag:{key}", environment="production", value=value)


@pytest.mark.django_db(transaction=True)
def test_a_transaction_sees_what_it_wrote_and_a_rollback_leaves_nothing(make_flag: Callable[..., Flag]) -> None:
    make_flag("new-search", on=False)
    elsewhere: list[bool] = []

    def ask_elsewhere() -> None:
        thread = threading.Thread(target=lambda: elsewhere.append(flag_enabled("new-search")))
        thread.start()
        thread.join()

    with transaction.atomic():
        switch("new-search", on=True)
        assert flag_enabled("new-search")
        assert flags_enabled() == {"new-search": True}
        assert evaluate("new-search", ANYBODY).decision.is_on  # type: ignore[union-attr]  # it is there
        ask_elsewhere()
        transaction.set_rollback(True)
    assert not flag_enabled("new-search")
    with transaction.atomic():
        savepoint = transaction.savepoint_create()
        switch("new-search", on=True)
        transaction.savepoint_rollback(savepoint)
        assert not flag_enabled("new-search")
    switch("new-search", on=True)
    assert flag_enabled("new-search")
    ask_elsewhere()
    assert elsewhere == [False, True]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="the suite's SQLite lives in the memory of one connection")
def test_a_change_of_another_process_is_seen_by_the_watcher(make_flag: Callable[..., Flag], settings: Any) -> None:
    make_flag("new-search", on=False)
    settings.SETTINGS_POLL_SECONDS = 0.02
    store._version = None
    snapshot.forget()
    try:
        # The first asking may stand in asynchronous code: it waits for the thread's connection, not for its own.
        async def ask() -> bool:
            return flag_enabled("new-search", default=True)

        assert not asyncio.run(ask())
        Setting.objects.filter(key="flag:new-search").update(value={"on": True}, version=2)
        StoreVersion.objects.update(version=F("version") + 1)
        seen = threading.Event()
        for _look in range(100):
            if flag_enabled("new-search"):
                seen.set()
                break
            seen.wait(0.01)
        assert seen.is_set()
    finally:
        store.stop()


def _in_child(answers: Any) -> None:
    answers.put((dict(snapshot.current.flags), store.is_writing()))


def test_a_fork_begins_with_nothing_read(make_flag: Callable[..., Flag]) -> None:
    make_flag("new-search", on=True)
    assert snapshot.current.flags
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    child = context.Process(target=_in_child, args=(answers,))
    child.start()

    assert answers.get() == ({}, False)
    child.join()


def test_after_a_fork_the_first_asking_reads(make_flag: Callable[..., Flag]) -> None:
    make_flag("new-search", on=True)

    store._forked()

    assert flag_enabled("new-search")


def test_many_threads_ask_while_all_is_read_anew(make_flag: Callable[..., Flag]) -> None:
    make_flag("new-search", on=True)
    over = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        while not over.is_set():
            if not flag_enabled("new-search") or flag_enabled("never", person(3)):
                wrong.append("a reader saw half a copy")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _time in range(20):
        store.refresh()
    over.set()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_process_says_that_it_has_read_only_once_it_has_the_flags(
    make_flag: Callable[..., Flag], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_flag("new-search", on=True)
    store._forked()
    has_read: list[bool] = []
    replace = snapshot.replace

    def look_and_replace(flags_read: snapshot.Snapshot) -> None:
        # Whoever asks just now must wait for the flags instead of missing one.
        has_read.append(store._version is not None)
        replace(flags_read)

    monkeypatch.setattr(snapshot, "replace", look_and_replace)

    assert flag_enabled("new-search")
    assert has_read == [False]
