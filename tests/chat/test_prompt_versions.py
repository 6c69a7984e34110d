"""Versions of a prompt: listed, compared, restored."""

from __future__ import annotations

import re

import pytest
from pytest_django import DjangoAssertNumQueries

from chat.actions.prompt import create_prompt, restore_prompt_version, update_prompt
from chat.models import PromptVersion, SystemPrompt
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompt() -> SystemPrompt:
    prompt = create_prompt(actor=None, name="Letters", content="Be brief.\nSign.")
    change(prompt, "Be long.\nSign.", note="People asked for more")
    change(prompt, "Be long.\nSign and date.")
    prompt.refresh_from_db()
    return prompt


def change(prompt: SystemPrompt, content: str, note: str = "") -> None:
    update_prompt(actor=None, prompt=prompt, name=prompt.name, description="", content=content, note=note)


def shown(page: bytes) -> str:
    return re.sub(r"<[^>]+>", "", page.decode())


def test_every_change_of_content_is_a_version_with_who_and_why() -> None:
    actor = make_user(role="manager", full_name="Maren Holt")
    client = client_of(actor)
    fields = {"name": "P", "content": "one", "note": "To begin with"}
    client.post("/prompts/new/", fields)
    prompt = SystemPrompt.objects.get()
    client.post(f"/prompts/{prompt.public_id}/edit/", fields | {"name": "Q", "note": "Only its name"})
    client.post(f"/prompts/{prompt.public_id}/edit/", fields | {"content": "two", "note": "Say more"})
    versions = PromptVersion.objects.order_by("number").values_list("number", "content", "note", "created_by")
    assert list(versions) == [(1, "one", "To begin with", actor.pk), (2, "two", "Say more", actor.pk)]
    page = client.get(f"/prompts/{prompt.public_id}/versions/").content.decode()
    assert "“Say more”" in page
    assert "Maren Holt" in page


def test_the_last_change_is_shown_first_and_any_two_can_be(prompt: SystemPrompt) -> None:
    client, url = client_of(make_user(role="user")), f"/prompts/{prompt.public_id}/versions/"
    page = client.get(url)
    assert "From version 2 to version 3" in shown(page.content)
    assert "Sign<mark> and date</mark>" in page.content.decode()
    page = client.get(url, {"old": 1, "new": 2})
    assert '<del><span class="sr">removed: </span>Be <mark>brief</mark>.</del>' in page.content.decode()
    assert '<ins><span class="sr">added: </span>Be <mark>long</mark>.</ins>' in page.content.decode()
    assert "Both say the same." in client.get(url, {"old": 2, "new": 2}).content.decode()


@pytest.mark.parametrize(
    "query", [{"old": "9"}, {"new": "0"}, {"old": "-1"}, {"old": "²"}, {"new": "9" * 30}, {"old": ""}]
)
def test_versions_that_are_none_are_no_fault(prompt: SystemPrompt, query: dict[str, str]) -> None:
    assert client_of(make_user(role="user")).get(f"/prompts/{prompt.public_id}/versions/", query).status_code == 200


def test_one_version_is_shown_with_what_changed_since(prompt: SystemPrompt) -> None:
    client = client_of(make_user(role="user"))
    page = client.get(f"/prompts/{prompt.public_id}/versions/1/")
    assert "Be brief." in shown(page.content)
    assert "What changed since, up to version 3" in shown(page.content)
    assert "Restore" not in page.content.decode()
    assert "live" in client.get(f"/prompts/{prompt.public_id}/versions/3/").content.decode()
    for number in ("0", "4", "9" * 40):
        assert client.get(f"/prompts/{prompt.public_id}/versions/{number}/").status_code == 404


def test_a_version_belongs_to_its_prompt(prompt: SystemPrompt) -> None:
    other = create_prompt(actor=None, name="Other", content="x")
    client = client_of(make_user(role="manager"))
    assert client.get(f"/prompts/{other.public_id}/versions/2/").status_code == 404
    assert client.post(f"/prompts/{other.public_id}/versions/2/restore").status_code == 404


def test_restoring_makes_a_new_version_that_says_what_it_restores(prompt: SystemPrompt) -> None:
    actor = make_user(role="manager")
    response = client_of(actor).post(f"/prompts/{prompt.public_id}/versions/1/restore", follow=True)
    assert "Version 1 counts again, as version 4." in response.content.decode()
    newest = PromptVersion.objects.latest("number")
    assert (newest.number, newest.content, newest.note, newest.created_by) == (
        4,
        "Be brief.\nSign.",
        "Restores version 1",
        actor,
    )
    prompt.refresh_from_db()
    assert (prompt.content, prompt.version, prompt.updated_by) == (newest.content, 4, actor)
    event = AuditEvent.objects.latest("sequence")
    assert event.action == "prompt.updated"
    assert event.after is not None
    assert (event.after["version"], event.after["note"]) == (4, "Restores version 1")
    assert "brief" not in str(event.after)


def test_restoring_what_is_said_already_changes_nothing(prompt: SystemPrompt) -> None:
    client = client_of(make_user(role="manager"))
    events = AuditEvent.objects.count()
    assert restore_prompt_version(actor=None, prompt=prompt, number=3).version == 3
    page = client.post(f"/prompts/{prompt.public_id}/versions/3/restore", follow=True)
    assert "says what the prompt says now" in page.content.decode()
    assert AuditEvent.objects.count() == events


def test_an_old_text_with_a_broken_variable_is_not_restored_but_can_be_mended(prompt: SystemPrompt) -> None:
    prompt.versions.filter(number=1).update(content="Hello {{nmae}}")
    client = client_of(make_user(role="manager"))
    page = client.post(f"/prompts/{prompt.public_id}/versions/1/restore", follow=True).content.decode()
    assert "There is no variable {{nmae}}. Did you mean {{name}}?" in page
    assert "Edit from here" in page
    prompt.refresh_from_db()
    assert prompt.version == 3


def test_who_may_only_read_restores_nothing(prompt: SystemPrompt) -> None:
    client = client_of(make_user(role="user"))
    assert client.post(f"/prompts/{prompt.public_id}/versions/1/restore").status_code == 403
    assert client.get(f"/prompts/{prompt.public_id}/versions/1/restore").status_code in (403, 405)


def test_the_number_of_queries_does_not_grow(
    prompt: SystemPrompt, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, url = client_of(make_user(role="manager")), f"/prompts/{prompt.public_id}/versions/"
    client.get(url)
    with django_assert_num_queries(6):  # session, person, prompt, versions, numbers, the two that are compared
        client.get(url)
    for number in range(30):
        change(prompt, f"text {number}")
    with django_assert_num_queries(6):
        client.get(url)
