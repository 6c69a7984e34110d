from __future__ import annotations

from django.test import Client
from django.urls import reverse

from accounts.models import Session, User
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user

URL = "/logout/"


def test_the_session_is_gone(person: User, trail: Trail) -> None:
    client, other = client_of(person), client_of(person)
    cookie = client.cookies["gatehouse-session"].value
    assert client.post(URL)["Location"] == reverse("login")
    client.cookies["gatehouse-session"] = cookie
    assert client.get("/password/").status_code == 302
    assert other.get("/password/").status_code == 200
    assert Session.objects.count() == 1
    (event,) = trail.events
    assert (event.action, event.actor_id) == ("session.signed_out", person.pk)


def test_a_link_cannot_sign_out(as_person: Client) -> None:
    assert as_person.get(URL).status_code == 405
    assert as_person.get("/password/").status_code == 200


def test_without_its_token_it_is_refused(person: User) -> None:
    assert client_of(person, enforce_csrf_checks=True).post(URL).status_code == 403


def test_somebody_who_must_change_the_password_may_leave(db: None) -> None:
    client = client_of(make_user(must_change_password=True))
    assert client.post(URL)["Location"] == reverse("login")


def test_a_stranger_is_sent_to_the_door(client: Client, db: None) -> None:
    assert client.post(URL)["Location"].startswith(reverse("login"))
