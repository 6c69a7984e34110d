"""Inviting people into a role."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from accounts.models import User
from rbac.models import Assignment
from settings_store.actions import change_setting
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user, role_named

URL = "/users/invite/"


@pytest.fixture
def admin(db: None) -> User:
    return make_user(username="maren", role="admin", full_name="Maren Holt")


def invite(client: Client, emails: str = "yuki@example.org", role: str = "viewer", **fields: Any) -> Any:
    return client.post(URL, {"emails": emails, "role": role_named(role).pk, "days": 7, **fields})


def test_people_are_there_at_once_and_get_a_letter(admin: User, post: Callable[[], list[EmailMessage]]) -> None:
    client = client_of(admin)
    assert URL in client.get("/users/").content.decode()
    until = timezone.now() + timedelta(days=30)
    answer = invite(
        client, " yuki@example.org\n\nYUKI@example.org\nyuki@example.net ", ends_at=f"{until:%Y-%m-%dT%H:%M}"
    )
    assert answer["Location"] == "/users/invitations/made/"
    page = client.get(answer["Location"]).content.decode()
    assert "2 people are invited" in page
    assert "token=" not in page
    people = User.objects.filter(joined_by="invited").order_by("pk")
    assert [(person.email, person.username) for person in people] == [
        ("yuki@example.org", "yuki"),
        ("yuki@example.net", "yuki2"),
    ]
    for person in people:
        assert person.created_by == admin
        assert person.invited_until is not None
        assert timedelta(days=6.9) < person.invited_until - timezone.now() <= timedelta(days=7)
        assert [(each.role.name_key, each.ends_at is not None) for each in Assignment.objects.filter(user=person)] == [
            ("viewer", True)
        ]
    assert sorted(letter.to[0] for letter in post()) == ["yuki@example.net", "yuki@example.org"]
    assert (
        list(AuditEvent.objects.filter(actor_id=admin.pk).order_by("sequence").values_list("action", flat=True))[-4:]
        == ["role.assigned", "user.invited"] * 2
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"emails": ""}, "This field is required"),
        ({"emails": "yuki@example.org\nnonsense"}, "nonsense: Enter a valid email"),
        ({"emails": "new@example.org\nMAREN@example.org"}, "looks the same"),
        ({"emails": "\n".join(f"p{number}@example.org" for number in range(51))}, "50 people at a time"),
        ({"role": ""}, "This field is required"),
        ({"role": "999999"}, "not yours to give"),
        ({"role": "\x00"}, "not yours to give"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"days": "91"}, "less than or equal to 90"),
        ({"ends_at": "2020-01-01T00:00"}, "must lie in the future"),
        ({"ends_at": "soon"}, "Write a date and a time"),
    ],
)
def test_what_is_refused_and_why(admin: User, fields: dict[str, str], sentence: str) -> None:
    sent = {"emails": "yuki@example.org", "role": role_named("viewer").pk, "days": 7}
    answer = client_of(admin).post(URL, {**sent, **fields})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not User.objects.filter(joined_by="invited").exists()


def test_nobody_invites_beyond_their_own_rank(admin: User) -> None:
    manager = client_of(make_user(role="manager"))
    page = manager.get(URL).content.decode()
    assert ">User</option>" in page
    assert ">Manager</option>" not in page
    for role in ("manager", "admin"):
        assert invite(manager, role=role).status_code == 422
    assert invite(manager, role="user").status_code == 302


def test_a_powerful_role_asks_for_a_fresh_proof(admin: User) -> None:
    client = client_of(admin)
    assert 'href="/step-up/" target="_blank"' in invite(client, role="admin").content.decode()
    assert not User.objects.filter(joined_by="invited").exists()


@pytest.mark.parametrize("role", ["supervisor", "operator", "user", "guest"])
def test_others_are_not_allowed(role: str, db: None) -> None:
    client = client_of(make_user(role=role))
    assert client.get(URL).status_code == 403
    assert invite(client).status_code == 403


def test_switched_off_the_page_says_so(admin: User) -> None:
    change_setting(actor=None, key="accounts.registration.policy", environment="production", value="off")
    client = client_of(admin)
    assert "switched off" in client.get(URL).content.decode()
    assert invite(client).status_code == 422
    assert not User.objects.filter(joined_by="invited").exists()


def test_fifty_are_invited_in_one_piece(admin: User) -> None:
    emails = "\n".join(f"person{number}@example.org" for number in range(50))
    assert invite(client_of(admin), emails).status_code == 302
    assert User.objects.filter(joined_by="invited").count() == 50
