from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chat.models import Conversation
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return make_user(username="ana", full_name="Ana Ruiz")


@pytest.fixture
def talk(person: User) -> Conversation:
    return Conversation.objects.create(owner=person, title="About the weather", message_count=4)


def url(person: User) -> str:
    return f"/users/{person.public_id}/conversations/"


def test_those_who_oversee_see_them_and_looking_is_no_event_but_opening_is(person: User, talk: Conversation) -> None:
    Conversation.objects.create(owner=person, title="Thrown away", deleted_at=talk.created_at)
    Conversation.objects.create(owner=make_user(), title="Of somebody else")
    client = client_of(make_user(role="admin"))
    before = AuditEvent.objects.count()
    shown = client.get(url(person)).content.decode()
    assert "About the weather" in shown
    assert "4 messages" in shown
    assert "Thrown away" not in shown
    assert "Of somebody else" not in shown
    assert AuditEvent.objects.count() == before
    client.get(f"/conversations/{talk.public_id}/")
    assert AuditEvent.objects.latest("sequence").action == "conversation.opened"


def test_supervisors_see_those_of_their_team(person: User, talk: Conversation) -> None:
    supervisor = make_user(role="supervisor")
    client = client_of(supervisor)
    assert client.get(url(person)).status_code == 404
    person.supervisor = supervisor
    person.save()
    assert "About the weather" in client.get(url(person)).content.decode()
    assert "Conversations" in client.get(f"/users/{person.public_id}/").content.decode()


@pytest.mark.parametrize("role", ["manager", "operator", "user", "viewer", None])
def test_others_are_not_allowed(person: User, role: str | None) -> None:
    assert client_of(make_user(role=role)).get(url(person)).status_code == 403


def test_many_cost_no_more_queries(person: User, talk: Conversation) -> None:
    client, counts = client_of(make_user(role="admin")), []
    client.get(url(person))
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(url(person)).status_code == 200
        counts.append(len(asked))
        Conversation.objects.bulk_create(Conversation(owner=person, title=f"Talk {number}") for number in range(12))
    assert counts[0] == counts[1]


def test_none_is_said(person: User) -> None:
    assert "No conversation" in client_of(make_user(role="admin")).get(url(person)).content.decode()


def test_the_list_of_people_counts_them(person: User, talk: Conversation) -> None:
    client: Client = client_of(make_user(role="manager"))
    found = client.get("/users/").context["rows"]
    rows = {row.person.username: {str(column.label): value for column, value in row.cells} for row in found}
    assert rows["ana"]["Conversations"] == 1
