from __future__ import annotations

import re
import time
from base64 import b64encode
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.factors import recovery
from accounts.models import RecoveryCode, User
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.accounts.factors import first_step, give_app, give_codes, proved_client
from tests.factories import PASSWORD, client_of

NEW, URL, FILE = "/profile/security/codes/new/", "/profile/security/codes/", "/profile/security/codes/file/"


@pytest.fixture
def proved(person: User) -> Client:
    return proved_client(person, give_app(person))


def test_codes_are_random_and_readable() -> None:
    codes = [code for _ in range(20) for code in recovery.new_codes()]
    assert len(set(codes)) == 200
    assert all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", code) for code in codes)
    assert len(recovery.LETTERS) ** recovery.LENGTH == 2**80
    # Each letter comes, so none of the bits is missing.
    assert set("".join(codes)) == {*recovery.LETTERS, "-"}


def test_new_ones_replace_the_old(person: User, proved: Client, trail: Trail) -> None:
    (old, *_rest) = give_codes(person)
    other = client_of(person)
    page = proved.post(NEW, follow=True)
    codes = page.context["codes"]
    assert len(codes) == len(set(codes)) == 10
    assert all(code in page.content.decode() for code in codes)
    assert trail.actions == ["factor.recovery_codes_made"]
    assert other.get("/profile/").status_code == 302
    elsewhere = Client()
    first_step(elsewhere, person)
    assert elsewhere.post("/login/factor/", {"with": "recovery", "code": old}).status_code == 422
    assert elsewhere.post("/login/factor/", {"with": "recovery", "code": codes[3]}).status_code == 302


def test_only_their_hashes_are_kept(person: User, proved: Client) -> None:
    codes = proved.post(NEW, follow=True).context["codes"]
    kept = str([row.__dict__ for row in RecoveryCode.objects.all()]) + str(dict(proved.session.items()))
    kept += str([event.__dict__ for event in AuditEvent.objects.all()])
    assert not [code for code in codes if code in kept or code.replace("-", "") in kept]


def test_two_people_with_the_same_code_leave_different_hashes(person: User, admin: User) -> None:
    assert recovery.digest(person, "a" * 16) != recovery.digest(admin, "a" * 16)


def test_they_are_shown_until_they_are_kept(proved: Client) -> None:
    codes = proved.post(NEW, follow=True).context["codes"]
    assert proved.get(URL).context["codes"] == codes
    assert proved.post(URL)["Location"] == "/profile/security/"
    assert proved.get(URL).context["codes"] == []
    assert proved.get(FILE).status_code == 404


def test_they_are_shown_for_ten_minutes(proved: Client) -> None:
    proved.post(NEW)
    with time_machine.travel(time.time() + 601):
        assert proved.get(URL).context["codes"] == []
        assert proved.get(FILE).status_code == 404


def test_they_are_shown_in_that_session_alone(person: User, proved: Client) -> None:
    proved.post(NEW)
    assert client_of(person).get(URL).context["codes"] == []


def test_the_file_holds_the_same(proved: Client) -> None:
    codes = proved.post(NEW, follow=True).context["codes"]
    answer = proved.get(FILE)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="gatehouse-recovery-codes.txt"'
    assert "no-store" in answer["Cache-Control"]
    lines = answer.content.decode().splitlines()
    assert [line for line in lines if line in codes] == codes


def test_codes_whose_key_went_meanwhile_are_said_to_be_lost(proved: Client, settings: Any) -> None:
    proved.post(NEW)
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: b64encode(b"n" * 32).decode()}
    page = proved.get(URL)
    assert (page.status_code, page.context["codes"]) == (200, [])
    assert "cannot be shown any more" in page.content.decode()


def test_without_a_factor_there_are_none(person: User) -> None:
    client = client_of(person)
    client.post("/step-up/", {"password": PASSWORD})
    assert client.post(NEW).status_code == 422
    assert not RecoveryCode.objects.exists()


def test_looking_makes_none(proved: Client, person: User) -> None:
    give_codes(person)
    assert "The 10 that are left work no more then" in proved.get(NEW).content.decode()
    assert RecoveryCode.objects.unused().count() == 10
