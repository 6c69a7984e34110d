"""The way in again for whoever runs the server and whose admin lost the second factor."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Totp, User, has_factor
from rbac.models import Role, RoleMapVersion
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of


def test_a_sole_admin_gets_in_by_password_and_is_asked_for_a_new_factor(
    admin: User, client: Client, trail: Trail, capsys: pytest.CaptureFixture[str]
) -> None:
    Role.objects.filter(name_key="admin").update(requires_factor=True)
    RoleMapVersion.objects.update(version=12345)
    Totp.objects.create(user=admin, sealed_secret=b"lost")
    open_window = client_of(admin)
    call_command("reset_factors", "maren@example.org")
    assert "maren has no second factor" in capsys.readouterr().out
    assert not has_factor(admin)
    assert open_window.get("/")["Location"].startswith("/login/")
    event = trail.events[-1]
    assert (event.action, event.actor_name, event.target_name) == ("factor.reset", "system", "Maren Holt")
    client.post("/login/", {"username": "maren", "password": PASSWORD})
    assert client.get("/users/")["Location"].startswith("/factor/")


def test_whoever_has_none_is_said_not_to(admin: User) -> None:
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("reset_factors", "maren")


@pytest.mark.parametrize("name", ["nobody", "a\x00b", ""])
def test_an_unknown_name_is_said(db: None, name: str) -> None:
    with pytest.raises(CommandError, match="Nobody has this"):
        call_command("reset_factors", name)
