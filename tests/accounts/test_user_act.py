from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts import actions, bulk
from accounts.actions.bulk import KEPT_FOR, carry_on, watch
from accounts.models import BulkAct, Session, User
from accounts.rules import user_rules
from rbac.actions import create_role
from rbac.models import Assignment
from settings_store import key_use
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user, role_named

URL = "/users/acts/"


def ask(client: Client, act: str, *people: User, **more: str) -> str:
    """The address of the page that asks for a yes."""
    answer = client.post(URL, {"act": act, "id": [str(person.public_id) for person in people], **more})
    assert answer.status_code == 302
    return str(answer["Location"])


def step_up(client: Client, *, ago: float = 0) -> None:
    session = client.session
    session["stepped_up_at"] = time.time() - ago
    session.save()


def crowd(count: int) -> list[User]:
    return User.objects.bulk_create(
        User(
            username=f"c{number:04}",
            email=f"c{number:04}@example.org",
            username_key=f"c{number:04}",
            email_key=f"c{number:04}@example.org",
            name_key=f"c{number:04}",
        )
        for number in range(count)
    )


def test_several_are_deactivated_with_a_reason_each_in_the_trail(
    as_manager: Client, person: User, trail: Trail
) -> None:
    other = make_user(username="other")
    page = ask(as_manager, "deactivate", person, other)
    shown = as_manager.get(page).content.decode()
    assert "2 people" in shown
    assert "Ana Ruiz" in shown
    assert User.objects.filter(is_active=False).count() == 0
    as_manager.post(page, {"reason": "left us"})
    assert set(User.objects.filter(is_active=False)) == {person, other}
    assert trail.actions == ["user.deactivated"] * 2
    assert [event.reason for event in trail.events] == ["left us"] * 2
    assert trail.events[0].address == "127.0.0.1"
    assert "2 people done" in as_manager.get(page).content.decode()


def test_who_may_not_be_touched_is_named_and_the_others_are_done(as_manager: Client, person: User, admin: User) -> None:
    make_user(role="admin")
    page = ask(as_manager, "deactivate", person, admin)
    as_manager.post(page, {"reason": ""})
    done = as_manager.get(page).content.decode()
    assert "1 person done" in done
    assert "1 refused" in done
    assert "Maren Holt" in done
    assert "rank" in done
    admin.refresh_from_db()
    assert admin.is_active


def test_confirmed_twice_it_happens_once(as_manager: Client, person: User, trail: Trail) -> None:
    page = ask(as_manager, "deactivate", person)
    for _ in range(2):
        assert as_manager.post(page, {"reason": ""}).status_code == 302
    assert trail.actions == ["user.deactivated"]


def test_everybody_that_matches_is_meant_also_beyond_the_page(
    as_manager: Client, post: Callable[[], list[EmailMessage]], trail: Trail
) -> None:
    crowd(230)
    make_user(username="beside", full_name="Somebody Else")
    page = ask(as_manager, "deactivate", query="q=c0&sort=name", all="1")
    assert "230 people" in as_manager.get(page).content.decode()
    as_manager.post(page, {"reason": "all of them"})
    row = BulkAct.objects.get()
    assert (row.state, row.done) == (BulkAct.State.RUNNING, 0)
    assert "<progress" in as_manager.get(page).content.decode()
    assert "0 of 230" in as_manager.get(f"{page}progress/").content.decode()
    post()
    row.refresh_from_db()
    assert (row.state, row.done, row.refused_count) == (BulkAct.State.DONE, 230, 0)
    assert User.objects.filter(is_active=False).count() == 230
    assert trail.actions.count("user.deactivated") == 230
    assert as_manager.get(f"{page}progress/")["HX-Redirect"] == page
    assert "?q=c0&amp;sort=name" in as_manager.get(page).content.decode()


def test_who_comes_after_the_question_is_not_meant(as_manager: Client) -> None:
    make_user(username="zoe1")
    page = ask(as_manager, "deactivate", query="q=zoe", all="1")
    later = make_user(username="zoe2")
    as_manager.post(page, {"reason": ""})
    later.refresh_from_db()
    assert later.is_active


def test_a_task_that_died_is_gone_on_with_and_does_nobody_twice(
    as_manager: Client, post: Callable[[], list[EmailMessage]], trail: Trail
) -> None:
    crowd(230)
    page = ask(as_manager, "deactivate", query="q=c0", all="1")
    as_manager.post(page, {"reason": ""})
    row = BulkAct.objects.get()
    carry_on.func(row.pk)
    row.refresh_from_db()
    assert row.done == 100
    # The one in the queue and this one meet on the same people.
    BulkAct.objects.filter(pk=row.pk).update(touched_at=timezone.now() - timedelta(minutes=5))
    assert "Going on does nobody twice" in as_manager.get(page).content.decode()
    assert as_manager.post(f"{page}resume/").status_code == 302
    post()
    row.refresh_from_db()
    assert (row.state, row.done) == (BulkAct.State.DONE, 230)
    assert trail.actions.count("user.deactivated") == 230


def test_it_is_watched_over_until_it_is_done(as_manager: Client, post: Callable[[], list[EmailMessage]]) -> None:
    crowd(101)
    page = ask(as_manager, "deactivate", query="q=c0", all="1")
    as_manager.post(page, {"reason": ""})
    row = BulkAct.objects.get()
    DBTaskResult.objects.filter(task_path__endswith="carry_on").delete()
    BulkAct.objects.filter(pk=row.pk).update(touched_at=timezone.now() - timedelta(minutes=5))
    watch.func(row.pk)
    post()
    row.refresh_from_db()
    assert row.state == BulkAct.State.DONE


def test_whoever_is_deactivated_meanwhile_acts_no_more(
    as_manager: Client, manager: User, post: Callable[[], list[EmailMessage]]
) -> None:
    crowd(101)
    page = ask(as_manager, "deactivate", query="q=c0", all="1")
    as_manager.post(page, {"reason": ""})
    actions.deactivate_user(actor=None, user=manager)
    post()
    row = BulkAct.objects.get()
    assert (row.state, row.done) == (BulkAct.State.FAILED, 0)
    assert "may not do this" in row.trouble
    assert User.objects.filter(is_active=False).count() == 1


def test_rights_end_between_two_people(as_manager: Client, manager: User) -> None:
    page = ask(as_manager, "deactivate", *crowd(3))

    def take_it_away(actor: User | None, target: User, act: str) -> str | None:
        Assignment.objects.filter(user=manager).delete()
        return None

    user_rules.append(take_it_away)
    try:
        as_manager.post(page, {"reason": ""})
    finally:
        user_rules.remove(take_it_away)
    assert User.objects.filter(is_active=False).count() == 1
    assert BulkAct.objects.get().state == BulkAct.State.FAILED


def test_strangers_among_the_chosen_are_left_out_and_said(supervisor: User, person: User) -> None:
    """A supervisor who may also change people reaches the own team alone."""
    below = make_user(username="below", supervisor=supervisor)
    lead = create_role(
        actor=None,
        name="Lead",
        priority=61,
        parent=role_named("supervisor"),
        permissions={"users.write", "users.delete"},
    )
    Assignment.objects.create(user=supervisor, role=lead)
    client = client_of(User.objects.get(pk=supervisor.pk))
    page = ask(client, "deactivate", below, person)
    assert "1 chosen person is not in your sight" in client.get(page).content.decode()
    client.post(page, {"reason": ""})
    assert set(User.objects.filter(is_active=False)) == {below}


@pytest.mark.parametrize(("act", "ids"), [("deactivate", []), ("", ["x"]), ("nonsense", ["x"]), ("deactivate", ["x"])])
def test_nothing_chosen_is_said(as_manager: Client, act: str, ids: list[str]) -> None:
    answer = as_manager.post(URL, {"act": act, "id": ids}, follow=True)
    assert answer.redirect_chain[-1][0] == "/users/"
    assert "Choose" in answer.content.decode()
    assert not BulkAct.objects.exists()


def test_acts_are_offered_by_permission(as_supervisor: Client, as_manager: Client, person: User) -> None:
    assert as_supervisor.get("/users/").context["acts"] == []
    assert [act.name for act in as_manager.get("/users/").context["acts"]] == [
        "activate",
        "deactivate",
        "unlock",
        "set-supervisor",
        "require-password",
        "sign-out",
        "assign-role",
        "date-role",
        "pause-role",
        "resume-role",
        "end-role",
    ]
    assert as_supervisor.post(URL, {"act": "deactivate", "id": [str(person.public_id)]})["Location"] == "/users/"
    assert not BulkAct.objects.exists()


def test_another_s_act_is_not_there(as_manager: Client, as_admin: Client, person: User) -> None:
    page = ask(as_manager, "deactivate", person)
    for method in (as_admin.get, as_admin.post):
        assert method(page).status_code == 404
    assert as_admin.get(f"{page}progress/").status_code == 404
    person.refresh_from_db()
    assert person.is_active


def test_roles_are_given_and_taken(as_manager: Client, person: User, admin: User) -> None:
    role = role_named("viewer")
    step_up(as_manager)
    page = ask(as_manager, "assign-role", person, admin)
    until = (timezone.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    as_manager.post(page, {"role": role.pk, "reason": "for a while", "starts_at": "", "ends_at": until})
    held = Assignment.objects.get(user=person, role=role)
    assert held.ends_at is not None
    assert held.ends_at.strftime("%Y-%m-%dT%H:%M") == until
    assert "1 refused" in as_manager.get(page).content.decode()
    page = ask(as_manager, "end-role", person, make_user())
    as_manager.post(page, {"role": role.pk, "reason": ""})
    held.refresh_from_db()
    assert not held.is_active
    assert "do not hold this role" in as_manager.get(page).content.decode()


def test_roles_ask_for_the_password(as_manager: Client, person: User) -> None:
    page = ask(as_manager, "assign-role", person)
    step_up(as_manager, ago=3600)
    assert as_manager.get(page)["Location"].startswith("/step-up/")


def test_a_role_beyond_reach_is_not_offered(as_manager: Client, person: User) -> None:
    step_up(as_manager)
    page = ask(as_manager, "assign-role", person)
    answer = as_manager.post(page, {"role": role_named("admin").pk})
    assert answer.status_code == 422
    assert BulkAct.objects.get().state == BulkAct.State.ASKED


def test_sign_out_and_new_passwords(as_manager: Client, manager: User, person: User, trail: Trail) -> None:
    client_of(person)
    nobody = make_user(username="nobody", password=None)
    page = ask(as_manager, "sign-out", person, manager)
    assert "You yourself are left out" in as_manager.get(page).content.decode()
    as_manager.post(page)
    assert not Session.objects.filter(user=person).exists()
    assert Session.objects.filter(user=manager).exists()
    alone = as_manager.post(URL, {"act": "deactivate", "id": [str(manager.public_id)]}, follow=True)
    assert "You cannot do that to yourself" in alone.content.decode()
    page = ask(as_manager, "require-password", person, nobody)
    as_manager.post(page)
    person.refresh_from_db()
    assert person.must_change_password
    assert "has no password here" in as_manager.get(page).content.decode()
    assert trail.actions == ["session.revoked", "password.change_required"]


def test_more_than_one_act_reaches_is_capped_and_said(
    as_manager: Client, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setattr(bulk, "MOST", 60)
    crowd(70)
    assert "The first 60 that match" in as_manager.get("/users/?q=c0").content.decode()
    page = ask(as_manager, "deactivate", query="q=c0", all="1")
    assert "60 people at most" in as_manager.get(page).content.decode()


def test_old_ones_are_forgotten_though_nobody_asks_for_another(as_manager: Client, person: User) -> None:
    ask(as_manager, "deactivate", person)
    BulkAct.objects.update(created_at=timezone.now() - KEPT_FOR - timedelta(minutes=1))
    for _trouble, act in key_use._acts:
        act()
    assert not BulkAct.objects.exists()


def test_the_way_back_keeps_whole_filters_and_as_many_as_fit(as_manager: Client) -> None:
    person = make_user()
    query = QueryDict(mutable=True)
    # 200 letters, of which each is six in an address.
    query.update({"q": "é" * 200, "state": "active"})
    sent = {"act": "activate", "id": [str(person.public_id)], "query": query.urlencode()}
    asked = as_manager.post("/users/acts/", sent)["Location"]
    assert as_manager.get(asked).context["back"] == "/users/?state=active"
    assert bulk.way_back("/roles/?q=%C3%BC&state=paused") == "/roles/?q=%C3%BC&state=paused"
    assert bulk.way_back("/users/") == "/users/"
