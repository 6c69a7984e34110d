"""The palette: what a person finds by a few letters, and what they never find."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chat.models import Conversation, Model, Provider, SystemPrompt
from settings_store.actions import Description, create_flag
from settings_store.flag.rules import FlagType
from tests.factories import client_of, make_user
from ui.registry import registry

pytestmark = pytest.mark.django_db
DIALOG = {"HX-Request": "true"}


def found(client: Client, text: str) -> dict[str, list[str]]:
    """The addresses found, by the name of their group."""
    html = client.get("/palette/", {"q": text}, headers=DIALOG).content.decode()
    groups = re.findall(r'id="found-(\w+)">.*?</p>(.*?)</div>', html, re.DOTALL)
    return {name: re.findall(r'class="item" href="([^"]+)"', items) for name, items in groups}


def page_of(person: User) -> str:
    return f"/users/{person.public_id}/"


@pytest.fixture
def house(db: None) -> dict[str, User]:
    """People of every kind, whose things all have the word "zebra" in their names."""
    people = {
        role: make_user(role=role, username=f"zebra.{role}") for role in ("admin", "operator", "supervisor", "user")
    }
    for person in people.values():
        Conversation.objects.create(owner=person, title=f"Zebra of {person.username}")
    server = Provider.objects.create(name="Zebra", name_key="zebra", base_url="https://zebra.example/v1")
    Model.objects.create(provider=server, name="zebra-7b")
    SystemPrompt.objects.create(name="Zebra talk", name_key="zebra talk", content="Stripes.", default_mark=True)
    create_flag(actor=None, key="zebra-mode", kind=FlagType.BOOLEAN, description=Description(label="Zebra mode"))
    return people


def test_an_admin_finds_everything_but_the_talk_of_others(house: dict[str, User]) -> None:
    groups = found(client_of(house["admin"]), "zebra")
    assert sorted(groups) == ["conversations", "flags", "models", "people", "prompts"]
    own = Conversation.objects.get(owner=house["admin"])
    assert groups["conversations"] == [f"/chat/{own.public_id}/"]
    assert sorted(groups["people"]) == sorted(page_of(person) for person in house.values())


def test_others_find_what_they_may_open(house: dict[str, User]) -> None:
    assert sorted(found(client_of(house["user"]), "zebra")) == ["conversations", "prompts"]
    assert sorted(found(client_of(house["operator"]), "zebra")) == ["conversations", "flags", "models", "prompts"]
    assert found(client_of(make_user(role=None)), "zebra") == {}


def test_a_supervisor_finds_the_own_team_alone(house: dict[str, User]) -> None:
    below = make_user(username="zebra.below", supervisor=house["supervisor"])
    people = found(client_of(house["supervisor"]), "zebra")["people"]
    assert sorted(people) == sorted([page_of(below), page_of(house["supervisor"])])


def test_what_is_found_opens(house: dict[str, User]) -> None:
    for person in house.values():
        client = client_of(person)
        for text in ("zebra", "", "new", "create", "your", "a", "s", "e"):
            for address in [address for items in found(client, text).values() for address in items]:
                # A fresh password may be asked for first.
                assert client.get(address).status_code in {200, 302}, f"{person} {address}"


def test_every_page_offered_is_there() -> None:
    admin = client_of(make_user(role="admin"))
    for page in registry.palette_pages:
        assert found(admin, str(page.label)).get("pages"), page.label


def test_roles_and_settings_are_found_by_their_names_and_keys() -> None:
    admin = client_of(make_user(role="admin"))
    assert len(found(admin, "OPERATOR")["roles"]) == 1
    assert "/settings/chat.temperature/" in found(admin, "chat.temp")["settings"]
    assert "/settings/chat.temperature/" in found(admin, "temperature")["settings"]
    assert "settings" not in found(client_of(make_user()), "temperature")


def test_at_first_the_pages_and_the_newest_own_talk() -> None:
    person = make_user()
    for number in range(9):
        Conversation.objects.create(owner=person, title=f"Talk {number}")
    groups = found(client_of(person), "  ")
    assert list(groups) == ["pages", "conversations"]
    newest = Conversation.objects.order_by("-last_message_at", "-pk").first()
    assert newest is not None
    assert groups["conversations"][0] == f"/chat/{newest.public_id}/"
    assert len(groups["conversations"]) == 6


def test_what_lies_in_the_bin_is_not_found() -> None:
    person = make_user()
    talk = Conversation.objects.create(owner=person, title="Zebra")
    Conversation.objects.filter(pk=talk.pk).update(deleted_at=talk.created_at)
    assert found(client_of(person), "zebra") == {}


def test_what_begins_with_it_comes_first() -> None:
    admin = client_of(make_user(role="admin"))
    assert found(admin, "us")["pages"][0] == "/users/"


@pytest.mark.parametrize("text", ["%", "_", "100%", "zebr_", "\\", "'", '"', "[a-z]", "x" * 5000, "q z " * 90, "😀"])
def test_signs_stand_for_themselves(house: dict[str, User], text: str) -> None:
    response = client_of(house["admin"]).get("/palette/", {"q": text}, headers=DIALOG)
    assert response.status_code == 200
    assert "zebra" not in response.content.decode().lower()


def test_what_no_database_takes_is_left_out(house: dict[str, User]) -> None:
    assert found(client_of(house["user"]), "ze\0bra") == found(client_of(house["user"]), "zebra")
    assert client_of(house["user"]).get("/palette/?q=%ED%A0%80%FF").status_code == 200


def test_names_are_shown_as_they_are_written() -> None:
    person = make_user()
    Conversation.objects.create(owner=person, title='<img src=x onerror="alert(1)"> zebra')
    html = client_of(person).get("/palette/", {"q": 'zebra <img src=x onerror="'}, headers=DIALOG).content.decode()
    assert "<img" not in html
    assert "&lt;img src=x" in html


def test_without_scripts_it_is_a_page(house: dict[str, User]) -> None:
    client = client_of(house["user"])
    assert 'href="/palette/"' in client.get("/").content.decode()
    html = client.get("/palette/", {"q": "zebra"}).content.decode()
    assert "Zebra of zebra.user" in html
    assert 'name="q" value="zebra"' in html
    assert "Zebra of zebra.admin" not in html
    assert "Nothing has “qqq” in its name." in client.get("/palette/", {"q": "qqq"}).content.decode()


def test_how_many_were_found_is_told(house: dict[str, User]) -> None:
    html = client_of(house["user"]).get("/palette/", {"q": "zebra"}, headers=DIALOG).content.decode()
    assert '<p id="palette-count" hx-swap-oob="innerHTML">2 found</p>' in html


def test_nobody_else_keeps_a_copy(house: dict[str, User]) -> None:
    assert client_of(house["user"]).get("/palette/", {"q": "zebra"}).headers["Cache-Control"] == "no-store"


def test_it_is_only_looked_at(house: dict[str, User]) -> None:
    client = client_of(house["user"])
    assert client.post("/palette/", {"q": "zebra"}).status_code == 405
    assert Client().get("/palette/").status_code == 302


def test_however_much_there_is_it_asks_as_often(house: dict[str, User], django_assert_max_num_queries: Any) -> None:
    client = client_of(house["admin"])
    client.get("/palette/", {"q": "zebra"})
    for number in range(30):
        Conversation.objects.create(owner=house["admin"], title=f"Zebra {number}")
        make_user(username=f"zebra{number}", password=None)
    with django_assert_max_num_queries(12):
        groups = found(client, "zebra")
    assert max(map(len, groups.values())) == 6
    with django_assert_max_num_queries(12):
        client.get("/palette/", {"q": "zebra"})
