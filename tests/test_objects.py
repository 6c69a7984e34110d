"""Rows of others, beyond what each role is asked about in `tests/access/`.

Nothing opens by way of something of one's own, nothing was done on the way to a refusal, and what somebody sees follows
their team at once.
"""

from __future__ import annotations

import pytest

from accounts.models import Session, User
from chat.models import Conversation, Message, Model, Provider
from rbac.actions import seed_system_roles
from rbac.models import Assignment, Review, Role
from tests.access.asking import Browser
from tests.access.rows import Rows, rows_of, rows_of_house
from tests.factories import make_user
from tests.routes import Route, routes

OWN = [route for route in routes() if not route.is_foreign]
METHODS = ("GET", "POST", "PUT", "DELETE")


def under(*prefixes: str) -> list[Route]:
    return [route for route in OWN if route.route.startswith(prefixes)]


@pytest.fixture
def house(db: None) -> Rows:
    seed_system_roles()
    return rows_of_house()


@pytest.fixture
def owner(house: Rows) -> User:
    return make_user(username="owner")


@pytest.fixture
def rows(house: Rows, owner: User) -> Rows:
    return house | rows_of(owner)


def answered(person: User, walked: list[Route], rows: Rows) -> list[tuple[str, str, int]]:
    """What each of these addresses, pointing to these rows, answers that is not "not found" or "wrong method"."""
    browser = Browser(person, fresh=True)
    return [
        (route.route, method, status)
        for route in walked
        for method in METHODS
        if (status := browser.ask(method, rows.path(route)).status_code) not in {404, 405}
    ]


@pytest.mark.parametrize("role", ["user", "supervisor", "manager", "admin"])
def test_a_conversation_is_its_owners_alone(role: str, rows: Rows, owner: User) -> None:
    """Overseers have pages of their own; the chat of somebody else opens to nobody, on streams and writes alike."""
    walked = under("chat/<uuid")
    assert len(walked) > 10
    assert any(route.name == "chat:message_stream" for route in walked)
    boss = make_user(role=role)
    User.objects.filter(pk=owner.pk).update(supervisor=boss)
    assert answered(boss, walked, rows) == []


def test_a_message_is_reached_through_its_conversation_only(rows: Rows, owner: User) -> None:
    """The owner's own conversation does not lend its address to a message of another one."""
    other = Conversation.objects.create(owner=owner, title="Another")
    walked = [route for route in under("chat/<uuid") if "message_id" in route.parameters]
    assert walked
    assert answered(owner, walked, rows | Rows({("chat/", "public_id"): other.public_id})) == []


def test_a_conversation_in_the_bin_opens_to_nobody_but_who_brings_it_back(rows: Rows, owner: User) -> None:
    Conversation.objects.update(deleted_at=Message.objects.latest("pk").created_at)
    walked = [route for route in under("chat/<uuid") if route.name != "chat:conversation_restore"]
    # Deleting what is deleted is no mistake.
    told = {name for name, _method, _status in answered(owner, walked, rows)}
    assert told <= {"chat/<uuid:public_id>/delete"}


def test_a_session_is_reached_through_its_person_only(rows: Rows) -> None:
    walked = [route for route in under("users/<uuid") if "session_id" in route.parameters]
    assert walked
    other = Rows({("users/", "user_id"): make_user().public_id})
    assert answered(make_user(role="admin"), walked, rows | other) == []


def test_an_assignment_is_reached_through_its_person_only(rows: Rows, owner: User) -> None:
    walked = [route for route in under("users/<uuid") if "role_id" in route.parameters]
    assert walked
    not_held = Role.objects.get(system_key="viewer")
    other = Rows({("users/", "role_id"): not_held.public_id})
    assert answered(make_user(role="admin"), walked, rows | other) == []
    assert Assignment.objects.filter(user=owner).count() == 1


def test_a_model_is_reached_through_its_server_only(rows: Rows) -> None:
    server = Provider.objects.create(name="Other", name_key="other", base_url="http://127.0.0.1:9/v1")
    model = Model.objects.create(provider=server, name="large")
    walked = [route for route in under("models/") if "model_id" in route.parameters]
    assert walked
    assert answered(make_user(role="admin"), walked, rows | Rows({("models/", "model_id"): model.public_id})) == []


def test_a_line_is_reached_through_its_review_only(rows: Rows) -> None:
    other = Review.objects.create(subject="Another", role=Role.objects.get(system_key="user"))
    walked = [route for route in under("roles/reviews/<uuid") if "line_id" in route.parameters]
    elsewhere = rows | Rows({("roles/reviews/", "review_id"): other.public_id})
    assert answered(make_user(role="admin"), walked, elsewhere) == []


def test_sessions_of_others_are_not_ones_own(rows: Rows, owner: User) -> None:
    walked = under("profile/sessions/<uuid")
    assert walked
    assert answered(make_user(role="admin"), walked, rows) == []
    assert Session.objects.filter(user=owner).exists()


def test_what_a_supervisor_sees_follows_their_team_at_once(rows: Rows, owner: User) -> None:
    """Also further up: whoever is above the supervisor sees the whole subtree."""
    above = make_user(role="supervisor", username="above")
    boss = make_user(role="supervisor", username="boss", supervisor=above)
    walked = [
        route
        for route in under("conversations/<uuid", "users/<uuid:user_id>/")
        if route.access and not route.access.lacking(boss) and len(route.parameters) == 1
    ]
    assert len(walked) > 5

    def seen(person: User) -> set[int]:
        browser = Browser(person)
        return {browser.ask("GET", rows.path(route)).status_code for route in walked}

    assert seen(boss) == seen(above) == {404}
    User.objects.filter(pk=owner.pk).update(supervisor=boss)
    assert seen(boss) == seen(above) == {200}
    User.objects.filter(pk=boss.pk).update(supervisor=None)
    assert (seen(boss), seen(above)) == ({200}, {404})
    User.objects.filter(pk=owner.pk).update(supervisor=None)
    assert seen(boss) == {404}


def test_with_rows_of_others_nothing_was_done(rows: Rows, owner: User) -> None:
    """What is refused leaves no trace: every write a supervisor of another team tries, and then the rows again."""
    stranger = make_user(role="supervisor")
    browser = Browser(stranger, fresh=True)
    before = _of(owner)
    kept = []
    for route in OWN:
        if route.parameters and route.access and not route.access.lacking(stranger):
            browser.ask("POST", rows.path(route), seen=lambda answer: kept.append(_of(owner) == before))
    assert len(kept) > 30
    assert all(kept)


def _of(owner: User) -> list[object]:
    """All that is the owner's, as it is kept."""
    return [
        User.objects.filter(pk=owner.pk).values().get(),
        *(list(model.objects.filter(**who).order_by("pk").values()) for model, who in _theirs(owner)),
    ]


def _theirs(owner: User) -> list[tuple[type[Conversation | Message | Session | Assignment], dict[str, User]]]:
    return [
        (Conversation, {"owner": owner}),
        (Message, {"conversation__owner": owner}),
        (Session, {"user": owner}),
        (Assignment, {"user": owner}),
    ]
