from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts import credentials
from accounts.models import Session, User
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of, make_user

URL = "/password/"
NEW = "a quite different sentence 7"


def change(client: Client, present: str = PASSWORD, password: str = NEW, repeated: str | None = None) -> Any:
    return client.post(
        URL, {"present": present, "password": password, "repeated": password if repeated is None else repeated}
    )


def test_the_new_one_counts_and_other_sessions_end(person: User, trail: Trail) -> None:
    client, other = client_of(person), client_of(person)
    assert change(client).status_code == 302
    assert client.get(URL).status_code == 200
    assert other.get(URL).status_code == 302
    assert Session.objects.filter(user=person).count() == 1
    assert credentials.check("ana.ruiz", NEW) == person
    assert credentials.check("ana.ruiz", PASSWORD) is None
    assert trail.actions == ["password.changed", "session.sign_in_failed"]
    assert NEW not in str(AuditEvent.objects.last().__dict__)


def test_the_old_cookie_is_dead(person: User) -> None:
    client, planted = client_of(person), Client()
    planted.cookies["gatehouse-session"] = client.cookies["gatehouse-session"].value
    change(client)
    assert planted.get(URL).status_code == 302
    assert client.get(URL).status_code == 200


def test_a_first_password_is_changed_before_anything_else(db: None) -> None:
    user = make_user(must_change_password=True)
    client = client_of(user)
    assert client.get("/profile/sessions/")["Location"].startswith(f"{URL}?next=")
    assert client.post("/theme/", {"theme": "dark"})["Location"].startswith(f"{URL}?next=")
    assert "Choose your own password" in client.get(URL).content.decode()
    assert change(client)["Location"] == "/"
    user.refresh_from_db()
    assert not user.must_change_password
    assert client.get("/profile/sessions/").status_code == 200


def test_all_that_is_wrong_is_said_at_once_and_a_wrong_password_counts(person: User) -> None:
    client = client_of(person)
    for _ in range(10):
        page = change(client, present="wrong", password="short", repeated="shirt").content.decode()
    for sentence in ("This is not your password", "too short", "The two new passwords differ"):
        assert sentence in page
    assert "This is not your password" in change(client).content.decode()


@pytest.mark.parametrize(
    ("present", "password", "repeated", "sentence"),
    [
        ("wrong", NEW, NEW, "This is not your password"),
        (PASSWORD, NEW, NEW + "x", "The two new passwords differ"),
        (PASSWORD, "short 7 word", "short 7 word", None),
        (PASSWORD, "short", "short", "too short"),
        (PASSWORD, "qwerty123456", "qwerty123456", "too common"),
        (PASSWORD, "123456789012", "123456789012", "entirely numeric"),
        (PASSWORD, "ana.ruiz@example", "ana.ruiz@example", "too similar"),
        (PASSWORD, PASSWORD, PASSWORD, "differs from the present one"),
        (PASSWORD, "nul\x00 in the password", "nul\x00 in the password", "Null characters"),
    ],
)
def test_what_is_refused_and_why(
    person: User, present: str, password: str, repeated: str, sentence: str | None
) -> None:
    client = client_of(person)
    answer = change(client, present, password, repeated)
    if sentence is None:
        assert answer.status_code == 302
        return
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert credentials.check("ana.ruiz", PASSWORD) == person


def test_guessing_the_present_one_is_limited(person: User) -> None:
    client = client_of(person)
    for _ in range(10):
        change(client, "wrong")
    assert change(client).status_code == 422
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_a_stranger_is_sent_to_the_door(client: Client, db: None) -> None:
    assert client.get(URL)["Location"].startswith("/login/")
