"""A role that expires, is paused or ends stops at the very next request, on pages, streams and to programs, with no
job having run; one that begins later begins by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult

from accounts.models import User
from chat.models import Conversation, Message
from rbac.actions import assign_role, change_assignment, revoke_role
from rbac.models import Assignment, Role
from tests.rbac.conftest import AsPerson, MakePerson, Roles

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

type Ask = Callable[[Client, User], int]


def page(client: Client, user: User) -> int:
    return client.get("/flags/").status_code


def program(client: Client, user: User) -> int:
    return client.post("/ofrep/v1/evaluate/flags", {}, content_type="application/json").status_code


def stream(client: Client, user: User) -> int:
    conversation = Conversation.objects.create(owner=user, title="Stored")
    question = Message.objects.create(conversation=conversation, role=Message.Role.USER, content="Hello?")
    answer = Message.objects.create(
        conversation=conversation, parent=question, role=Message.Role.ASSISTANT, status=Message.Status.COMPLETE
    )
    return client.get(reverse("chat:message_stream", args=[conversation.public_id, answer.public_id])).status_code


WAYS: dict[str, tuple[Ask, str]] = {
    "page": (page, "viewer"),
    "stream": (stream, "user"),
    "program": (program, "viewer"),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, roles: Roles) -> tuple[Ask, Role]:
    ask, key = WAYS[request.param]
    return ask, roles[key]


def test_one_that_runs_out(as_person: AsPerson, person: MakePerson, way: tuple[Ask, Role]) -> None:
    ask, role = way
    with time_machine.travel(NOON, tick=False) as clock:
        user = person()
        assign_role(actor=None, user=user, role=role, ends_at=NOON + timedelta(seconds=5))
        client = as_person(user)
        assert ask(client, user) == 200
        clock.shift(4)
        assert ask(client, user) == 200
        clock.shift(1)
        assert ask(client, user) == 403
    assert not DBTaskResult.objects.exists()


def test_one_that_begins_later(as_person: AsPerson, person: MakePerson, way: tuple[Ask, Role]) -> None:
    ask, role = way
    with time_machine.travel(NOON, tick=False) as clock:
        user = person()
        assign_role(actor=None, user=user, role=role, starts_at=NOON + timedelta(seconds=5))
        client = as_person(user)
        assert ask(client, user) == 403
        clock.shift(5)
        assert ask(client, user) == 200


@pytest.mark.parametrize("how", ["paused", "ended", "given an end"])
def test_one_that_somebody_stops(as_person: AsPerson, person: MakePerson, way: tuple[Ask, Role], how: str) -> None:
    ask, role = way
    with time_machine.travel(NOON, tick=False) as clock:
        user = person()
        row = assign_role(actor=None, user=user, role=role)
        client = as_person(user)
        assert ask(client, user) == 200
        if how == "paused":
            change_assignment(actor=None, assignment=row, is_active=False)
        elif how == "ended":
            revoke_role(actor=None, user=user, role=role)
        else:
            change_assignment(actor=None, assignment=row, ends_at=NOON + timedelta(minutes=1))
            clock.shift(60)
        assert ask(client, user) == 403
        if how == "paused":
            change_assignment(actor=None, assignment=row, is_active=True)
            assert ask(client, user) == 200


def test_an_end_is_that_of_the_zone_of_whoever_wrote_it(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    user = person(time_zone="Asia/Tokyo")
    with time_machine.travel(NOON, tick=False) as clock:
        editor = person("admin", time_zone="America/New_York")
        sent = {"role": roles["viewer"].pk, "ends_at": "2026-03-01T08:00"}
        assert as_person(editor).post(f"/users/{user.public_id}/roles/assign/", sent).status_code == 302
        assert Assignment.objects.get(user=user).ends_at == NOON + timedelta(hours=1)
        client = as_person(user)
        clock.shift(3599)
        assert page(client, user) == 200
        clock.shift(1)
        assert page(client, user) == 403
