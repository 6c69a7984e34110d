from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMessage
from django.test import Client

from accounts.actions import change_password, sign_in
from accounts.models import Device, RecoveryCode, Session, Totp, User
from tests.accounts.conftest import Trail
from tests.accounts.factors import first_step, give_app, give_codes, set_value
from tests.factories import PASSWORD, make_user

URL = "/login/factor/"


@pytest.fixture
def app(person: User) -> pyotp.TOTP:
    return give_app(person)


@pytest.fixture
def between(person: User, app: pyotp.TOTP) -> Client:
    """A browser between the steps."""
    client = Client()
    first_step(client, person)
    return client


def signed_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


def test_password_and_code_let_in(person: User, app: pyotp.TOTP, client: Client, trail: Trail) -> None:
    client.post("/login/", {"username": "ana.ruiz", "password": PASSWORD, "next": "/profile/sessions/"})
    assert not signed_in(client)
    page = client.get(URL).content.decode()
    assert re.search(r'<input[^>]*autocomplete="one-time-code"[^>]*inputmode="numeric"', page)
    assert client.post(URL, {"code": app.now()})["Location"] == "/profile/sessions/"
    assert signed_in(client)
    (event,) = trail.events
    assert event.after is not None
    assert (event.action, event.after["by"], event.after["factor"]) == ("session.signed_in", "password", "app")
    assert Totp.objects.get().last_used_at is not None


def test_codes_of_the_steps_around_count(person: User, app: pyotp.TOTP) -> None:
    for drift in (-1, 1):
        client = Client()
        Totp.objects.update(last_step=0)
        first_step(client, person)
        assert client.post(URL, {"code": app.at(int(time.time()), counter_offset=drift)}).status_code == 302
        assert signed_in(client)


@pytest.mark.parametrize("drift", [-4, -2, 2, 4])
def test_a_clock_that_is_off_is_refused_with_a_hint(between: Client, app: pyotp.TOTP, drift: int) -> None:
    with time_machine.travel(1_800_000_015, tick=False):
        client = Client()
        first_step(client, User.objects.get(username="ana.ruiz"))
        answer = client.post(URL, {"code": app.at(1_800_000_015, counter_offset=drift)})
    assert answer.status_code == 422
    assert "sets its clock by itself" in answer.content.decode()


def test_spaces_between_do_no_harm(between: Client, app: pyotp.TOTP) -> None:
    code = app.now()
    assert between.post(URL, {"code": f" {code[:3]} {code[3:]}\t"}).status_code == 302


@pytest.mark.parametrize(
    "code",
    [
        "",
        "12345",
        "1234567",
        "１２３４５６",
        "١٢٣٤٥٦",
        "12a456",
        "-12345",
        "12.456",
        "\x00",
        "9" * 50,
        "1e5000",
        "²²²²²²",
    ],
)
def test_what_cannot_be_a_code_is_no_try(between: Client, app: pyotp.TOTP, code: str, trail: Trail) -> None:
    for _ in range(6):
        assert between.post(URL, {"code": code}).status_code == 422
    assert trail.actions == []
    assert between.post(URL, {"code": app.now()}).status_code == 302


def test_a_code_works_once(person: User, app: pyotp.TOTP) -> None:
    code = app.now()
    one, other = Client(), Client()
    first_step(one, person)
    first_step(other, person)
    assert one.post(URL, {"code": code}).status_code == 302
    answer = other.post(URL, {"code": code})
    assert answer.status_code == 422
    assert not signed_in(other)


def test_an_older_code_does_not_work_after_a_newer_one(person: User, app: pyotp.TOTP) -> None:
    now = int(time.time())
    one, other = Client(), Client()
    first_step(one, person)
    first_step(other, person)
    assert one.post(URL, {"code": app.at(now, counter_offset=1)}).status_code == 302
    assert other.post(URL, {"code": app.at(now)}).status_code == 422


def test_a_code_of_somebody_else_does_not_work(between: Client) -> None:
    other = give_app(make_user())
    assert between.post(URL, {"code": other.now()}).status_code == 422


def wrong_for(app: pyotp.TOTP) -> str:
    """Six digits that are no code of this app for a while."""
    codes = {app.at(int(time.time()), counter_offset=drift) for drift in range(-5, 6)}
    return next(code for code in ("000000", "111111", "222222", "333333") + ("444444",) * 8 if code not in codes)


@pytest.mark.django_db(transaction=True)
def test_after_some_wrong_codes_none_is_tried(
    between: Client, person: User, app: pyotp.TOTP, trail: Trail, post: Callable[[], list[EmailMessage]]
) -> None:
    for _ in range(5):
        refused = between.post(URL, {"code": wrong_for(app)})
    right = between.post(URL, {"code": app.now()})
    assert right.status_code == 422
    assert sentences(right.content.decode()) == sentences(refused.content.decode())
    # The one that begins the lock is the last that is written down.
    assert [(event.action, (event.after or {})["locked"]) for event in trail.events] == [
        *[("factor.refused", False)] * 4,
        ("factor.refused", True),
    ]
    assert {event.target_id for event in trail.events} == {str(person.public_id)}
    (letter,) = post()
    assert letter.to == [person.email]
    assert "wrong code" in str(letter.body)
    with time_machine.travel(time.time() + 901):
        first_step(between, person)
        assert between.post(URL, {"code": app.now()}).status_code == 302


def sentences(page: str) -> str:
    return re.sub(r'value="[^"]*"|nonce="[^"]+"|"X-CSRFToken": "[^"]+"', "", page)


def test_recovery_codes_count_against_the_same_limit(between: Client, person: User, app: pyotp.TOTP) -> None:
    (code, *_rest) = give_codes(person)
    for _ in range(5):
        between.post(URL, {"code": wrong_for(app)})
    assert between.post(URL, {"with": "recovery", "code": code}).status_code == 422
    assert RecoveryCode.objects.unused().count() == 10


def test_a_success_takes_back_what_was_counted(person: User, app: pyotp.TOTP) -> None:
    for _ in range(3):
        Totp.objects.update(last_step=0)
        client = Client()
        first_step(client, person)
        client.post(URL, {"code": wrong_for(app)})
        assert client.post(URL, {"code": app.now()}).status_code == 302


def test_the_address_has_a_limit_too(person: User, app: pyotp.TOTP) -> None:
    other = make_user()
    theirs = give_app(other)
    client = Client()
    first_step(client, person)
    for _ in range(5):
        client.post(URL, {"code": wrong_for(app)})
    elsewhere = Client()
    first_step(elsewhere, other)
    assert elsewhere.post(URL, {"code": theirs.now()}).status_code == 422


def test_the_limit_is_a_setting(between: Client, app: pyotp.TOTP) -> None:
    set_value("accounts.second_factor.attempts", "3")
    for _ in range(3):
        between.post(URL, {"code": wrong_for(app)})
    assert between.post(URL, {"code": app.now()}).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_a_recovery_code_works_once(
    between: Client, person: User, post: Callable[[], list[EmailMessage]], trail: Trail
) -> None:
    (code, *_rest) = give_codes(person)
    assert "Recovery code</label>" in between.get(f"{URL}?with=recovery").content.decode()
    assert between.post(URL, {"with": "recovery", "code": code.upper().replace("-", " ")}).status_code == 302
    assert signed_in(between)
    other = Client()
    first_step(other, person)
    assert other.post(URL, {"with": "recovery", "code": code}).status_code == 422
    assert trail.actions == ["factor.recovery_code_used", "session.signed_in", "factor.refused"]
    assert trail.events[0].after == {"left": 9}
    (letter,) = post()
    assert "9 are left" in str(letter.body)
    assert code not in str(letter.body)


@pytest.mark.django_db(transaction=True)
def test_the_letter_urges_new_codes_when_few_are_left(
    between: Client, person: User, post: Callable[[], list[EmailMessage]]
) -> None:
    (code, *_rest) = give_codes(person)
    keep = RecoveryCode.objects.order_by("pk").values_list("pk", flat=True)[:4]
    RecoveryCode.objects.exclude(pk__in=list(keep)).delete()
    between.post(URL, {"with": "recovery", "code": code})
    (letter,) = post()
    assert "Only 3 are left" in str(letter.body)


def test_letters_that_look_alike_are_forgiven(between: Client, person: User) -> None:
    (code, *_rest) = give_codes(person)
    assert between.post(URL, {"with": "recovery", "code": code.replace("0", "O").replace("1", "l")}).status_code == 302


def test_a_recovery_code_of_somebody_else_does_not_work(between: Client) -> None:
    (code, *_rest) = give_codes(make_user())
    assert between.post(URL, {"with": "recovery", "code": code}).status_code == 422


@pytest.mark.parametrize(
    "code", ["", "abcd", "abcd-efgh-jkmn-pqr", "abcd-efgh-jkmn-pqr!", "\x00", "x" * 5000, "ａ" * 16]
)
def test_what_cannot_be_a_recovery_code_is_no_try(between: Client, code: str, trail: Trail) -> None:
    assert between.post(URL, {"with": "recovery", "code": code}).status_code == 422
    assert trail.actions == []


def test_nothing_given_is_shown_again(between: Client, person: User, app: pyotp.TOTP) -> None:
    codes = give_codes(person)
    for _ in range(5):
        between.post(URL, {"code": wrong_for(app)})
    for data in ({"code": app.now()}, {"with": "recovery", "code": codes[0]}):
        assert data["code"] not in between.post(URL, data).content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_the_first_step_there_is_nothing(client: Client, db: None, method: str) -> None:
    answer = getattr(client, method)(URL, {"code": "123456"})
    assert answer["Location"] == "/login/"
    assert "Sign in first" in client.get("/login/").content.decode()


def test_after_ten_minutes_the_first_step_is_over(between: Client, app: pyotp.TOTP) -> None:
    with time_machine.travel(time.time() + 601):
        assert between.post(URL, {"code": app.now()})["Location"] == "/login/"


def test_a_new_password_ends_the_step_between(between: Client, person: User, app: pyotp.TOTP) -> None:
    person.set_password("seven herons on a wire")
    person.save(update_fields=["password"])
    assert between.post(URL, {"code": app.now()})["Location"] == "/login/"


def test_somebody_deactivated_goes_no_further(between: Client, person: User, app: pyotp.TOTP) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert between.post(URL, {"code": app.now()})["Location"] == "/login/"


def test_factors_reset_meanwhile_do_not_let_in(between: Client, app: pyotp.TOTP) -> None:
    Totp.objects.all().delete()
    assert between.post(URL, {"code": app.now()})["Location"] == "/login/"
    assert not signed_in(between)


def test_the_session_between_the_steps_is_dead_afterwards(between: Client, app: pyotp.TOTP) -> None:
    planted = Client()
    planted.cookies["gatehouse-session"] = between.cookies["gatehouse-session"].value
    between.post(URL, {"code": app.now()})
    assert signed_in(between)
    assert not signed_in(planted)
    assert planted.get(URL)["Location"] == "/login/"
    assert Session.objects.count() == 1


def test_a_planted_session_is_dead_between_the_steps(person: User, app: pyotp.TOTP) -> None:
    attacker = Client()
    first_step(attacker, person)
    planted = attacker.cookies["gatehouse-session"].value
    victim = Client()
    victim.cookies["gatehouse-session"] = planted
    first_step(victim, person)
    assert victim.cookies["gatehouse-session"].value != planted
    assert attacker.get(URL)["Location"] == "/login/"


def test_the_step_between_opens_nothing_else(between: Client, person: User) -> None:
    for path in ("/", "/profile/", "/factor/", "/step-up/", "/profile/security/app/"):
        assert between.get(path)["Location"].startswith("/login/?next=")


def test_the_password_is_not_kept_between_the_steps(between: Client) -> None:
    assert PASSWORD not in str(dict(between.session.items()))


def test_cancelling_forgets_the_first_step(between: Client, app: pyotp.TOTP) -> None:
    assert between.post(URL, {"cancel": ""})["Location"] == "/login/"
    assert between.post(URL, {"code": app.now()})["Location"] == "/login/"


def test_a_device_can_be_remembered(person: User, between: Client, app: pyotp.TOTP, trail: Trail) -> None:
    assert "Remember this device for 30 days" in between.get(URL).content.decode()
    between.post(URL, {"code": app.now(), "remember": "on"})
    assert trail.actions == ["device.remembered", "session.signed_in"]
    between.post("/logout/")
    answer = between.post("/login/", {"username": "ana.ruiz", "password": PASSWORD})
    assert answer["Location"] == "/"
    assert signed_in(between)
    assert between.session["factor"] == "device"
    with time_machine.travel(time.time() + timedelta(days=30, seconds=5).total_seconds()):
        between.post("/logout/")
        first_step(between, person)


def test_a_factor_that_was_taken_away_at_this_moment_lets_nobody_in(person: User, client: Client) -> None:
    request = client.get("/login/").wsgi_request
    for factor in ("passkey", "device"):
        with pytest.raises(PermissionDenied):
            sign_in(request=request, user=person, by="password", factor=factor)
    assert not Session.objects.filter(user=person).exists()


def test_a_shorter_time_holds_for_devices_remembered_before(between: Client, person: User, app: pyotp.TOTP) -> None:
    between.post(URL, {"code": app.now(), "remember": "on"})
    with time_machine.travel(time.time() + timedelta(days=8).total_seconds()):
        assert Device.objects.trusted().exists()
        set_value("accounts.second_factor.remember_days", "7")
        assert not Device.objects.trusted().exists()
        between.post("/logout/")
        first_step(between, person)


def test_what_was_forgotten_meanwhile_is_not_remembered_again(between: Client, person: User, app: pyotp.TOTP) -> None:
    between.post(URL, {"code": app.now(), "remember": "on"})
    set_value("accounts.second_factor.remember_days", "0")
    change_password(actor=None, user=person, password="seven herons on a wire")
    set_value("accounts.second_factor.remember_days", "30")
    assert not Device.objects.trusted().exists()


def test_a_device_is_remembered_for_its_person_alone(between: Client, app: pyotp.TOTP) -> None:
    between.post(URL, {"code": app.now(), "remember": "on"})
    other = make_user()
    give_app(other)
    between.post("/logout/")
    first_step(between, other)


def test_remembering_can_be_switched_off(between: Client, app: pyotp.TOTP) -> None:
    set_value("accounts.second_factor.remember_days", "0")
    assert "Remember this device" not in between.get(URL).content.decode()
    between.post(URL, {"code": app.now(), "remember": "on"})
    assert not Device.objects.trusted().exists()


def test_a_secret_whose_key_is_gone_is_said_so(between: Client, app: pyotp.TOTP, settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: b64encode(b"n" * 32).decode()}
    for _ in range(6):
        answer = between.post(URL, {"code": app.now()})
        assert answer.status_code == 422
        assert "Use a recovery code instead" in answer.content.decode()


def test_other_methods_are_refused(between: Client) -> None:
    assert between.put(URL).status_code == 405
