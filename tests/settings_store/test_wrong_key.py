"""A master key that is sound but another one: nothing begins with it, and nothing is written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from config.asgi import application
from settings_store.actions import change_setting
from settings_store.audit import verify
from settings_store.crypto import keyring
from settings_store.health import key_trouble
from settings_store.models import AuditEvent, Setting
from settings_store.trail import chain
from settings_store.trail.chain import ForeignTrail
from tests.settings_store.conftest import SPARE_KEY

KEY = "chat.messages_per_minute"


def change(value: str) -> None:
    change_setting(actor=None, key=KEY, environment="production", value=value)


@pytest.fixture
def wrong_key(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A trail with one event, and then another key alone; answers the id of the key that wrote it."""
    change("50")
    lost = keyring().newest.id.hex()
    settings.DATABASE_ENCRYPTION_KEYS = {"production": SPARE_KEY}
    monkeypatch.setattr(chain, "_fitting", set())
    return lost


def test_nothing_is_written_with_it(wrong_key: str) -> None:
    with pytest.raises(ForeignTrail, match=f"{wrong_key}, which is not in DATABASE_ENCRYPTION_KEY"):
        change("60")
    assert Setting.objects.get().value == 50
    assert AuditEvent.objects.count() == 1
    assert wrong_key in key_trouble()


def test_a_page_says_so_in_words(admin: Client, wrong_key: str) -> None:
    # The session was made before the key was exchanged.
    admin.raise_request_exception = False
    form = {"value": "60", "version": "1", "reason": ""}
    response = admin.post(f"/settings/{KEY}/change/?environment=production", form)
    assert response.status_code == 503
    assert wrong_key in response.content.decode()
    assert Setting.objects.get().value == 50


@pytest.mark.django_db(transaction=True)
def test_no_web_process_begins_with_it(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    change("50")
    settings.DATABASE_ENCRYPTION_KEYS = {"production": SPARE_KEY}
    said: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(application({"type": "lifespan"}, receive, send))
    assert [message["type"] for message in said] == ["lifespan.startup.failed"]
    assert "DATABASE_ENCRYPTION_KEY" in said[0]["message"]


def test_the_right_key_behind_it_is_enough(wrong_key: str, settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = {"production": f"{SPARE_KEY},{settings.DATABASE_ENCRYPTION_KEY}"}
    assert key_trouble() == ""
    change("60")
    assert list(verify()) == []


def test_whose_key_is_lost_may_go_on_and_the_place_stays_named(wrong_key: str) -> None:
    with pytest.raises(CommandError, match=wrong_key):
        call_command("audit_continue", "0123")
    call_command("audit_continue", wrong_key)
    change("60")
    assert Setting.objects.get().value == 60
    assert [broken.sequence for broken in verify()] == [1]
    with pytest.raises(CommandError, match="nothing to accept"):
        call_command("audit_continue", wrong_key)
