from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
import segno
import time_machine
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from accounts.factors.policy import may_set_up
from accounts.models import Device, RecoveryCode, Session, Totp, User
from accounts.obstacles import FACTOR_SESSION_KEY
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.accounts.factors import ask_of_role, first_step, give_app, give_codes, proved_client, set_value
from tests.factories import PASSWORD, client_of

URL = "/profile/security/app/"
REMOVE = "/profile/security/app/remove/"


@pytest.fixture
def proved(as_person: Client) -> Client:
    """A browser whose person has just given the password."""
    as_person.post("/step-up/", {"password": PASSWORD})
    return as_person


def shown(client: Client) -> pyotp.TOTP:
    """The app of somebody who types the secret of the page."""
    page = client.get(URL).content.decode()
    found = re.search(r"data-secret>([A-Z2-7 ]+)<", page)
    assert found
    return pyotp.TOTP(found[1].replace(" ", ""))


@pytest.mark.parametrize("url", [URL, REMOVE, "/profile/security/codes/new/"])
def test_a_fresh_proof_is_asked_first(as_person: Client, url: str) -> None:
    assert as_person.get(url)["Location"].startswith("/step-up/?next=")
    assert as_person.post(url, {"code": "123456"})["Location"].startswith("/step-up/?next=")


def test_the_app_counts_once_its_code_was_given(proved: Client, person: User, trail: Trail) -> None:
    app = shown(proved)
    assert not Totp.objects.exists()
    answer = proved.post(URL, {"code": app.now()}, follow=True)
    assert answer.redirect_chain[0][0].startswith("/profile/security/codes/")
    assert len(answer.context["codes"]) == 10
    assert RecoveryCode.objects.filter(user=person).count() == 10
    (event,) = trail.events
    assert event.after is not None
    assert (event.action, event.after["kind"], event.after["recovery_codes"]) == ("factor.added", "app", 10)
    with time_machine.travel(time.time() + 30):
        elsewhere = Client()
        first_step(elsewhere, person)
        assert elsewhere.post("/login/factor/", {"code": app.now()}).status_code == 302


def test_the_code_that_confirmed_it_is_used(proved: Client, person: User) -> None:
    app = shown(proved)
    code = app.now()
    proved.post(URL, {"code": code})
    elsewhere = Client()
    first_step(elsewhere, person)
    assert elsewhere.post("/login/factor/", {"code": code}).status_code == 422


def test_qr_and_link_say_the_same_secret(proved: Client) -> None:
    app = shown(proved)
    page = proved.get(URL).content.decode()
    link = re.search(r'href="(otpauth://[^"]+)"', page)
    assert link
    said = pyotp.parse_uri(link[1].replace("&amp;", "&"))
    assert isinstance(said, pyotp.TOTP)
    assert said.secret == app.secret
    assert (said.digits, said.interval, said.name) == (6, 30, "ana.ruiz")
    assert said.issuer is not None
    assert said.issuer.startswith("Gatehouse")
    drawing = re.search(r"<svg[^>]*>.*?</svg>", page[page.index('class="qr"') :])
    assert drawing
    assert "style=" not in drawing[0]
    # All of the symbol is in the picture, with the margin of four modules that cameras need.
    side = segno.make(link[1].replace("&amp;", "&"), error="m", micro=False).symbol_size(border=4)[0]
    assert f'viewBox="0 0 {side} {side}"' in drawing[0]


def test_nothing_of_the_secret_is_kept_in_the_clear(proved: Client, person: User) -> None:
    app = shown(proved)
    assert app.secret not in str(dict(proved.session.items()))
    proved.post(URL, {"code": app.now()})
    row = Totp.objects.get()
    assert app.byte_secret() not in bytes(row.sealed_secret)
    assert app.secret not in str([event.__dict__ for event in AuditEvent.objects.all()])
    assert "app_pending" not in proved.session


def test_a_secret_opens_for_its_person_alone(person: User, admin: User) -> None:
    app = give_app(person)
    Totp.objects.filter(user=person).update(user=admin)
    client = Client()
    first_step(client, admin)
    answer = client.post("/login/factor/", {"code": app.now()})
    assert answer.status_code == 422
    assert "cannot read the secret" in answer.content.decode()


def test_a_wrong_code_makes_no_app_and_the_secret_stays(proved: Client) -> None:
    app = shown(proved)
    wrong = "000000" if app.now() != "000000" else "111111"
    answer = proved.post(URL, {"code": wrong})
    assert answer.status_code == 422
    assert not Totp.objects.exists()
    assert shown(proved).secret == app.secret


@pytest.mark.parametrize("minutes", [-2, 2])
def test_a_clock_that_is_off_is_named(proved: Client, minutes: int) -> None:
    app = shown(proved)
    answer = proved.post(URL, {"code": app.at(int(time.time()) + 60 * minutes)})
    assert answer.status_code == 422
    assert re.search(r"off by about [123] minutes?\.", answer.content.decode())


@pytest.mark.parametrize("code", ["", "12345", "１２３４５６", "\x00", "abcdef"])
def test_bad_input_is_answered_with_the_page(proved: Client, code: str) -> None:
    answer = proved.post(URL, {"code": code})
    assert answer.status_code == 422
    assert not Totp.objects.exists()


def test_a_secret_shown_too_long_ago_is_replaced(proved: Client) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        proved.post("/step-up/", {"password": PASSWORD})
        app = shown(proved)
        clock.shift(901)
        proved.post("/step-up/", {"password": PASSWORD})
        answer = proved.post(URL, {"code": app.now()})
        assert answer.status_code == 422
        assert "shown too long ago" in answer.content.decode()
        assert shown(proved).secret != app.secret


def test_a_secret_is_set_up_where_it_was_shown_alone(proved: Client, person: User) -> None:
    app, other = shown(proved), client_of(person)
    other.post("/step-up/", {"password": PASSWORD})
    assert other.post(URL, {"code": app.now()}).status_code == 422
    assert not Totp.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_ends_other_sessions_forgets_devices_and_is_told(
    person: User, post: Callable[[], list[EmailMessage]]
) -> None:
    proved, other = client_of(person), client_of(person)
    proved.post("/step-up/", {"password": PASSWORD})
    Device.objects.create(
        user=person, token_hash="x" * 64, trusted_since=timezone.now(), trusted_until=timezone.now() + timedelta(days=9)
    )
    before = proved.cookies["gatehouse-session"].value
    app = shown(proved)
    proved.post(URL, {"code": app.now()})
    assert other.get("/profile/").status_code == 302
    assert proved.get("/profile/").status_code == 200
    assert proved.cookies["gatehouse-session"].value != before
    assert not Device.objects.trusted().exists()
    (letter,) = post()
    assert letter.to == [person.email]
    assert "authenticator app" in str(letter.body)
    assert app.secret not in str(letter.body)


def test_the_present_app_works_until_the_new_one_is_confirmed(person: User, trail: Trail) -> None:
    old = give_app(person)
    give_codes(person)
    client = proved_client(person, old)
    new = shown(client)
    elsewhere = Client()
    first_step(elsewhere, person)
    assert elsewhere.post("/login/factor/", {"code": old.now()}).status_code == 302
    assert client.post(URL, {"code": new.now()})["Location"] == "/profile/security/"
    assert Totp.objects.count() == 1
    assert trail.actions[-1] == "factor.replaced"
    # The codes there are stay: only a first factor brings new ones.
    assert RecoveryCode.objects.unused().count() == 10


def test_a_password_alone_changes_no_factor(person: User) -> None:
    """A session that has not seen the factor is led to it, however fresh its password is."""
    app = give_app(person)
    client = client_of(person)
    client.post("/step-up/", {"password": PASSWORD})
    for url in (URL, REMOVE, "/profile/security/codes/new/"):
        for answer in (client.get(url), client.post(url, {"code": app.now()})):
            assert answer["Location"].startswith("/factor/?next=")
    assert Totp.objects.count() == 1
    client.post("/factor/", {"code": app.now(), "next": URL})
    assert client.get(URL).status_code == 200


def test_a_remembered_device_changes_no_factor(person: User) -> None:
    app, client = give_app(person), Client()
    first_step(client, person)
    client.post("/login/factor/", {"code": app.now(), "remember": "on"})
    client.post("/logout/")
    client.post("/login/", {"username": "ana.ruiz", "password": PASSWORD})
    assert client.get("/profile/").status_code == 200
    assert client.get(REMOVE)["Location"].startswith("/factor/?next=")


def test_the_app_can_be_removed(person: User, trail: Trail) -> None:
    app = give_app(person)
    give_codes(person)
    client, other = proved_client(person, app), client_of(person)
    assert client.post(REMOVE)["Location"] == "/profile/security/"
    assert FACTOR_SESSION_KEY not in client.session
    assert not Totp.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert other.get("/profile/").status_code == 302
    assert trail.actions[-1] == "factor.removed"
    assert client.post(REMOVE)["Location"] == "/profile/security/"
    assert trail.actions.count("factor.removed") == 1
    assert Client().post("/login/", {"username": "ana.ruiz", "password": PASSWORD})["Location"] == "/"


def test_the_last_one_stays_where_a_role_asks(person: User) -> None:
    app = give_app(person)
    client = proved_client(person, app)
    ask_of_role(person)
    answer = client.post(REMOVE)
    assert answer.status_code == 422
    assert "A role of yours asks" in answer.content.decode()
    assert Totp.objects.exists()


def test_what_a_removed_factor_proved_is_no_proof_later(person: User) -> None:
    client = proved_client(person, give_app(person))
    client.post(REMOVE)
    ask_of_role(person)
    assert client.get("/profile/")["Location"].startswith("/factor/")


def test_domains_that_may_not_are_told_so(proved: Client, person: User) -> None:
    set_value("accounts.second_factor.domains", "staff.example")
    assert not may_set_up(person)
    assert proved.get(URL).status_code == 404
    assert "not offered for your email address" in proved.get("/profile/security/").content.decode()
    ask_of_role(person)
    assert proved.get(URL).status_code == 200


def test_two_confirmations_at_once_leave_one_app(proved: Client, person: User, trail: Trail) -> None:
    app = shown(proved)
    proved.post(URL, {"code": app.now()})
    again = proved.post(URL, {"code": app.now()})
    assert again.status_code == 422
    assert Totp.objects.count() == 1
    assert trail.actions == ["factor.added"]
    assert Session.objects.filter(user=person).count() == 1
