from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user

URL = "/profile/"
SENT = {
    "full_name": "Ana R. Ruiz",
    "bio": "Customer care\r\nfirst line",
    "language": "en",
    "time_zone": "Europe/Madrid",
    "theme": "dark",
}


def test_details_and_preferences_are_kept(person: User, trail: Trail) -> None:
    client = client_of(person)
    assert client.post(URL, SENT).status_code == 302
    person.refresh_from_db()
    assert person.full_name == "Ana R. Ruiz"
    assert person.bio == "Customer care\nfirst line"
    assert person.time_zone == "Europe/Madrid"
    assert person.preferences["theme"] == "dark"
    assert 'data-theme="dark"' in client.get(URL).content.decode()
    (event,) = trail.events
    assert event.action == "user.updated"
    assert event.before == {"full_name": "Ana Ruiz", "bio": "", "time_zone": "UTC", "preferences": {}}
    assert event.after is not None
    assert event.after.keys() == event.before.keys()


def test_saving_the_same_again_changes_nothing(person: User, trail: Trail) -> None:
    client = client_of(person)
    client.post(URL, SENT)
    client.post(URL, SENT)
    assert len(trail.events) == 1


def test_nothing_else_can_be_changed_by_the_form(person: User) -> None:
    client = client_of(person)
    before: dict[str, Any] = dict(User.objects.values().get(pk=person.pk))
    everything = {field.name: "1" for field in User._meta.get_fields()} | {"username": "root", "email": "r@example.org"}
    client.post(URL, {**everything, "groups": "1", "supervisor_id": str(person.pk), **SENT})
    after: dict[str, Any] = dict(User.objects.values().get(pk=person.pk))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"full_name", "name_key", "bio", "time_zone", "preferences", "updated_at"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "xx"),
        ("time_zone", "No/Where"),
        ("theme", "pink"),
        ("full_name", "a\x00b"),
        ("full_name", "x" * 151),
        ("full_name", "\ufb2c" * 150),
        ("bio", "x" * 2001),
        ("bio", "\ufb2c" * 2000),
    ],
)
def test_bad_values_are_refused_beside_their_field(person: User, field: str, value: str) -> None:
    answer = client_of(person).post(URL, {**SENT, field: value})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert f'id="id_{field}_error"' in answer.content.decode()
    person.refresh_from_db()
    assert person.full_name == "Ana Ruiz"


@pytest.mark.parametrize("role", ["admin", "manager", "supervisor", "operator", "user", "viewer", "guest", None])
def test_everyone_has_a_profile(db: None, role: str | None) -> None:
    assert client_of(make_user(role=role)).get(URL).status_code == 200


def test_a_name_is_shown_as_text(person: User) -> None:
    client = client_of(person)
    client.post(URL, {**SENT, "full_name": "<script>alert(1)</script>"})
    assert "<script>alert" not in client.get(URL).content.decode()


def test_a_stranger_is_sent_to_the_door(client: Client, db: None) -> None:
    assert client.get(URL)["Location"].startswith("/login/")
