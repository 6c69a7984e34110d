"""Who somebody is here whom an identity provider vouched for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Identity, IdentityProvider, Passkey, Session, User
from rbac.models import Assignment
from settings_store.actions import change_setting
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.accounts.oidc import OidcServer, come_back, go_to, leave, make_provider, sign_in_with, trouble_at_the_door
from tests.factories import make_user, role_named

Joining = IdentityProvider.Joining
NO_ACCOUNT = "opens no account here"


@pytest.fixture
def provider(oidc_server: OidcServer, db: None) -> IdentityProvider:
    return make_provider(oidc_server.issuer)


def who(client: Client) -> str:
    """The username of whoever is signed in in this browser; empty where nobody is."""
    user_id = client.session.get(SESSION_KEY)
    return User.objects.get(pk=user_id).username if user_id else ""


def set_policy(policy: str, domains: str = "") -> None:
    for key, value in (("policy", policy), ("domains", domains)):
        change_setting(actor=None, key=f"accounts.registration.{key}", environment=settings.ENVIRONMENT, value=value)


def test_a_first_sign_in_makes_an_account(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, trail: Trail
) -> None:
    answer = sign_in_with(client, next="/profile/")
    assert answer["Location"] == "/profile/"
    user = User.objects.get(username="nora")
    assert (user.email, user.full_name, user.is_verified) == ("nora@example.org", "Nora Lind", True)
    assert (user.joined_by, user.has_usable_password(), user.must_change_password) == ("provider", False, False)
    assert who(client) == "nora"
    assert {"user.created", "identity.connected", "session.signed_in"} <= set(trail.actions)
    signed_in = AuditEvent.objects.get(action="session.signed_in")
    assert signed_in.after is not None
    assert signed_in.after["by"] == "house"


def test_a_second_sign_in_finds_it_whatever_else_changed(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    sign_in_with(client)
    oidc_server.behave(claims={"email": "someone.else@example.org", "preferred_username": "other"})
    again = Client()
    sign_in_with(again)
    assert who(again) == "nora"
    assert User.objects.get().email == "nora@example.org"
    assert Identity.objects.get().email == "someone.else@example.org"


def test_subjects_are_told_apart_letter_by_letter(provider: IdentityProvider, oidc_server: OidcServer) -> None:
    for number, subject in enumerate(("abc", "aBC", "abc ")):
        facts = {"sub": subject, "email": f"n{number}@example.org", "preferred_username": f"n{number}"}
        oidc_server.behave(claims=facts)
        for client in (Client(), Client()):
            sign_in_with(client)
            assert who(client) == f"n{number}"


def test_another_subject_with_the_same_address_is_somebody_else(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    sign_in_with(client)
    oidc_server.behave(claims={"sub": "subject-2"})
    other = Client()
    sign_in_with(other)
    assert who(other) == ""
    assert NO_ACCOUNT in trouble_at_the_door(other)


def test_a_subject_in_other_letters_is_somebody_else(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    sign_in_with(client)
    oidc_server.behave(claims={"sub": "SUBJECT-1", "email": "second@example.org", "preferred_username": "second"})
    other = Client()
    sign_in_with(other)
    assert who(other) != "nora"


@pytest.mark.parametrize("ours", ["nora@example.org", "Nora@Example.org"])
def test_a_verified_address_links_to_the_account(
    provider: IdentityProvider, client: Client, ours: str, trail: Trail
) -> None:
    make_user(username="ana", email=ours, is_verified=True)
    sign_in_with(client)
    assert who(client) == "ana"
    assert "user.created" not in trail.actions
    assert "identity.connected" in trail.actions


@pytest.mark.parametrize(
    ("fields", "claims", "switches"),
    [
        ({"is_verified": False}, {}, {}),
        ({"is_verified": True}, {"email_verified": False}, {}),
        ({"is_verified": True}, {"email_verified": "yes"}, {}),
        ({"is_verified": True}, {"email_verified": None}, {}),
        ({"is_verified": True}, {}, {"links_by_email": False}),
        # Full-width letters, and the sign of Kelvin: what folds to ours is another mailbox.
        ({"is_verified": True}, {"email": "ｎora@example.org"}, {}),
        ({"is_verified": True, "email": "kora@example.org"}, {"email": "\u212aora@example.org"}, {}),
        ({"is_verified": True, "role": "admin"}, {}, {}),
        ({"is_verified": True, "is_superuser": True}, {}, {}),
        ({"is_verified": True, "is_active": False}, {}, {}),
    ],
)
def test_nothing_less_links(
    oidc_server: OidcServer,
    client: Client,
    db: None,
    fields: dict[str, Any],
    claims: dict[str, object],
    switches: dict[str, Any],
) -> None:
    make_provider(oidc_server.issuer, **switches)
    make_user(**({"username": "ana", "email": "nora@example.org"} | fields))
    oidc_server.behave(claims=claims)
    sign_in_with(client)
    assert who(client) == ""
    assert NO_ACCOUNT in trouble_at_the_door(client)
    assert not Identity.objects.exists()
    assert User.objects.count() == 1
    assert AuditEvent.objects.filter(action="session.sign_in_failed").count() == 1


def test_who_becomes_admin_later_is_not_linked_either(provider: IdentityProvider, client: Client) -> None:
    user = make_user(email="nora@example.org", is_verified=True)
    Assignment.objects.create(user=user, role=role_named("admin"), starts_at=timezone.now() + timedelta(days=1))
    sign_in_with(client)
    assert who(client) == ""


@pytest.mark.parametrize(
    ("joining", "policy", "domains", "verified", "made"),
    [
        (Joining.NOBODY, "open", "", True, False),
        (Joining.POLICY, "off", "", True, False),
        (Joining.POLICY, "invitation", "", True, False),
        (Joining.POLICY, "open", "", True, True),
        (Joining.POLICY, "open", "", False, False),
        (Joining.POLICY, "domains", "example.org", True, True),
        (Joining.POLICY, "domains", "example.org", False, False),
        (Joining.POLICY, "domains", "example.com", True, False),
        (Joining.EVERYBODY, "off", "", True, True),
        (Joining.EVERYBODY, "off", "", False, True),
    ],
)
def test_accounts_are_made_as_the_provider_and_the_policy_say(
    oidc_server: OidcServer,
    client: Client,
    db: None,
    joining: Joining,
    policy: str,
    domains: str,
    verified: bool,
    made: bool,
) -> None:
    set_policy(policy, domains)
    make_provider(oidc_server.issuer, joining=joining)
    oidc_server.behave(claims={"email_verified": verified})
    sign_in_with(client)
    assert bool(who(client)) == made
    assert User.objects.exists() == made
    if made:
        assert User.objects.get().is_verified == verified
    else:
        assert NO_ACCOUNT in trouble_at_the_door(client)


def test_somebody_without_an_address_gets_no_account(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    oidc_server.behave(without=["email", "email_verified"])
    sign_in_with(client)
    assert who(client) == ""
    assert NO_ACCOUNT in trouble_at_the_door(client)


def test_the_address_may_come_by_the_other_answer(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    oidc_server.behave(
        without=["email", "email_verified"], person={"email": "info@example.org", "email_verified": True}
    )
    sign_in_with(client)
    assert User.objects.get().email == "info@example.org"
    assert oidc_server.seen("/userinfo")[0]["authorization"] == "Bearer access"


def test_whether_an_address_is_verified_is_never_taken_from_elsewhere(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    oidc_server.behave(
        claims={"email": "nora@example.org"},
        without=["email_verified"],
        person={"email": "own@example.org", "email_verified": True},
    )
    make_user(username="ana", email="nora@example.org", is_verified=True)
    sign_in_with(client)
    assert who(client) == ""


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"preferred_username": "nora"}, "nora-2"),
        ({"preferred_username": "Nora@example.org"}, "Nora-2"),
        ({"preferred_username": "  weird name!  "}, "weird-name"),
        ({"preferred_username": "---"}, "person"),
        ({"preferred_username": ["x"], "email": "kim.lee@example.org"}, "kim.lee"),
        ({"preferred_username": "x" * 300, "email": "kim.lee@example.org"}, "kim.lee"),
        ({"preferred_username": "a\x00b", "email": "kim.lee@example.org"}, "kim.lee"),
    ],
)
def test_usernames_are_made_free_and_fit(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, claims: dict[str, object], expected: str
) -> None:
    make_user(username="nora", email="taken@example.org")
    oidc_server.behave(claims=claims)
    sign_in_with(client)
    assert who(client) == expected


@pytest.mark.parametrize(
    "claims",
    [
        {"name": "N" * 5000},
        {"name": {"a": 1}, "email_verified": 1, "preferred_username": None},
        {"name": "a\nb\x00"},
        {"email": "no address"},
        {"email": "x" * 5000 + "@example.org"},
        {"email": ["nora@example.org"]},
    ],
)
def test_odd_claims_are_no_error(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, claims: dict[str, object]
) -> None:
    oidc_server.behave(claims=claims)
    assert sign_in_with(client).status_code == 302
    assert client.get(reverse("login")).status_code in {200, 302}


def test_somebody_deactivated_stays_outside(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    sign_in_with(client)
    User.objects.update(is_active=False)
    Session.objects.all().delete()
    other = Client()
    sign_in_with(other)
    assert who(other) == ""
    assert NO_ACCOUNT in trouble_at_the_door(other)


def test_a_disabled_provider_is_no_door(provider: IdentityProvider, client: Client) -> None:
    url = go_to(leave(client))
    IdentityProvider.objects.update(is_enabled=False)
    assert come_back(client, url).status_code == 404
    assert client.get(reverse("oidc_begin", args=["house"])).status_code == 404
    assert "Sign in with" not in trouble_at_the_door(client)


def test_a_second_factor_is_still_asked(provider: IdentityProvider, client: Client) -> None:
    sign_in_with(client)
    user = User.objects.get()
    Passkey.objects.create(user=user, credential_id=b"1", credential_key="1" * 64, public_key=b"1", name="Key")
    other = Client()
    assert sign_in_with(other)["Location"] == reverse("login_factor")
    assert who(other) == ""


@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_once_make_one_account(oidc_server: OidcServer) -> None:
    make_provider(oidc_server.issuer)
    browsers = [Client(), Client()]
    urls = [go_to(leave(browser)) for browser in browsers]

    def back(number: int) -> int:
        try:
            return come_back(browsers[number], urls[number]).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(back, range(2))) == [302, 302]
    assert [who(browser) for browser in browsers] == ["nora", "nora"]
    assert (User.objects.count(), Identity.objects.count()) == (1, 1)
