from __future__ import annotations

from uuid import uuid4

from django.test import Client

from accounts.models import Session, User
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user


def url(user: User, path: str = "") -> str:
    return f"/users/{user.public_id}/sessions/{path}"


def test_one_and_all_are_signed_out(as_manager: Client, manager: User, person: User, trail: Trail) -> None:
    theirs = [client_of(person) for _ in range(3)]
    assert len(as_manager.get(url(person)).context["sessions"]) == 3
    first = Session.objects.filter(user=person).order_by("signed_in_at").first()
    assert first is not None
    as_manager.post(url(person, f"{first.public_id}/revoke/"))
    assert [client.get("/password/").status_code for client in theirs] == [302, 200, 200]
    as_manager.post(url(person, "revoke/"))
    assert [client.get("/password/").status_code for client in theirs] == [302, 302, 302]
    assert as_manager.get("/password/").status_code == 200
    assert trail.actions == ["session.revoked", "session.revoked"]
    assert {event.actor_id for event in trail.events} == {manager.pk}


def test_ones_own_page_keeps_this_session(as_manager: Client, manager: User) -> None:
    client_of(manager)
    as_manager.post(url(manager, "revoke/"))
    assert as_manager.get("/password/").status_code == 200
    assert Session.objects.filter(user=manager).count() == 1


def test_a_session_is_found_only_under_its_person(as_manager: Client, person: User, manager: User) -> None:
    client_of(person)
    session = Session.objects.get(user=person)
    assert as_manager.post(url(manager, f"{session.public_id}/revoke/")).status_code == 404
    assert as_manager.post(url(person, f"{uuid4()}/revoke/")).status_code == 404


def test_rank_is_respected(as_manager: Client, admin: User) -> None:
    theirs = client_of(admin)
    session = Session.objects.get(user=admin)
    assert "Sign out everywhere" not in as_manager.get(url(admin)).content.decode()
    as_manager.post(url(admin, f"{session.public_id}/revoke/"))
    as_manager.post(url(admin, "revoke/"))
    assert theirs.get("/password/").status_code == 200


def test_a_supervisor_looks_and_does_not_touch(supervisor: User, as_supervisor: Client, person: User) -> None:
    below = make_user(supervisor=supervisor)
    client_of(below)
    session = Session.objects.get(user=below)
    page = as_supervisor.get(url(below))
    assert page.status_code == 200
    assert "revoke" not in page.content.decode()
    assert as_supervisor.post(url(below, f"{session.public_id}/revoke/")).status_code == 403
    assert as_supervisor.post(url(below, "revoke/")).status_code == 403
    assert as_supervisor.get(url(person)).status_code == 404
