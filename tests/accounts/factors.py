"""Second factors for tests: an app whose codes an independent implementation makes, and recovery codes at hand."""

from __future__ import annotations

from base64 import b32decode

import pyotp
from django.db import transaction
from django.test import Client

from accounts.actions.factor import _new_codes
from accounts.factors import totp
from accounts.models import Totp, User
from rbac.models import Role
from rbac.role_map import changing_roles
from settings_store.actions import change_setting
from tests.factories import PASSWORD


def give_app(user: User) -> pyotp.TOTP:
    """Set up an authenticator app; no code of it was used yet."""
    app = pyotp.TOTP(pyotp.random_base32())
    Totp.objects.create(user=user, sealed_secret=totp.seal(b32decode(app.secret), user))
    return app


def give_codes(user: User) -> list[str]:
    return _new_codes(user)


def first_step(client: Client, user: User, **data: str) -> None:
    """The password was right, and the second step is due."""
    answer = client.post("/login/", {"username": user.username, "password": PASSWORD, **data})
    assert answer["Location"] == "/login/factor/"


def proved_client(user: User, app: pyotp.TOTP) -> Client:
    """A browser that signed in with both steps."""
    client = Client()
    first_step(client, user)
    assert client.post("/login/factor/", {"code": app.now()}).status_code == 302
    Totp.objects.filter(user=user).update(last_step=0)
    return client


def set_value(key: str, value: str) -> None:
    """Give a setting this value everywhere."""
    change_setting(actor=None, key=key, environment="default", value=value)


@transaction.atomic
def ask_of_role(user: User) -> None:
    """From now on the roles of `user` ask for a second factor."""
    with changing_roles():
        Role.objects.filter(assignments__user=user).update(requires_factor=True)
