"""A place in the tree is a right: whoever is moved out of a team is out of its sight at the very next request."""

from __future__ import annotations

import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection
from django.test import Client

from accounts import actions, exporting
from accounts.models import User
from chat.models import Conversation
from rbac.actions import create_role
from rbac.models import Assignment
from tests.factories import client_of, make_user
from ui.guard import STEP_UP_SESSION_KEY
from ui.registry import registry


@pytest.fixture
def ana(supervisor: User) -> User:
    """Below somebody who answers to the supervisor, with a team of her own."""
    ana = make_user(username="ana", supervisor=make_user(username="between", supervisor=supervisor))
    make_user(username="deep", supervisor=ana)
    return ana


def sees(client: Client, person: User, conversation: Conversation) -> set[str]:
    """Where this person, or what they wrote, is to be found."""
    pages = {
        "page": f"/users/{person.public_id}/",
        "conversations": f"/users/{person.public_id}/conversations/",
        "thread": f"/conversations/{conversation.public_id}/",
        "line": f"/users/teams/?open={person.public_id}",
    }
    found = {name for name, path in pages.items() if client.get(path).status_code == 200}
    lists = {
        "people": "/users/?q=deep",
        "tree": "/users/teams/?q=deep",
        "threads": "/conversations/",
    }
    found |= {name for name, path in lists.items() if b"deep" in client.get(path).content.replace(b"q=deep", b"")}
    assert client.get("/users/").status_code == 200
    return found


ALL = {"page", "conversations", "thread", "line", "people", "tree", "threads"}


@pytest.mark.parametrize("whole", [True, False])
def test_a_move_counts_at_the_next_request(as_supervisor: Client, ana: User, whole: bool) -> None:
    deep = User.objects.get(username="deep")
    talk = Conversation.objects.create(owner=deep, title="Of deep")
    other = make_user(role="supervisor", username="other")
    as_other = client_of(other)
    assert sees(as_supervisor, deep, talk) == ALL
    assert sees(as_other, deep, talk) <= {"people", "tree"}
    # Also where somebody in between is moved, and they only go along.
    head = User.objects.get(username="between") if whole else ana
    actions.update_user(actor=None, user=head, supervisor=other)
    assert sees(as_other, deep, talk) == ALL
    assert sees(as_supervisor, deep, talk) <= {"people", "tree"}
    actions.update_user(actor=None, user=head, supervisor=None)
    assert sees(as_other, deep, talk) <= {"people", "tree"}


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_being_read_goes_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "BATCH", 2)
    kofi = make_user(username="kofi", role="supervisor")
    ana = make_user(username="ana", supervisor=kofi)
    for name in ("deep", "else"):
        make_user(username=name, supervisor=ana)
    answer: Any = client_of(kofi).get("/users/export/")

    async def read() -> list[bytes]:
        pieces = aiter(answer.streaming_content)
        first = [await anext(pieces), await anext(pieces)]
        await sync_to_async(actions.update_user)(actor=None, user=ana, supervisor=None)
        return [b"".join(first), b"".join([piece async for piece in pieces])]

    first, rest = async_to_sync(read)()
    assert b"ana" in first
    assert b"else" not in first + rest
    assert b"kofi" in rest


def test_whoever_acts_as_somebody_of_their_team_stops_with_the_team(db: None) -> None:
    permissions = [name for name in registry.permissions if name != "users.all"]
    role = create_role(actor=None, name="Lead", priority=90, permissions=permissions)
    lead = make_user(role=None, username="lead")
    Assignment.objects.create(user=lead, role=role)
    mine = make_user(username="mine", supervisor=lead)
    client = client_of(lead)
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    client.post(f"/users/{mine.public_id}/act-as/", {"reason": "A question of theirs"})
    assert client.get("/profile/").context["user"] == mine
    actions.update_user(actor=None, user=mine, supervisor=None)
    assert client.get("/profile/", follow=True).context["user"] == lead


def test_nothing_is_kept_between_two_questions(supervisor: User, ana: User) -> None:
    mine = User.objects.visible_to(supervisor)
    assert mine.filter(pk=ana.pk).exists()
    with connection.cursor() as cursor:
        # As by a tool of the database, past all actions.
        cursor.execute("UPDATE accounts_user SET supervisor_id = NULL WHERE id = %s", [ana.pk])
    assert not mine.filter(pk=ana.pk).exists()
