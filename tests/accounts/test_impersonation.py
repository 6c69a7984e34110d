"""Acting as somebody else: who may as whom, for how long, what stays the person's own, and what the trail says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import actions
from accounts.models import Session, User
from chat.models import Conversation
from rbac.actions import create_role
from rbac.models import Assignment
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user, role_named
from ui.guard import STEP_UP_SESSION_KEY

REASON = "Ticket 4711: her list stays empty"
LEAVE = "/act-as/leave/"


def url_of(person: User) -> str:
    return f"/users/{person.public_id}/act-as/"


def fresh(client: Client) -> Client:
    """The same browser, its person's password given just now."""
    session = client.session
    session[STEP_UP_SESSION_KEY] = timezone.now().timestamp()
    session.save()
    return client


def act_as(client: Client, person: User, reason: str = REASON) -> Any:
    return fresh(client).post(url_of(person), {"reason": reason})


def who_is_seen(client: Client) -> str:
    return str(client.get("/profile/").context["user"].username)


@pytest.fixture
def acting(as_admin: Client, person: User) -> Client:
    """The admin's browser, in which they act as Ana."""
    assert act_as(as_admin, person)["Location"] == "/"
    return as_admin


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(timezone.now(), tick=False) as coordinates:
        yield coordinates


def test_the_page_tells_what_it_means(as_admin: Client, person: User) -> None:
    assert url_of(person) in as_admin.get(f"/users/{person.public_id}/").content.decode()
    page = fresh(as_admin).get(url_of(person)).content.decode()
    assert "gets a letter with your name and the reason" in page
    assert "send messages in their name" in page


def test_an_admin_sees_what_the_person_sees(acting: Client, person: User, admin: User) -> None:
    page = acting.get("/profile/").content.decode()
    assert "You act as <b>Ana Ruiz</b>" in page
    assert "and by you, Maren Holt." in page
    assert who_is_seen(acting) == "ana.ruiz"
    assert acting.get("/users/").status_code == 403
    assert acting.get("/audit/").status_code == 403
    answer = acting.post(LEAVE)
    assert answer["Location"] == f"/users/{person.public_id}/"
    assert who_is_seen(acting) == "maren"
    assert "You act as <b>" not in acting.get("/profile/").content.decode()


def test_the_trail_names_both(acting: Client, person: User, admin: User, trail: Trail) -> None:
    acting.post("/profile/", {"full_name": "Ana R.", "language": "en", "time_zone": "UTC", "theme": "system"})
    event = trail.events[-1]
    assert event.action == "user.updated"
    assert (event.actor_id, event.impersonator_id) == (person.pk, admin.pk)
    acting.post(LEAVE)
    event = trail.events[-1]
    assert (event.action, event.actor_id, event.impersonator_id) == ("impersonation.ended", admin.pk, None)
    assert event.after == {"why": "left"}
    acting.post("/theme/", {"theme": "dark"})
    assert (trail.events[-1].actor_id, trail.events[-1].impersonator_id) == (admin.pk, None)


def test_beginning_is_recorded_with_its_reason(as_admin: Client, person: User, admin: User, trail: Trail) -> None:
    act_as(as_admin, person)
    event = next(event for event in trail.events if event.action == "impersonation.started")
    assert (event.actor_id, event.impersonator_id) == (admin.pk, None)
    assert (event.target_id, event.reason) == (str(person.public_id), REASON)


@pytest.mark.django_db(transaction=True)
def test_the_person_gets_a_letter(as_admin: Client, person: User, post: Callable[[], list[EmailMessage]]) -> None:
    act_as(as_admin, person)
    (letter,) = post()
    assert letter.to == ["Ana.Ruiz@example.org"]
    assert "Maren Holt" in letter.subject
    assert REASON in letter.body


def test_a_reason_is_needed(as_admin: Client, person: User) -> None:
    for reason in ("", "because", "          x", "\x00" * 12):
        assert act_as(as_admin, person, reason).status_code == 422
    assert who_is_seen(as_admin) == "maren"


def test_the_password_is_asked_for_first(as_admin: Client, person: User) -> None:
    session = as_admin.session
    session.pop(STEP_UP_SESSION_KEY, None)
    session.save()
    answer = as_admin.post(url_of(person), {"reason": REASON})
    assert answer["Location"].startswith(reverse("step_up"))
    assert who_is_seen(as_admin) == "maren"


def test_those_without_the_right_may_not(person: User, as_manager: Client, as_supervisor: Client) -> None:
    for client in (as_manager, as_supervisor):
        assert act_as(client, person).status_code == 403
        assert url_of(person) not in client.get(f"/users/{person.public_id}/").content.decode()


def test_never_sideways_upward_inactive_or_oneself(as_admin: Client, admin: User) -> None:
    other = make_user(username="other", role="admin")
    promised = make_user(username="promised")
    tomorrow = timezone.now() + timedelta(days=1)
    Assignment.objects.create(user=promised, role=role_named("admin"), starts_at=tomorrow)
    gone = make_user(username="gone", is_active=False)
    root = make_user(username="root", is_superuser=True)
    for person in (other, promised, gone, root, admin):
        assert act_as(as_admin, person).status_code == 422, person
        assert url_of(person) not in as_admin.get(f"/users/{person.public_id}/").content.decode()
    assert who_is_seen(as_admin) == "maren"


def test_never_a_way_to_rights_one_lacks(person: User, admin: User) -> None:
    """A low rank may hold a right that a higher one with users.admin does not."""
    helper = create_role(
        actor=admin,
        name="Helpers",
        priority=70,
        parent=role_named("user"),
        permissions=["users.read", "users.all", "users.admin"],
    )
    user = make_user(username="helper", role=None)
    Assignment.objects.create(user=user, role=helper)
    operator = make_user(username="operator", role="operator")
    client = client_of(user)
    answer = act_as(client, operator)
    assert answer.status_code == 422
    assert "may do what you may not" in answer.content.decode()
    assert act_as(client, person).status_code == 302


def test_a_stranger_is_not_there(person: User, admin: User) -> None:
    role = create_role(
        actor=admin, name="Near", priority=70, parent=role_named("user"), permissions=["users.read", "users.admin"]
    )
    user = make_user(username="near", role=None)
    Assignment.objects.create(user=user, role=role)
    assert act_as(client_of(user), person).status_code == 404
    User.objects.filter(pk=person.pk).update(supervisor=user)
    client = client_of(user)
    assert act_as(client, person).status_code == 302
    User.objects.filter(pk=person.pk).update(supervisor=None)
    assert "may not see" in client.get("/profile/", follow=True).content.decode()


def test_never_within_another(acting: Client, person: User) -> None:
    team_mate = make_user(username="mate")
    assert act_as(acting, team_mate).status_code == 403
    assert who_is_seen(acting) == "ana.ruiz"


def test_twice_at_once_it_begins_once(as_admin: Client, admin: User, person: User, trail: Trail) -> None:
    request = as_admin.get("/profile/").wsgi_request
    actions.start_impersonation(actor=admin, user=person, request=request, reason=REASON)
    with pytest.raises(ValidationError):
        actions.start_impersonation(actor=admin, user=make_user(), request=request, reason=REASON)
    assert trail.actions.count("impersonation.started") == 1
    assert who_is_seen(as_admin) == "ana.ruiz"


@pytest.mark.parametrize("change", ["admin role", "admin out", "person out", "person risen", "hour"])
def test_it_ends_by_itself_at_the_next_request(
    change: str, acting: Client, admin: User, person: User, clock: time_machine.Traveller
) -> None:
    match change:
        case "admin role":
            Assignment.objects.filter(user=admin).delete()
            Assignment.objects.create(user=admin, role=role_named("manager"))
        case "admin out":
            User.objects.filter(pk=admin.pk).update(is_active=False)
        case "person out":
            User.objects.filter(pk=person.pk).update(is_active=False)
        case "person risen":
            Assignment.objects.create(user=person, role=role_named("admin"))
        case "hour":
            clock.shift(timedelta(minutes=60))
    conversations = Conversation.objects.count()
    answer = acting.post("/theme/", {"theme": "dark"})
    if change == "admin out":
        assert answer["Location"].startswith("/login/")
        return
    # What was asked as one person is not done as the other.
    assert answer["Location"] == "/"
    admin.refresh_from_db()
    assert "theme" not in admin.preferences
    assert Conversation.objects.count() == conversations
    assert "You no longer act as" in acting.get("/").content.decode()
    assert who_is_seen(acting) == "maren"
    assert AuditEvent.objects.filter(action="impersonation.ended", actor_id=admin.pk).count() == 1


def test_a_fragment_is_sent_to_home_when_it_is_over(acting: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)
    answer = acting.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/")


def test_fifty_nine_minutes_are_not_too_long(acting: Client, clock: time_machine.Traveller) -> None:
    clock.shift(timedelta(minutes=59))
    assert who_is_seen(acting) == "ana.ruiz"


@pytest.mark.parametrize("path", ["/password/", "/step-up/", "/theme/", "/profile/sessions/others/revoke/"])
def test_what_is_the_persons_own_is_refused_in_words(acting: Client, person: User, path: str) -> None:
    answer = acting.post(path)
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Only Ana Ruiz can do this" in page
    assert LEAVE in page
    person.refresh_from_db()
    assert person.preferences == {}


def test_nothing_of_the_person_is_touched(acting: Client, person: User, admin: User) -> None:
    hers = client_of(person)
    row = Session.objects.get(user=person)
    before = User.objects.values().get(pk=person.pk)
    Session.objects.filter(pk=row.pk).update(last_activity=timezone.now() - timedelta(hours=1))
    for path in ("/", "/profile/", "/profile/sessions/", "/chat/"):
        assert acting.get(path).status_code in {200, 302}
    after = User.objects.values().get(pk=person.pk)
    assert after == before
    assert Session.objects.filter(user=person).count() == 1
    assert Session.objects.get(pk=row.pk).last_activity < timezone.now() - timedelta(minutes=59)
    assert hers.get("/profile/").status_code == 200
    assert Session.objects.get(acting_as=person).user == admin


def test_sessions_say_through_whose_eyes_they_look(acting: Client, person: User, admin: User) -> None:
    other = client_of(admin)
    assert "acting as Ana Ruiz" in other.get("/profile/sessions/").content.decode()
    assert 'ink">acting as' not in acting.get("/profile/sessions/").content.decode()


def test_signing_out_signs_the_admin_out(acting: Client, person: User, admin: User, trail: Trail) -> None:
    hers = client_of(person)
    assert acting.post("/logout/")["Location"] == "/login/"
    assert [(event.action, event.actor_id, event.impersonator_id) for event in trail.events] == [
        ("impersonation.ended", admin.pk, None),
        ("session.signed_out", admin.pk, None),
    ]
    assert acting.get("/profile/").status_code == 302
    assert hers.get("/profile/").status_code == 200


def test_leaving_twice_does_nothing(as_admin: Client, trail: Trail) -> None:
    assert as_admin.post(LEAVE)["Location"] == "/"
    assert as_admin.get(LEAVE).status_code == 405
    assert trail.actions == []


def test_a_page_of_one_person_is_not_sent_as_the_other(admin: User, person: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    fresh(client)
    token = client.get(url_of(person)).context["csrf_token"]
    assert client.post(url_of(person), {"reason": REASON, "csrfmiddlewaretoken": str(token)}).status_code == 302
    assert client.post(LEAVE, {"csrfmiddlewaretoken": str(token)}).status_code == 403
    token = client.get("/profile/").context["csrf_token"]
    assert client.post(LEAVE, {"csrfmiddlewaretoken": str(token)}).status_code == 302
    assert client.post("/theme/", {"theme": "dark", "csrfmiddlewaretoken": str(token)}).status_code == 403


def test_pages_that_are_not_there_show_the_banner_too(acting: Client) -> None:
    page = acting.get("/nothing-here/")
    assert page.status_code == 404
    assert "You act as <b>" in page.content.decode()


def test_the_django_admin_shows_the_banner_too(as_admin: Client) -> None:
    operator = make_user(username="operator", role="operator")
    act_as(as_admin, operator)
    page = as_admin.get("/admin/").content.decode()
    assert "You act as <b>operator</b>" in page
    assert LEAVE in page


def test_a_step_up_of_the_admin_is_none_of_the_persons(as_admin: Client, admin: User) -> None:
    operator = make_user(username="operator", role="operator")
    act_as(as_admin, operator)
    fresh(as_admin)
    assert as_admin.get(f"/users/{admin.public_id}/password/").status_code == 403


def test_nobody_else_pays_for_it(as_person: Client) -> None:
    as_person.get("/profile/")
    with CaptureQueriesContext(connection) as queries:
        as_person.get("/profile/")
    assert len([query for query in queries if "accounts_session" in query["sql"]]) == 1
    assert len([query for query in queries if 'FROM "accounts_user"' in query["sql"].replace("`", '"')]) <= 1
