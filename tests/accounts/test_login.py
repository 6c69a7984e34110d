"""Signing in: who gets in, who does not, and that nobody learns which of the reasons it was."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from queue import Queue
from threading import BoundedSemaphore

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.db import connection
from django.http import HttpResponse, HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts import credentials, hashing
from accounts.models import Session, User
from settings_store.circumstances import circumstances
from settings_store.models import AuditEvent
from settings_store.store import get_setting
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of, make_user

URL = "/login/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def sign_in(client: Client, name: str, password: str = PASSWORD, **data: str) -> HttpResponseBase:
    return client.post(URL, {"username": name, "password": password, **data})


def spy(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """The passwords that the hasher is given from now on: "verify" looks at a guess, "encode" is the work of a hash."""
    seen: list[str] = []
    original = getattr(MD5PasswordHasher, name)

    def noted(self: MD5PasswordHasher, password: str, *args: str) -> object:
        seen.append(password)
        return original(self, password, *args)

    monkeypatch.setattr(MD5PasswordHasher, name, noted)
    return seen


def signed_in(client: Client) -> bool:
    """The sign-in page sends on whoever has no need of it."""
    return client.get(URL).status_code == 302


def body_of(response: HttpResponseBase) -> str:
    """The page without what differs between any two answers: tokens, nonces, and what the person typed."""
    assert isinstance(response, HttpResponse)
    text = response.content.decode()
    text = re.sub(r'csrfmiddlewaretoken" value="[^"]+"|"X-CSRFToken": "[^"]+"|nonce="[^"]+"', "", text)
    return re.sub(r'name="username" value="[^"]*"', "", text)


@pytest.mark.parametrize(
    "name", ["ana.ruiz", "ANA.RUIZ", "ana.ruiz@example.org", " Ana.Ruiz@EXAMPLE.org", "ａｎａ.ｒｕｉｚ"]
)
def test_email_or_username_however_it_is_written(person: User, client: Client, name: str) -> None:
    assert sign_in(client, name).status_code == 302
    assert signed_in(client)


def test_the_page_names_its_fields(client: Client, db: None) -> None:
    page = client.get(URL).content.decode()
    assert "Email or username</label>" in page
    assert "Password</label>" in page
    assert re.search(r"<button[^>]*>\s*Sign in\s*</button>", page)


def test_the_session_knows_whose_it_is_and_where_it_was_opened(person: User, trail: Trail) -> None:
    client = Client(headers={"user-agent": FIREFOX})
    sign_in(client, "ana.ruiz")
    session = Session.objects.get()
    assert session.user == person
    assert session.address == "127.0.0.1"
    assert session.device == "Firefox 145 on Linux"
    person.refresh_from_db()
    assert person.last_login is not None
    (event,) = trail.events
    assert (event.action, event.actor_id, event.session_id) == ("session.signed_in", person.pk, str(session.public_id))


def test_the_key_of_the_row_is_not_the_cookie(person: User, client: Client) -> None:
    sign_in(client, "ana.ruiz")
    cookie = client.cookies["gatehouse-session"].value
    assert not Session.objects.filter(session_key=cookie).exists()
    assert signed_in(client)


def test_looking_at_the_page_makes_no_session(client: Client, db: None) -> None:
    response = client.get(URL)
    assert not Session.objects.exists()
    assert "gatehouse-session" not in response.cookies


def test_a_planted_session_is_dead_afterwards(person: User) -> None:
    stranger = make_user()
    attacker = client_of(stranger)
    planted = attacker.cookies["gatehouse-session"].value
    victim = Client()
    victim.cookies["gatehouse-session"] = planted
    sign_in(victim, "ana.ruiz")
    assert victim.cookies["gatehouse-session"].value != planted
    assert not signed_in(attacker)
    assert signed_in(victim)


def test_an_invented_session_is_not_taken_over(person: User, client: Client) -> None:
    client.cookies["gatehouse-session"] = "a" * 32
    sign_in(client, "ana.ruiz")
    assert client.cookies["gatehouse-session"].value != "a" * 32


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/logout/",
        "/login/?next=/login/",
        "",
        "word",
        "accounts:profile",
        "accounts.views",
        "\x00",
        "?x=1",
    ],
)
def test_afterwards_nobody_is_sent_elsewhere(person: User, client: Client, wanted: str) -> None:
    assert sign_in(client, "ana.ruiz", next=wanted)["Location"] == reverse("home")


@pytest.mark.parametrize("wanted", ["/profile/\r\nSet-Cookie: a=b", "/\x00", "/" + "x" * 3000, "/%00", "/é"])
def test_an_odd_address_does_no_harm(person: User, client: Client, wanted: str) -> None:
    answer = sign_in(client, "ana.ruiz", next=wanted)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/")
    assert set(client.cookies) == {"gatehouse-session", "gatehouse-csrf", "gatehouse-device"}


def test_afterwards_the_wanted_page_follows(person: User, client: Client) -> None:
    response = client.get("/profile/sessions/?x=1")
    login = client.get(response["Location"])
    wanted = login.context["next"]
    assert sign_in(client, "ana.ruiz", next=wanted)["Location"] == "/profile/sessions/?x=1"


def test_unknown_wrong_inactive_and_locked_look_the_same(person: User) -> None:
    make_user(username="gone", is_active=False)
    make_user(username="keyless", password=None)
    locked = make_user(username="locked")
    for _ in range(get_setting("accounts.lockout.attempts")):
        credentials.check("locked", "wrong")
    answers = {
        name: sign_in(Client(REMOTE_ADDR=f"10.0.0.{place}"), name, password)
        for place, (name, password) in enumerate(
            [("ana.ruiz", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("locked", PASSWORD), ("keyless", "")]
        )
    }
    reference = answers["ana.ruiz"]
    for name in ("nobody", "gone", "locked"):
        assert answers[name].status_code == reference.status_code
        assert body_of(answers[name]) == body_of(reference)
    assert not Session.objects.filter(user=locked).exists()


@pytest.mark.parametrize("name", ["ana.ruiz", "nobody", "gone", "locked", "keyless"])
def test_every_answer_costs_exactly_one_hash(person: User, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(username="gone", is_active=False)
    make_user(username="keyless", password=None)
    make_user(username="locked")
    for _ in range(get_setting("accounts.lockout.attempts")):
        credentials.check("locked", "wrong")
    hashed = spy(monkeypatch, "encode")
    sign_in(Client(REMOTE_ADDR="10.1.1.1"), name, "wrong")
    assert len(hashed) == 1


def test_a_refusal_is_recorded_without_what_was_typed(person: User, client: Client, trail: Trail) -> None:
    sign_in(client, "ana.ruiz", "hunter2-in-the-clear")
    sign_in(client, "typed-password-here", "x")
    known, unknown = trail.events
    assert (known.action, known.actor_id, known.target_id) == ("session.sign_in_failed", None, str(person.public_id))
    assert (unknown.action, unknown.target_id) == ("session.sign_in_failed", "")
    for event in (known, unknown):
        assert "hunter2" not in str(event.__dict__)
        assert "typed-password" not in str(event.__dict__)


def test_ten_failures_lock_the_account_for_a_minute(person: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for place in range(10):
            sign_in(Client(REMOTE_ADDR=f"10.0.0.{place}"), "ana.ruiz", "wrong")
            clock.shift(5)
        elsewhere = Client(REMOTE_ADDR="10.9.9.9")
        sign_in(elsewhere, "ana.ruiz@example.org")
        assert not signed_in(elsewhere)
        clock.shift(timedelta(seconds=50))
        sign_in(elsewhere, "ana.ruiz")
        assert not signed_in(elsewhere)
        clock.shift(timedelta(seconds=11))
        sign_in(elsewhere, "ana.ruiz")
        assert signed_in(elsewhere)


def test_ten_failures_lock_the_address_whatever_the_names(person: User) -> None:
    client = Client(REMOTE_ADDR="10.0.0.1")
    for number in range(10):
        sign_in(client, f"nobody{number}", "wrong")
    sign_in(client, "ana.ruiz")
    assert not signed_in(client)
    elsewhere = Client(REMOTE_ADDR="10.0.0.2")
    sign_in(elsewhere, "ana.ruiz")
    assert signed_in(elsewhere)


def test_success_clears_the_account_and_spends_nothing_of_the_address(person: User) -> None:
    for _ in range(25):
        client = Client(REMOTE_ADDR="10.0.0.1")
        sign_in(client, "ana.ruiz")
        assert signed_in(client)
    for _ in range(9):
        sign_in(Client(REMOTE_ADDR="10.0.0.3"), "ana.ruiz", "wrong")
    sign_in(Client(REMOTE_ADDR="10.0.0.4"), "ana.ruiz")
    for _ in range(9):
        sign_in(Client(REMOTE_ADDR="10.0.0.5"), "ana.ruiz", "wrong")
    client = Client(REMOTE_ADDR="10.0.0.6")
    sign_in(client, "ana.ruiz")
    assert signed_in(client)


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_evaluate_no_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(username="ana.ruiz")
    looked_at = spy(monkeypatch, "verify")

    def guess(number: int) -> User | None:
        try:
            with circumstances(address=f"10.0.0.{number}"):
                return credentials.check("ana.ruiz", PASSWORD if number == 99 else f"guess{number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        found = [user for user in pool.map(guess, range(100)) if user]
    assert len(looked_at) == 10
    assert not found


class Noting(BoundedSemaphore):
    """Lets a test know of each thread that has come as far as waiting, and whether it keeps a connection."""

    def __init__(self) -> None:
        super().__init__(1)
        self.waiting: Queue[bool] = Queue()

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        if blocking:
            self.waiting.put(connection.connection is not None)
        return super().acquire(blocking, timeout)


@pytest.mark.django_db(transaction=True)
def test_a_crowd_that_waits_keeps_no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool has a few only, and who finds none is answered with an error."""
    make_user(username="ana.ruiz")
    monkeypatch.setattr(hashing, "turns", turns := Noting())
    turns.acquire(blocking=False)

    def knock(number: int) -> int:
        try:
            return sign_in(Client(REMOTE_ADDR=f"10.0.0.{number}"), "ana.ruiz", "wrong").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(knock, range(6))
        try:
            assert [turns.waiting.get(timeout=20) for _ in range(6)] == [False] * 6
        finally:
            turns.release()
        assert set(answers) == {422}


def test_a_flood_leaves_no_more_in_the_trail_than_what_was_looked_at(person: User, client: Client) -> None:
    for number in range(25):
        sign_in(client, f"nobody{number}", "wrong")
    for number in range(25):
        sign_in(Client(REMOTE_ADDR=f"10.0.0.{number}"), "ana.ruiz", "wrong")
    actions = list(AuditEvent.objects.values_list("action", flat=True))
    assert actions.count("session.sign_in_failed") == 20
    assert actions.count("user.locked") == 1


def test_who_changes_addresses_within_their_network_of_ipv6_is_one_guesser(person: User) -> None:
    for number in range(10):
        sign_in(Client(REMOTE_ADDR=f"2001:db8:1:2::{number:x}"), f"nobody{number}", "wrong")
    assert sign_in(Client(REMOTE_ADDR="2001:db8:1:2:ffff::1"), "ana.ruiz").status_code == 422
    assert sign_in(Client(REMOTE_ADDR="2001:db8:1:3::1"), "ana.ruiz").status_code == 302


def test_who_waits_too_long_is_asked_to_come_again_and_has_lost_no_attempt(
    person: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "turns", turns := BoundedSemaphore(1))
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.01)
    with turns:
        for _ in range(11):
            answer = sign_in(client, "ana.ruiz")
            assert answer.status_code == 503
            assert answer["Retry-After"] == "10"
            assert "try again in a few seconds" in body_of(answer)
    sign_in(client, "ana.ruiz")
    assert signed_in(client)


def test_an_older_hash_is_accepted_and_renewed(person: User, client: Client, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    User.objects.filter(pk=person.pk).update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    sign_in(client, "ana.ruiz")
    assert signed_in(client)
    person.refresh_from_db()
    assert person.password.startswith("argon2$argon2id$")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("", ""),
        ("ana.ruiz", ""),
        ("ana\x00ruiz", PASSWORD),
        ("ana.ruiz", "with\x00null"),
        ("a" * 100_000, "x"),
        ("ana.ruiz", "p" * 100_000),
        ("😀" * 50, "😀"),
        ("@", "x"),
    ],
)
def test_bad_input_is_answered_with_the_page(person: User, client: Client, name: str, password: str) -> None:
    response = sign_in(client, name, password)
    assert response.status_code == 422
    assert not Session.objects.exists()


@pytest.mark.parametrize("name", ["\ud800", "a\x00b", ""])
def test_names_no_database_takes_belong_to_nobody(db: None, name: str) -> None:
    assert credentials.check(name, "\ud800") is None


def test_bytes_that_are_no_text_are_answered_with_the_page(person: User, client: Client) -> None:
    form = b"username=%ED%A0%80&password=%ED%BF%BF%FF"
    assert client.post(URL, form, content_type="application/x-www-form-urlencoded").status_code == 422


def test_other_methods_are_refused(client: Client, db: None) -> None:
    assert client.put(URL).status_code == 405


def test_without_its_token_the_form_is_refused(person: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client, "ana.ruiz").status_code == 403


def test_somebody_signed_in_is_sent_on(as_person: Client) -> None:
    assert as_person.get(URL + "?next=/profile/")["Location"] == "/profile/"


def test_a_first_password_must_be_changed_first(client: Client, db: None) -> None:
    make_user(username="newcomer", must_change_password=True)
    sign_in(client, "newcomer")
    assert client.get("/profile/")["Location"] == reverse("password_change") + "?next=%2Fprofile%2F"


def test_signing_in_asks_the_database_little(person: User, client: Client) -> None:
    client.get(URL)
    with CaptureQueriesContext(connection) as queries:
        sign_in(client, "ana.ruiz")
    statements = [
        query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))
    ]
    assert len(statements) <= 26, "\n".join(statements)


def test_nobody_is_named_by_the_trail_for_a_failed_attempt_elsewhere(person: User, client: Client) -> None:
    sign_in(client, "ana.ruiz", "wrong")
    assert AuditEvent.objects.get(action="session.sign_in_failed").actor_name == "system"
