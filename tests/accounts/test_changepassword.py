"""The way back in for whoever runs the server and whose admin lost the password."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from accounts import credentials
from accounts.models import User
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of


def test_the_printed_password_opens_the_door_once(
    admin: User, trail: Trail, capsys: pytest.CaptureFixture[str]
) -> None:
    open_window = client_of(admin)
    call_command("changepassword", "maren@example.org")
    password = capsys.readouterr().out.strip()
    assert credentials.check("maren", PASSWORD) is None
    assert credentials.check("maren", password) == admin
    assert User.objects.get(pk=admin.pk).must_change_password
    assert open_window.get("/password/").status_code == 302
    event = trail.events[0]
    assert (event.action, event.actor_name, event.target_name) == ("password.changed", "system", "Maren Holt")
    assert password not in str(event.__dict__)


@pytest.mark.parametrize("name", ["nobody", "a\x00b", ""])
def test_an_unknown_name_is_said(db: None, name: str) -> None:
    with pytest.raises(CommandError, match="Nobody has this"):
        call_command("changepassword", name)
