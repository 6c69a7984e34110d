from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from accounts import actions, credentials
from accounts.models import User
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user, role_named

URL = "/users/new/"
SENT = {
    "username": "yuki",
    "email": "Yuki@Example.org",
    "full_name": "Yuki Tanaka",
    "supervisor": "",
    "password": "",
}


def test_a_password_is_made_shown_once_and_must_be_changed(as_manager: Client, manager: User) -> None:
    answer = as_manager.post(URL, SENT, follow=True)
    password = answer.context["password"]
    assert password in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    yuki = User.objects.get(username="yuki")
    assert credentials.check("yuki@example.org", password) == yuki
    assert yuki.must_change_password
    assert yuki.created_by == manager
    assert password not in as_manager.get(f"/users/{yuki.public_id}/").content.decode()
    assert password not in "".join(str(event.__dict__) for event in AuditEvent.objects.all())


def test_a_given_password_counts(as_admin: Client) -> None:
    as_admin.post(URL, {**SENT, "password": "given by the admin 7"})
    assert credentials.check("yuki", "given by the admin 7") == User.objects.get(username="yuki")


def test_newcomers_hold_the_role_of_users(as_admin: Client) -> None:
    role_named("user")
    as_admin.post(URL, SENT)
    assert User.objects.get(username="yuki").has_perm("chat.use")


def test_it_is_recorded(as_admin: Client, admin: User, trail: Trail) -> None:
    as_admin.post(URL, SENT)
    event = next(event for event in trail.events if event.action == "user.created")
    assert (event.actor_id, event.target_name) == (admin.pk, "Yuki Tanaka")
    assert "password" not in (event.after or {})


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("username", "ANA.RUIZ", "looks the same"),
        ("username", "ａｎａ.ｒｕｉｚ", "looks the same"),
        ("email", "ANA.ruiz@EXAMPLE.ORG", "looks the same"),
        ("username", "a b", "Use letters"),
        ("username", "a@b", "Use letters"),
        ("username", "", "This field is required"),
        ("username", "-x", "Use letters"),
        ("username", "x" * 151, "150"),
        ("username", "ﷺ" * 100, "150"),
        ("username", "a\x00b", "Null characters"),
        ("full_name", "\ufb2c" * 150, "At most 150"),
        ("email", "nonsense", "valid email"),
        ("email", "a@b@c", "valid email"),
        ("email", "ß" * 140 + "@example.org", "254"),
        ("email", "ß@example.org", "valid email"),
        ("email", "x" * 300 + "@example.org", "254"),
        ("supervisor", "nobody", "Nobody you may see"),
        ("supervisor", "\x00", "Null characters"),
        ("password", "short", "too short"),
        ("password", "yuki@example.org", "too similar"),
    ],
)
def test_what_is_refused_and_why(as_admin: Client, person: User, field: str, value: str, sentence: str) -> None:
    answer = as_admin.post(URL, {**SENT, field: value})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert sentence in answer.content.decode()
    assert not User.objects.filter(username_key="yuki").exists()


def test_a_supervisor_is_found_by_name(as_admin: Client, supervisor: User) -> None:
    as_admin.post(URL, {**SENT, "supervisor": "KOFI@example.org"})
    assert User.objects.get(username="yuki").supervisor == supervisor


def test_nothing_else_can_be_set_by_the_form(as_manager: Client) -> None:
    as_manager.post(
        URL,
        {**SENT, "is_superuser": "on", "is_staff": "on", "groups": "1", "user_permissions": "1", "is_verified": "on"},
    )
    yuki = User.objects.get(username="yuki")
    assert (yuki.is_superuser, yuki.is_staff, yuki.is_verified, yuki.groups.count()) == (False, False, False, 0)


@pytest.mark.parametrize("role", ["supervisor", "operator", "user", "viewer", "guest"])
def test_others_are_not_allowed(db: None, role: str) -> None:
    client = client_of(make_user(role=role))
    assert client.get(URL).status_code == 403
    assert client.post(URL, SENT).status_code == 403
    assert not User.objects.filter(username="yuki").exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_account() -> None:
    role_named("user")

    def create(number: int) -> str:
        try:
            actions.create_user(actor=None, username="yuki", email=f"yuki{number}@example.org")
        except ValidationError as error:
            return error.messages[0]
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(8)))
    assert answers.count("") == 1
    assert User.objects.filter(username_key="yuki").count() == 1
    assert AuditEvent.objects.filter(action="user.created").count() == 1


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing takes long, and an open transaction holds up every writer on SQLite."""
    inside: list[bool] = []
    original = MD5PasswordHasher.encode

    def noted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        inside.append(connection.in_atomic_block)
        return original(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", noted)
    actions.create_user(actor=None, username="yuki", email="yuki@example.org", password="given by the admin 7")
    assert inside == [False]
