from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import client_of

URL = "/theme/"


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_the_choice_is_kept(person: User, theme: str) -> None:
    answer = client_of(person).post(URL, {"theme": theme, "next": "/profile/"})
    assert answer["Location"] == "/profile/"
    person.refresh_from_db()
    assert person.preferences["theme"] == theme


def test_other_preferences_stay(person: User) -> None:
    User.objects.filter(pk=person.pk).update(preferences={"density": "wide"})
    client_of(person).post(URL, {"theme": "dark"})
    person.refresh_from_db()
    assert person.preferences == {"density": "wide", "theme": "dark"}


@pytest.mark.parametrize("theme", ["", "pink", "\x00", "<b>"])
def test_what_is_no_theme_changes_nothing(person: User, theme: str) -> None:
    assert client_of(person).post(URL, {"theme": theme, "next": "//evil.example"})["Location"] == "/"
    person.refresh_from_db()
    assert person.preferences == {}


def test_a_link_cannot_change_it(as_person: Client) -> None:
    assert as_person.get(URL).status_code == 405


def test_a_stranger_is_sent_to_the_door(client: Client, db: None) -> None:
    assert client.post(URL, {"theme": "dark"})["Location"].startswith("/login/")
