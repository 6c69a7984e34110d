"""The break-glass command: every right for somebody, by whoever runs the server."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user, role_named

pytestmark = pytest.mark.django_db


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("superuser", *arguments)
    return capsys.readouterr().out


def test_everything_is_theirs_and_not_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    make_user(role="admin")
    person = make_user(username="ana", role=None)
    client = client_of(person)
    assert client.get("/settings/").status_code == 403
    assert "every right" in said(capsys, "Ana@example.org")
    assert client.get("/settings/").status_code == 200
    assert "Nothing to change" in said(capsys, "ana")
    assert "no more" in said(capsys, "ana", "--revoke")
    assert client.get("/settings/").status_code == 403
    events = AuditEvent.objects.filter(action="user.superuser_changed").order_by("sequence")
    assert [(event.actor_name, event.after) for event in events] == [
        ("system", {"is_superuser": True}),
        ("system", {"is_superuser": False}),
    ]


def test_the_last_admin_stays(capsys: pytest.CaptureFixture[str]) -> None:
    role_named("admin")
    last = make_user(username="last", role=None, is_superuser=True)
    with pytest.raises(CommandError, match="last admin"):
        call_command("superuser", "last", "--revoke")
    assert User.objects.get(pk=last.pk).is_superuser
    make_user(role="admin")
    assert "no more" in said(capsys, "last", "--revoke")


def test_the_last_admin_by_role_and_by_command_may_lose_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    make_user(username="both", role="admin", is_superuser=True)
    assert "no more" in said(capsys, "both", "--revoke")


def test_nobody_unknown_and_nobody_deactivated() -> None:
    role_named("admin")
    make_user(username="gone", is_active=False)
    with pytest.raises(CommandError, match="Nobody has this"):
        call_command("superuser", "nobody")
    with pytest.raises(CommandError, match="is deactivated"):
        call_command("superuser", "gone")
