"""One's own connections with identity providers: connecting, disconnecting, and proving oneself by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Device, Identity, IdentityProvider, Passkey, User
from accounts.oidc import kept
from accounts.ways_in import stranded_without
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.accounts.factors import set_value
from tests.accounts.oidc import OidcServer, come_back, go_to, make_provider, sign_in_with
from tests.factories import make_user
from ui.guard import STEP_UP_SESSION_KEY

CONNECT = "/profile/security/providers/house/connect/"
CONFIRM = "/profile/security/providers/house/confirm/"
DISCONNECT = "/profile/security/providers/house/disconnect/"
SECURITY = "/profile/security/"


@pytest.fixture
def provider(oidc_server: OidcServer, db: None) -> IdentityProvider:
    return make_provider(oidc_server.issuer)


def stepped_up(client: Client, *, ago: float = 0) -> Client:
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time() - ago
    session.save()
    return client


def connect(client: Client) -> None:
    """There, back, and yes."""
    assert come_back(client, go_to(client.get(CONNECT)["Location"]))["Location"] == CONFIRM
    assert client.get(CONFIRM).status_code == 200
    client.post(CONFIRM)


def test_connecting_is_asked_about_and_told(
    provider: IdentityProvider,
    person: User,
    as_person: Client,
    trail: Trail,
    post: Callable[[], list[EmailMessage]],
) -> None:
    stepped_up(as_person)
    assert "not connected" in as_person.get(SECURITY).content.decode()
    come_back(as_person, go_to(as_person.get(CONNECT)["Location"]))
    assert not Identity.objects.exists()
    assert "nora@example.org" in as_person.get(CONFIRM).content.decode()
    assert not Identity.objects.exists()
    assert as_person.post(CONFIRM)["Location"] == SECURITY
    identity = Identity.objects.get()
    assert (identity.user, identity.subject, identity.email) == (person, "subject-1", "nora@example.org")
    assert "nora@example.org" in as_person.get(SECURITY).content.decode()
    assert trail.actions.count("identity.connected") == 1
    assert [letter.subject for letter in post()] == ["You can sign in to Gatehouse with Lindblad"]
    other = Client()
    sign_in_with(other)
    assert other.session[SESSION_KEY] == str(person.pk)


@pytest.mark.parametrize("url", [CONNECT, CONFIRM, DISCONNECT])
def test_it_asks_for_a_fresh_proof(provider: IdentityProvider, as_person: Client, url: str) -> None:
    stepped_up(as_person, ago=3600)
    for answer in (as_person.get(url), as_person.post(url)):
        assert answer["Location"].startswith(reverse("step_up"))


def test_nothing_is_connected_that_was_not_proved(provider: IdentityProvider, as_person: Client) -> None:
    stepped_up(as_person)
    assert as_person.post(CONFIRM)["Location"] == SECURITY
    session = as_person.session
    kept.keep_connecting(session, "another", "subject-1", "nora@example.org")
    session.save()
    as_person.post(CONFIRM)
    session = as_person.session
    kept.keep_connecting(session, "house", "subject-1", "nora@example.org")
    session[kept.CONNECTING_KEY]["at"] -= kept.SECONDS + 1
    session.save()
    as_person.post(CONFIRM)
    assert not Identity.objects.exists()


def test_what_is_somebody_elses_is_not_connected(
    provider: IdentityProvider, person: User, as_person: Client, oidc_server: OidcServer
) -> None:
    Identity.objects.create(user=make_user(), provider=provider, subject="subject-1")
    stepped_up(as_person)
    connect(as_person)
    assert "Another account here is connected" in as_person.get(SECURITY).content.decode()
    assert not person.identities.exists()


def test_one_account_there_for_each_account_here(
    provider: IdentityProvider, person: User, as_person: Client, oidc_server: OidcServer
) -> None:
    stepped_up(as_person)
    connect(as_person)
    connect(as_person)
    oidc_server.behave(claims={"sub": "subject-2"})
    connect(as_person)
    assert "Disconnect that first" in as_person.get(SECURITY).content.decode()
    assert person.identities.get().subject == "subject-1"


def test_an_admin_connects_in_person_and_comes_in_by_it(
    provider: IdentityProvider, admin: User, as_admin: Client
) -> None:
    connect(stepped_up(as_admin))
    other = Client()
    sign_in_with(other)
    assert other.session[SESSION_KEY] == str(admin.pk)


def test_signed_out_on_the_way_nothing_is_connected(provider: IdentityProvider, as_person: Client) -> None:
    url = go_to(stepped_up(as_person).get(CONNECT)["Location"])
    as_person.post(reverse("logout"))
    come_back(as_person, url)
    assert SESSION_KEY not in as_person.session
    assert not Identity.objects.exists()


def test_disconnecting_is_told(
    provider: IdentityProvider,
    person: User,
    as_person: Client,
    trail: Trail,
    post: Callable[[], list[EmailMessage]],
) -> None:
    Identity.objects.create(user=person, provider=provider, subject="subject-1")
    stepped_up(as_person)
    assert as_person.get(DISCONNECT).status_code == 200
    assert as_person.post(DISCONNECT)["Location"] == SECURITY
    assert not Identity.objects.exists()
    assert trail.actions[-1] == "identity.disconnected"
    assert [letter.subject for letter in post()] == ["Lindblad no longer signs you in to Gatehouse"]
    assert as_person.post(DISCONNECT).status_code == 404


def test_the_only_way_in_stays(provider: IdentityProvider, oidc_server: OidcServer, client: Client) -> None:
    sign_in_with(client)
    answer = stepped_up(client).post(DISCONNECT)
    assert answer.status_code == 409
    assert "only way to sign in" in answer.content.decode()
    other = make_provider(oidc_server.issuer, slug="other", name="Other")
    Identity.objects.create(user=User.objects.get(), provider=other, subject="1")
    IdentityProvider.objects.filter(pk=other.pk).update(is_enabled=False)
    assert client.post(DISCONNECT).status_code == 409
    IdentityProvider.objects.filter(pk=other.pk).update(is_enabled=True)
    assert client.post(DISCONNECT).status_code == 302


def test_a_passkey_is_a_way_in_only_where_it_signs_in(provider: IdentityProvider, client: Client) -> None:
    sign_in_with(client)
    person = User.objects.get()
    Passkey.objects.create(user=person, name="Laptop", credential_id=b"1", credential_key="1", public_key=b"1")
    set_value("accounts.second_factor.passkey_sign_in", "off")
    assert stepped_up(client).post(DISCONNECT).status_code == 409
    assert stranded_without(provider) == 1
    set_value("accounts.second_factor.passkey_sign_in", "on")
    assert stranded_without(provider) == 0
    assert client.post(DISCONNECT).status_code == 302


def test_disconnecting_ends_what_came_in_by_it(
    provider: IdentityProvider, person: User, as_person: Client, client: Client
) -> None:
    Identity.objects.create(user=person, provider=provider, subject="subject-1")
    sign_in_with(client)
    assert client.get("/profile/").status_code == 200
    now = timezone.now()
    Device.objects.update(trusted_since=now, trusted_until=now + timedelta(days=1))
    stepped_up(as_person).post(DISCONNECT)
    assert client.get("/profile/").status_code == 302
    assert as_person.get("/profile/").status_code == 200
    assert not Device.objects.trusted().exists()


def test_others_connections_are_not_ones_own(provider: IdentityProvider, as_person: Client) -> None:
    Identity.objects.create(user=make_user(), provider=provider, subject="subject-1")
    assert stepped_up(as_person).post(DISCONNECT).status_code == 404
    assert as_person.get("/step-up/with/house/").status_code == 404


def test_one_proves_oneself_anew_by_the_provider(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    sign_in_with(client)
    stepped_up(client, ago=3600)
    door = client.get(CONNECT)["Location"]
    assert "Prove it with Lindblad" in client.get(door).content.decode()
    oidc_server.change(times={"auth_time": 0})
    url = client.get("/step-up/with/house/", {"next": SECURITY})["Location"]
    assert "prompt=login" in url
    assert "max_age=0" in url
    assert come_back(client, go_to(url))["Location"] == SECURITY
    assert time.time() - client.session[STEP_UP_SESSION_KEY] < 60
    event = AuditEvent.objects.filter(action="session.stepped_up").latest("sequence")
    assert event.after == {"by": "house"}


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ({}, "does not say that you proved yourself anew"),
        ({"times": {"auth_time": -3600}}, "does not say that you proved yourself anew"),
        ({"claims": {"auth_time": True}}, "does not say that you proved yourself anew"),
        ({"times": {"auth_time": 0}, "claims": {"sub": "subject-2"}}, "somebody else"),
    ],
)
def test_an_old_proof_or_that_of_another_is_none(
    provider: IdentityProvider,
    oidc_server: OidcServer,
    client: Client,
    behaviour: dict[str, object],
    sentence: str,
) -> None:
    sign_in_with(client)
    stepped_up(client, ago=3600)
    oidc_server.change(**behaviour)
    answer = come_back(client, go_to(client.get("/step-up/with/house/", {"next": SECURITY})["Location"]))
    assert answer["Location"].startswith(reverse("step_up"))
    assert sentence in client.get(answer["Location"]).content.decode()
    assert time.time() - client.session[STEP_UP_SESSION_KEY] > 3000


def test_a_sign_in_is_as_fresh_as_the_proof_there(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    oidc_server.behave(times={"auth_time": -3600})
    sign_in_with(client)
    assert client.get(CONNECT)["Location"].startswith(reverse("step_up"))
    # One that does not say proves nothing.
    oidc_server.behave()
    silent = Client()
    sign_in_with(silent)
    assert silent.get(CONNECT)["Location"].startswith(reverse("step_up"))
    oidc_server.behave(times={"auth_time": -5})
    other = Client()
    sign_in_with(other)
    assert other.get(DISCONNECT).status_code == 200
