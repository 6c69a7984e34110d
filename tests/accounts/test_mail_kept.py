"""Pages that speak of letters, where none leaves the machine: nobody is told that one is on its way."""

from __future__ import annotations

import time

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User, UserImport
from settings_store.actions import change_setting
from tests.factories import client_of
from ui.guard import STEP_UP_SESSION_KEY

SAID = ("on its way", "on their way", "Look into", "Send the link", "by mail")


@pytest.fixture(autouse=True)
def _kept(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = {"default": {"BACKEND": "django.core.mail.backends.filebased.EmailBackend"}}
    monkeypatch.setattr(settings, "MAILERS", backend)
    change_setting(actor=None, key="accounts.registration.policy", environment="production", value="open")


def plain(page: str) -> None:
    assert not [words for words in SAID if words in page]
    assert "sends no mail" in page


@pytest.mark.parametrize(
    "url", ["/register/", "/register/?asked", "/password/forgotten/", "/password/forgotten/?asked"]
)
def test_the_doors(url: str) -> None:
    plain(Client().get(url).content.decode())


def test_ones_own_address(person: User) -> None:
    client = client_of(person)
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    plain(client.get("/profile/email/").content.decode())
    plain(client.post("/profile/email/", {"email": "ana@example.net"}, follow=True).content.decode())
    plain(client.post("/profile/email/verification/", follow=True).content.decode())


@pytest.mark.parametrize("state", [UserImport.State.CHECKED, UserImport.State.DONE])
def test_an_import_that_invites(admin: User, as_admin: Client, state: str) -> None:
    row = UserImport.objects.create(created_by=admin, filename="p.csv", total=1, state=state, options={"invite": True})
    page = as_admin.get(f"/users/import/{row.public_id}/").content.decode()
    plain(page)
    assert "Invite again" in page
