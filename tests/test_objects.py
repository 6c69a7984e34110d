"""Rows of others: every address that names one answers 404 to those whom it does not concern."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.urls import reverse

from accounts.models import Session, User
from chat.models import Conversation, Message
from tests.factories import client_of, make_user
from tests.routes import Route, routes

OWN = [route for route in routes() if not route.is_foreign]


def under(*prefixes: str) -> list[Route]:
    return [route for route in OWN if route.route.startswith(prefixes)]


@pytest.fixture
def owner(db: None) -> User:
    return make_user(username="owner")


@pytest.fixture
def ids(owner: User) -> dict[str, UUID]:
    """What the owner has: a conversation with an answer, and a session."""
    conversation = Conversation.objects.create(owner=owner, title="A private matter")
    question = Message.objects.create(
        conversation=conversation, role=Message.Role.USER, status=Message.Status.COMPLETE, content="Hello"
    )
    answer = Message.objects.create(
        conversation=conversation,
        parent=question,
        role=Message.Role.ASSISTANT,
        status=Message.Status.COMPLETE,
        content="Good day",
    )
    client_of(owner).get(reverse("home"))
    return {
        "public_id": conversation.public_id,
        "message_id": answer.public_id,
        "user_id": owner.public_id,
        "session_id": Session.objects.get(user=owner).public_id,
    }


def statuses(user: User, walked: list[Route], ids: dict[str, UUID]) -> list[tuple[str, str, int]]:
    """What each of these addresses, pointing to these rows, answers that is not "not found" or "wrong method"."""
    client = client_of(user, raise_request_exception=False)
    return [
        (route.route, method, status)
        for route in walked
        for method in ("get", "post")
        if (status := getattr(client, method)(route.path_to(**ids)).status_code) not in {404, 405}
    ]


@pytest.mark.parametrize("role", ["user", "supervisor", "manager", "admin"])
def test_a_conversation_is_its_owners_alone(role: str, ids: dict[str, UUID]) -> None:
    """Overseers have pages of their own; the chat of somebody else opens to nobody, on streams and writes alike."""
    walked = under("chat/<uuid")
    assert len(walked) > 5
    assert statuses(make_user(role=role), walked, ids) == []
    conversation = Conversation.objects.get(public_id=ids["public_id"])
    assert (conversation.title, conversation.is_pinned, conversation.deleted_at) == ("A private matter", False, None)


def test_messages_belong_to_their_conversation(ids: dict[str, UUID], owner: User) -> None:
    """The owner's own conversation does not lend its address to a message of another one."""
    other = Conversation.objects.create(owner=owner, title="Another")
    walked = [route for route in under("chat/<uuid") if "message_id" in route.parameters]
    assert walked
    assert statuses(owner, walked, ids | {"public_id": other.public_id}) == []


def test_supervisors_oversee_their_own_team_only(ids: dict[str, UUID], owner: User) -> None:
    supervisor = make_user(role="supervisor")
    walked = [r for r in under("conversations/<uuid") if r.access and supervisor.has_perm(r.access.permission)]
    assert walked
    assert statuses(supervisor, walked, ids) == []
    owner.supervisor = supervisor
    owner.save(update_fields=["supervisor"])
    url = reverse("chat:conversation_read", args=[ids["public_id"]])
    assert client_of(supervisor).get(url).status_code == 200


def test_supervisors_see_their_own_team_only(ids: dict[str, UUID], owner: User) -> None:
    supervisor = make_user(role="supervisor")
    walked = [route for route in under("users/<uuid") if route.access and supervisor.has_perm(route.access.permission)]
    people = ids | {"public_id": owner.public_id}
    assert len(walked) > 2
    assert statuses(supervisor, walked, people) == []
    owner.supervisor = supervisor
    owner.save(update_fields=["supervisor"])
    assert client_of(supervisor).get(reverse("accounts:user_detail", args=[owner.public_id])).status_code == 200


def test_sessions_of_others_are_not_ones_own(ids: dict[str, UUID], owner: User) -> None:
    walked = under("profile/sessions/<uuid")
    assert walked
    assert statuses(make_user(role="admin"), walked, ids) == []
    assert Session.objects.filter(user=owner).exists()


def test_a_session_is_reached_through_its_person_only(ids: dict[str, UUID]) -> None:
    other = make_user()
    walked = [route for route in under("users/<uuid") if "session_id" in route.parameters]
    assert walked
    assert statuses(make_user(role="admin"), walked, ids | {"user_id": other.public_id}) == []
