"""An invitation from the side of whoever gets it, and of whoever renews or withdraws it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from accounts import actions, credentials, tokens
from accounts.models import User
from rbac.actions import create_role, invite
from rbac.models import Assignment
from settings_store.actions import change_setting
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user, role_named
from tests.letters import link_in

URL = "/invitation/"
PASSWORD = "a quite different sentence 7"
FIELDS = {"full_name": "Yuki Sato", "username": "yuki.sato", "password": PASSWORD, "repeated": PASSWORD}
type Post = Callable[[], list[EmailMessage]]


@pytest.fixture
def guest(admin: User) -> User:
    (person,) = invite(actor=admin, emails=["yuki@example.org"], role=role_named("viewer"))
    return person


def arrive(link: str) -> Client:
    client = Client()
    client.get(link)
    return client


def accept(client: Client, **changes: str) -> Any:
    return client.post(URL, {**FIELDS, **changes})


def test_from_the_letter_to_an_account(guest: User, admin: User, post: Post, trail: Trail) -> None:
    (letter,) = post()
    assert letter.to == ["yuki@example.org"]
    assert letter.subject == "Maren Holt invites you to Gatehouse"
    client = Client()
    assert client.get(link_in(letter))["Location"] == URL
    page = client.get(URL).content.decode()
    for words in ("Maren Holt", "yuki@example.org", 'value="yuki"'):
        assert words in page
    assert accept(client)["Location"] == "/login/"
    guest.refresh_from_db()
    assert (guest.username, guest.full_name, guest.invited_until, guest.is_verified) == (
        "yuki.sato",
        "Yuki Sato",
        None,
        True,
    )
    assert guest.password_changed_at is not None
    assert not guest.must_change_password
    assert [each.role.name_key for each in Assignment.objects.filter(user=guest)] == ["viewer"]
    assert credentials.check("yuki.sato", PASSWORD) == guest
    assert trail.actions == ["invitation.accepted"]
    assert trail.events[0].actor_id == guest.pk


def test_until_then_nobody_signs_in_with_it(guest: User) -> None:
    assert not guest.has_usable_password()
    assert Client().post("/login/", {"username": "yuki", "password": ""}).status_code == 422
    assert credentials.check("yuki", guest.password) is None


def test_a_link_works_once(guest: User, post: Post) -> None:
    link = link_in(post()[0])
    first, second = arrive(link), arrive(link)
    assert accept(first).status_code == 302
    assert "does not work" in accept(second, username="other").content.decode()
    assert "does not work" in Client().get(link).content.decode()
    guest.refresh_from_db()
    assert guest.username == "yuki.sato"


def test_a_link_is_over_in_time(guest: User, post: Post) -> None:
    assert guest.invited_until is not None
    with time_machine.travel(guest.invited_until - timedelta(minutes=1), tick=False) as clock:
        link = link_in(post()[0])
        client = arrive(link)
        clock.shift(timedelta(minutes=2))
        assert "does not work" in accept(client).content.decode()
        assert "does not work" in Client().get(link).content.decode()


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"email": "other@example.org"}, {"invited_until": timezone.now() + timedelta(9)}]
)
def test_a_link_is_dead_once_the_row_has_changed(guest: User, post: Post, change: dict[str, Any]) -> None:
    client = arrive(link_in(post()[0]))
    User.objects.filter(pk=guest.pk).update(**change)
    assert "does not work" in accept(client).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("username", "MAREN", "looks the same"),
        ("username", "", "This field is required"),
        ("password", "short", "too short"),
        ("password", "yuki.sato@example", "too similar"),
    ],
)
def test_what_is_refused_and_why(guest: User, post: Post, field: str, value: str, sentence: str) -> None:
    client = arrive(link_in(post()[0]))
    changes = {field: value, "repeated": value} if field == "password" else {field: value}
    response = accept(client, **changes)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert accept(client).status_code == 302


def test_the_suggested_name_may_be_kept(guest: User, post: Post) -> None:
    assert accept(arrive(link_in(post()[0])), username="yuki").status_code == 302


def test_another_link_kills_the_older_one(guest: User, admin: User, as_admin: Client, post: Post, trail: Trail) -> None:
    old = link_in(post()[0])
    page = as_admin.get(f"/users/{guest.public_id}/").content.decode()
    assert "invited until" in page
    assert "Withdraw the invitation" in page
    response = as_admin.post(f"/users/{guest.public_id}/invitation/renew/")
    assert response["Location"] == f"/users/{guest.public_id}/"
    new = link_in(post()[1])
    assert "does not work" in Client().get(old).content.decode()
    assert accept(arrive(new)).status_code == 302
    assert trail.actions == ["invitation.renewed", "invitation.accepted"]
    answer = as_admin.post(f"/users/{guest.public_id}/invitation/renew/", follow=True)
    assert "no open invitation" in answer.content.decode()


def test_one_that_is_over_can_be_renewed(guest: User, as_admin: Client, post: Post) -> None:
    User.objects.filter(pk=guest.pk).update(invited_until=timezone.now() - timedelta(days=1))
    assert "invitation expired" in as_admin.get(f"/users/{guest.public_id}/").content.decode()
    as_admin.post(f"/users/{guest.public_id}/invitation/renew/")
    assert accept(arrive(link_in(post()[-1]))).status_code == 302


def test_a_withdrawn_one_is_dead(guest: User, as_admin: Client, post: Post, trail: Trail) -> None:
    link = link_in(post()[0])
    as_admin.post(f"/users/{guest.public_id}/invitation/withdraw/")
    guest.refresh_from_db()
    assert (guest.is_active, guest.invited_until) == (False, None)
    assert trail.actions == ["invitation.withdrawn"]
    as_admin.post(f"/users/{guest.public_id}/activate/")
    assert "does not work" in Client().get(link).content.decode()


def test_a_withdrawn_one_sends_no_letter(guest: User, admin: User, post: Post) -> None:
    actions.withdraw_invitation(actor=admin, user=guest)
    assert post() == []


def test_rank_and_permission_are_respected(admin: User, manager: User) -> None:
    (chief,) = invite(actor=admin, emails=["chief@example.org"], role=role_named("admin"))
    lower = client_of(manager)
    for act in ("renew", "withdraw"):
        url = f"/users/{chief.public_id}/invitation/{act}/"
        assert "beyond your reach" in lower.post(url, follow=True).content.decode()
        assert lower.get(url).status_code == 405
        assert client_of(make_user(role="viewer")).post(url).status_code == 403
    chief.refresh_from_db()
    assert chief.is_active


def test_whoever_may_deactivate_nobody_withdraws_nothing(guest: User, admin: User) -> None:
    role = create_role(actor=admin, name="Host", priority=70, permissions=["users.read", "users.write", "users.all"])
    host = make_user(role=None)
    Assignment.objects.create(user=host, role=role)
    client = client_of(host)
    assert "/invitation/withdraw/" not in client.get(f"/users/{guest.public_id}/").content.decode()
    assert client.post(f"/users/{guest.public_id}/invitation/withdraw/").status_code == 403
    guest.refresh_from_db()
    assert guest.is_active


def test_nobody_invites_again_whoever_may_more(admin: User, manager: User, post: Post) -> None:
    """Where no mail is sent, they would have the link in hand."""
    (operator,) = invite(actor=admin, emails=["op@example.org"], role=role_named("operator"))
    client = client_of(manager)
    assert "/invitation/renew/" not in client.get(f"/users/{operator.public_id}/").content.decode()
    before = operator.invited_until
    answer = client.post(f"/users/{operator.public_id}/invitation/renew/", follow=True)
    assert "may do what you may not" in answer.content.decode()
    operator.refresh_from_db()
    assert operator.invited_until == before


def test_switched_off_no_link_is_renewed(guest: User, as_admin: Client, post: Post) -> None:
    change_setting(actor=None, key="accounts.registration.policy", environment="production", value="off")
    answer = as_admin.post(f"/users/{guest.public_id}/invitation/renew/", follow=True)
    assert "switched off" in answer.content.decode()


def test_where_no_mail_is_sent_the_link_is_handed_over_and_proves_no_address(
    guest: User, as_admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = {"default": {"BACKEND": "django.core.mail.backends.filebased.EmailBackend"}}
    monkeypatch.setattr(settings, "MAILERS", backend)
    answer = as_admin.post(f"/users/{guest.public_id}/invitation/renew/")
    assert answer["Location"] == "/users/invitations/made/"
    page = as_admin.get(answer["Location"]).content.decode()
    link = page.partition("http://localhost:8000")[2].partition("<")[0]
    assert link.startswith("/invitation/?token=")
    assert "/invitation/?token=" not in as_admin.get(answer["Location"]).content.decode()
    assert accept(arrive(link)).status_code == 302
    guest.refresh_from_db()
    assert not guest.is_verified


def test_a_new_password_from_an_admin_ends_the_invitation(guest: User, admin: User, post: Post) -> None:
    link = link_in(post()[0])
    actions.give_password(actor=admin, user=guest, password=credentials.one_time_password())
    guest.refresh_from_db()
    assert guest.invited_until is None
    assert "does not work" in Client().get(link).content.decode()


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [("registration.policy", "off", "switched off"), ("password.elsewhere", "example.org", "not kept here")],
)
def test_an_open_one_is_refused_once_the_settings_say_so(
    guest: User, post: Post, key: str, value: str, sentence: str
) -> None:
    client = arrive(link_in(post()[0]))
    change_setting(actor=None, key=f"accounts.{key}", environment=settings.ENVIRONMENT, value=value)
    assert sentence in client.get(URL).content.decode()
    assert sentence in accept(client).content.decode()
    token = tokens.for_invitation(guest, proves_address=True)
    with pytest.raises(ValidationError):
        actions.accept_invitation(token=token, username="yuki", full_name="", password=PASSWORD)
    guest.refresh_from_db()
    assert guest.invited_until is not None
    assert not guest.has_usable_password()
