"""The list of system prompts, and who may see and use what on it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat.actions.prompt import create_prompt, delete_prompt
from chat.models import Conversation
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db
URL = "/prompts/"


def test_lists_prompts_by_name_and_marks_the_default() -> None:
    create_prompt(actor=None, name="Zebra", content="z")
    create_prompt(actor=None, name="apple", content="a")
    page = client_of(make_user(role="user")).get(URL).content.decode()
    assert page.index("apple") < page.index("Zebra")
    assert page.count("badge accent") == 1


def test_a_deleted_prompt_is_not_listed() -> None:
    prompt = create_prompt(actor=None, name="Withdrawn", content="x")
    delete_prompt(actor=None, prompt=prompt)
    client = client_of(make_user(role="user"))
    page = client.get(URL).content.decode()
    assert "Withdrawn" not in page
    assert "No prompt yet" in page
    assert client.get(f"/prompts/{prompt.public_id}/").status_code == 404


def test_who_may_only_read_is_offered_nothing_to_press() -> None:
    create_prompt(actor=None, name="First", content="x")
    create_prompt(actor=None, name="Second", content="x")
    assert "Make default" not in client_of(make_user(role="user")).get(URL).content.decode()
    assert "Make default" in client_of(make_user(role="manager")).get(URL).content.decode()


@pytest.mark.parametrize("role", ["viewer", "guest"])
def test_who_may_not_read_gets_403(role: str) -> None:
    assert client_of(make_user(role=role)).get(URL).status_code == 403


def test_anonymous_people_sign_in_first() -> None:
    assert Client().get(URL).headers["Location"].startswith("/login/")


def test_the_number_of_queries_does_not_grow(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    actor = make_user(role="manager")
    client = client_of(actor)
    create_prompt(actor=actor, name="0", content="x")
    client.get(URL)
    with django_assert_num_queries(6):  # session, person, prompts, their roles, how much they are used (2)
        client.get(URL)
    for number in range(1, 12):
        create_prompt(actor=actor, name=str(number), content="x")
    with django_assert_num_queries(6):
        client.get(URL)


def test_is_found_by_name_description_and_content() -> None:
    create_prompt(actor=None, name="Letters", description="Friendly", content="You write well.")
    create_prompt(actor=None, name="Sums", content="You count.")
    client = client_of(make_user(role="user"))
    for words in ("LETTERS", "friendly", "write well"):
        page = client.get(URL, {"q": words}).content.decode()
        assert "Letters" in page
        assert "Sums" not in page
    assert "Nothing found" in client.get(URL, {"q": "nowhere"}).content.decode()
    assert client.get(URL, {"q": "nul\0 %_'"}).status_code == 200


def test_tells_whoever_writes_them_how_much_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.prompts.MOST_COUNTED", 2)
    owner = make_user()
    much, little = (
        create_prompt(actor=None, name="Much", content="x"),
        create_prompt(actor=None, name="Li", content="x"),
    )
    for prompt in (much, much, much, little):
        Conversation.objects.create(owner=owner, system_prompt=prompt)
    Conversation.objects.create(owner=owner, system_prompt=little, deleted_at=timezone.now())
    page = client_of(make_user(role="manager")).get(URL).content.decode()
    assert "more than 2 conversations" in page
    assert "1 conversation<" in page
    assert "In use" not in client_of(owner).get(URL).content.decode()
