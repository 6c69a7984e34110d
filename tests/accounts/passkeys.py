"""People with a passkey, for tests."""

from __future__ import annotations

from django.test import Client

from accounts.factors.policy import factors_of
from accounts.models import Passkey, User
from accounts.webauthn import key_of
from tests.accounts.authenticator import Authenticator, asked, browser
from tests.factories import PASSWORD, client_of

NEW, NEW_OPTIONS = "/profile/security/passkeys/new/", "/profile/security/passkeys/options/"
LOGIN, LOGIN_OPTIONS = "/login/passkey/", "/login/passkey/options/"
STEP_UP, STEP_UP_OPTIONS = "/step-up/passkey/", "/step-up/passkey/options/"


def proved_client(user: User) -> Client:
    """A browser in which somebody without a factor signed in and gave the password a moment ago."""
    assert not factors_of(user).any
    client = browser(client_of(user))
    client.post("/step-up/", {"password": PASSWORD})
    return client


def passkey_of(user: User, authenticator: Authenticator | None = None, name: str = "Laptop") -> Authenticator:
    """Give somebody a passkey, through the pages; answers what holds it."""
    authenticator = authenticator or Authenticator()
    client = proved_client(user)
    answer = client.post(NEW, {"name": name, "credential": authenticator.make(asked(client, NEW_OPTIONS))})
    assert answer.status_code == 302, answer.content
    assert Passkey.objects.filter(credential_key=key_of(authenticator.credential_id), user=user).exists()
    client.post("/logout/")
    return authenticator


def signed_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200
