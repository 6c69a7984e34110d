from __future__ import annotations

import pytest
from django.test import Client

from accounts import credentials
from accounts.models import Session, User
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of, make_user


def url(user: User, act: str = "deactivate") -> str:
    return f"/users/{user.public_id}/{act}/"


def test_out_at_the_next_request_and_in_again(as_manager: Client, person: User, trail: Trail) -> None:
    theirs = client_of(person)
    assert theirs.get("/password/").status_code == 200
    assert as_manager.post(url(person), {"reason": "left us"}).status_code == 302
    assert theirs.get("/password/").status_code == 302
    assert not Session.objects.filter(user=person).exists()
    assert credentials.check("ana.ruiz", PASSWORD) is None
    as_manager.post(url(person, "activate"))
    assert credentials.check("ana.ruiz", PASSWORD) == person
    assert theirs.get("/password/").status_code == 302
    assert trail.actions == ["user.deactivated", "session.sign_in_failed", "user.activated"]
    assert trail.events[0].reason == "left us"


def test_twice_is_once(as_manager: Client, person: User, trail: Trail) -> None:
    for _ in range(2):
        as_manager.post(url(person))
    for _ in range(2):
        as_manager.post(url(person, "activate"))
    assert trail.actions == ["user.deactivated", "user.activated"]


def test_without_scripts_there_is_a_page_to_confirm(as_manager: Client, person: User) -> None:
    assert "Deactivate Ana Ruiz?" in as_manager.get(url(person)).content.decode()
    person.refresh_from_db()
    assert person.is_active


def test_nobody_deactivates_themselves_or_their_betters(as_manager: Client, manager: User, admin: User) -> None:
    assert "yourself" in as_manager.post(url(manager)).content.decode()
    assert "last admin" in as_manager.post(url(admin)).content.decode()
    make_user(role="admin")
    assert "rank" in as_manager.post(url(admin)).content.decode()
    assert User.objects.filter(pk__in=[manager.pk, admin.pk], is_active=True).count() == 2


def test_a_reason_too_long_is_refused(as_manager: Client, person: User) -> None:
    assert as_manager.post(url(person), {"reason": "x" * 501}).status_code == 422
    person.refresh_from_db()
    assert person.is_active


@pytest.mark.parametrize("role", ["supervisor", "operator", "user", "viewer", "guest"])
@pytest.mark.parametrize("act", ["activate", "deactivate"])
def test_others_are_not_allowed(person: User, role: str, act: str) -> None:
    assert client_of(make_user(role=role)).post(url(person, act)).status_code == 403
    person.refresh_from_db()
    assert person.is_active


def test_a_link_activates_nobody(as_manager: Client, person: User) -> None:
    assert as_manager.get(url(person, "activate")).status_code == 405
