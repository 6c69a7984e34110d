"""What lies beyond somebody's team, or is another's, is not there for any act, whatever rights they hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from accounts.models import BulkAct, Lockout, Session, User, UserImport
from rbac.actions import create_role
from rbac.models import Assignment
from tests.accounts.conftest import Trail
from tests.accounts.factors import give_app
from tests.factories import client_of, make_user, role_named
from ui.guard import STEP_UP_SESSION_KEY
from ui.registry import registry

IMPORT = "/users/import/"


def stepped_up(person: User) -> Client:
    client = client_of(person)
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    return client


@pytest.fixture
def lead(db: None) -> User:
    """Somebody who may do everything with people, but sees the own team alone."""
    role = create_role(
        actor=None, name="Lead", priority=90, permissions=[name for name in registry.permissions if name != "users.all"]
    )
    person = make_user(role=None, username="lead")
    Assignment.objects.create(user=person, role=role)
    return User.objects.get(pk=person.pk)


@pytest.fixture
def stranger(db: None) -> User:
    """Somebody of no team about whom there is something to do of each kind."""
    person = make_user(username="stranger", invited_until=timezone.now() + timedelta(days=1))
    give_app(person)
    now = timezone.now()
    Lockout.objects.create(user=person, begun_at=now, until=now + timedelta(hours=1), strikes=1)
    return person


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("edit", {"username": "mine", "email": "mine@example.org", "full_name": "Mine"}),
        ("activate", {}),
        ("deactivate", {"reason": "x"}),
        ("password", {}),
        ("act-as", {"reason": "A question of theirs"}),
        ("unlock", {}),
        ("factors/reset", {"reason": "A question of theirs"}),
        ("invitation/renew", {}),
        ("invitation/withdraw", {}),
        ("sessions/revoke", {}),
        ("roles/assign", {"reason": "x"}),
    ],
)
def test_a_stranger_is_not_there_for_any_act(
    lead: User, stranger: User, trail: Trail, path: str, data: dict[str, str]
) -> None:
    client_of(stranger)
    before = User.objects.values().get(pk=stranger.pk)
    client = stepped_up(lead)
    if path == "roles/assign":
        data["role"] = str(role_named("user").pk)
    assert client.post(f"/users/{stranger.public_id}/{path}/", data).status_code == 404
    assert User.objects.values().get(pk=stranger.pk) == before
    assert Session.objects.filter(user=stranger).exists()
    assert Lockout.objects.filter(user=stranger).exists()
    assert trail.actions == []
    # The same act reaches the own team.
    User.objects.filter(pk=stranger.pk).update(supervisor=lead)
    assert client.post(f"/users/{stranger.public_id}/{path}/", data).status_code in {200, 302, 422}


def test_a_session_and_a_role_of_a_stranger_are_not_there(lead: User, stranger: User) -> None:
    client_of(stranger)
    session = Session.objects.get(user=stranger)
    client = stepped_up(lead)
    for path in (f"sessions/{session.public_id}/revoke", f"roles/{role_named('user').public_id}/revoke"):
        assert client.post(f"/users/{stranger.public_id}/{path}/").status_code == 404
    # Nor by the address of somebody who is there.
    below = make_user(supervisor=lead)
    assert client.post(f"/users/{below.public_id}/sessions/{session.public_id}/revoke/").status_code == 404
    assert Session.objects.filter(pk=session.pk).exists()


@pytest.mark.parametrize("ticked", [True, False])
def test_acts_upon_many_reach_the_own_team_alone(lead: User, stranger: User, ticked: bool) -> None:
    below = make_user(username="below", supervisor=lead)
    client = stepped_up(lead)
    ids = [str(stranger.public_id), str(below.public_id)] if ticked else []
    asked = client.post("/users/acts/", {"act": "deactivate", "id": ids} | ({} if ticked else {"all": "yes"}))
    row = BulkAct.objects.get()
    assert stranger.pk not in row.people
    # Also where they went from the team between the question and the yes.
    User.objects.filter(pk=below.pk).update(supervisor=None)
    client.post(asked["Location"], {"reason": ""})
    assert not User.objects.filter(is_active=False).exists()


@pytest.mark.parametrize("role", ["manager", "supervisor"])
def test_an_import_is_nobody_elses(manager: User, post: Callable[[], list[EmailMessage]], role: str) -> None:
    owner = stepped_up(manager)
    data = SimpleUploadedFile("people.csv", b"email\none@example.org\n")
    page = owner.post(IMPORT, {"file": data})["Location"]
    other = stepped_up(make_user(role=role))
    refused = 404 if role == "manager" else 403
    for path in ("", "columns/", "progress/", "errors/"):
        assert other.get(page + path).status_code == refused
    for path in ("columns/", "run/", "resume/", "remove/"):
        assert other.post(page + path, {"column_email": "0", "leave_out": "on"}).status_code == refused
    post()
    assert UserImport.objects.get().state == UserImport.State.UPLOADED
    assert not User.objects.filter(email="one@example.org").exists()


def test_an_admin_looks_at_an_import_and_does_not_run_it(
    manager: User, admin: User, post: Callable[[], list[EmailMessage]]
) -> None:
    owner, chief = stepped_up(manager), stepped_up(admin)
    data = SimpleUploadedFile("people.csv", b"email\none@example.org\n")
    page = owner.post(IMPORT, {"file": data})["Location"]
    assert chief.get(page).status_code == 200
    chief.post(f"{page}columns/", {"column_email": "0", "getting_in": "nothing", "known": "refuse"})
    UserImport.objects.update(state=UserImport.State.CHECKED, columns={"email": 0}, total=1)
    chief.post(f"{page}run/", {"leave_out": "on"})
    post()
    assert UserImport.objects.get().state == UserImport.State.CHECKED
    assert not User.objects.filter(email="one@example.org").exists()
