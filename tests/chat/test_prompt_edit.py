"""Writing system prompts."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
from django.test import Client

from chat.actions.prompt import create_prompt, delete_prompt, make_prompt_default, update_prompt
from chat.models import Conversation, SystemPrompt
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db
FIELDS = {
    "name": "Letters",
    "description": "Friendly and exact",
    "content": "You write letters.",
    "for_everybody": "on",
}


def test_the_first_prompt_becomes_the_default_and_the_second_does_not() -> None:
    client = client_of(make_user(role="manager"))
    assert client.post("/prompts/new/", FIELDS).status_code == 302
    assert client.post("/prompts/new/", FIELDS | {"name": "Other"}).status_code == 302
    assert [(p.name, p.is_default) for p in SystemPrompt.objects.order_by("id")] == [
        ("Letters", True),
        ("Other", False),
    ]


def test_creating_and_changing_are_in_the_trail_with_what_changed_only() -> None:
    actor = make_user(role="manager")
    client = client_of(actor)
    client.post("/prompts/new/", FIELDS)
    prompt = SystemPrompt.objects.get()
    client.post(f"/prompts/{prompt.public_id}/edit/", FIELDS | {"content": "Shorter.", "note": "Too long"})
    created, updated = AuditEvent.objects.filter(target_type="chat.systemprompt").order_by("sequence")
    assert (created.action, created.actor_id) == ("prompt.created", actor.pk)
    assert (updated.action, updated.before, updated.after) == (
        "prompt.updated",
        {"content": f"18 characters, SHA-256 {sha256(b'You write letters.').hexdigest()}", "version": 1},
        {"content": f"8 characters, SHA-256 {sha256(b'Shorter.').hexdigest()}", "version": 2, "note": "Too long"},
    )


def test_the_trail_does_not_quote_a_prompt() -> None:
    prompt = create_prompt(actor=None, name="P", content="the wording")
    update_prompt(actor=None, prompt=prompt, name="P", description="", content="the wording, mended")
    delete_prompt(actor=None, prompt=prompt)
    events = AuditEvent.objects.filter(target_type="chat.systemprompt")
    assert [event.action for event in events.order_by("sequence")] == [
        "prompt.created",
        "prompt.updated",
        "prompt.deleted",
    ]
    assert not any("wording" in f"{event.before} {event.after}" for event in events)


def test_saving_without_a_change_leaves_no_event() -> None:
    client = client_of(make_user(role="manager"))
    client.post("/prompts/new/", FIELDS)
    events = AuditEvent.objects.count()
    client.post(f"/prompts/{SystemPrompt.objects.get().public_id}/edit/", FIELDS)
    assert AuditEvent.objects.count() == events


def test_conversations_already_begun_keep_their_text() -> None:
    prompt = create_prompt(actor=None, name="P", content="old")
    talk = Conversation.objects.create(owner=make_user(), system_prompt=prompt, system_text=prompt.content)
    update_prompt(actor=None, prompt=prompt, name="P", description="", content="new")
    talk.refresh_from_db()
    assert talk.system_text == "old"


@pytest.mark.parametrize("name", ["letters", " LETTERS ", "Ｌetters"])
def test_a_name_is_taken_however_it_is_written(name: str) -> None:
    client = client_of(make_user(role="manager"))
    client.post("/prompts/new/", FIELDS)
    response = client.post("/prompts/new/", FIELDS | {"name": name})
    assert response.status_code == 422
    assert "Another prompt has this name." in response.content.decode()
    assert "You write letters." in response.content.decode(), "what was typed is lost"


def test_the_name_of_a_deleted_prompt_is_free_again() -> None:
    client = client_of(make_user(role="manager"))
    client.post("/prompts/new/", FIELDS)
    delete_prompt(actor=None, prompt=SystemPrompt.objects.get())
    assert client.post("/prompts/new/", FIELDS).status_code == 302


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 81},
        # One sign that is eighteen when it is compared.
        {"name": "ﷺ" * 20},
        {"name": "nul\0"},
        {"content": ""},
        {"content": "x" * 32_001},
        {"description": "x" * 301},
    ],
)
def test_bad_input_is_told_beside_the_field(change: dict[str, str]) -> None:
    response = client_of(make_user(role="manager")).post("/prompts/new/", FIELDS | change)
    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.content.decode()
    assert not SystemPrompt.objects.exists()


def test_fields_that_are_not_on_the_form_change_nothing() -> None:
    client = client_of(make_user(role="manager"))
    create_prompt(actor=None, name="Default", content="x")
    client.post("/prompts/new/", FIELDS | {"default_mark": "true", "is_deleted": "true", "id": "999"})
    prompt = SystemPrompt.objects.get(name="Letters")
    assert (prompt.is_default, prompt.is_deleted) == (False, False)
    assert prompt.pk != 999


def test_who_may_only_read_cannot_write() -> None:
    prompt = create_prompt(actor=None, name="P", content="x")
    client = client_of(make_user(role="user"))
    assert client.post("/prompts/new/", FIELDS).status_code == 403
    assert client.post(f"/prompts/{prompt.public_id}/edit/", FIELDS).status_code == 403
    assert client.post(f"/prompts/{prompt.public_id}/default/").status_code == 403
    assert SystemPrompt.objects.get().name == "P"


@pytest.mark.parametrize(("field", "length"), [("name", 80), ("description", 300)])
def test_texts_are_measured_as_they_are_kept(field: str, length: int) -> None:
    # Composed, this one character becomes three.
    response = client_of(make_user(role="manager")).post("/prompts/new/", FIELDS | {field: "\ufb2c" * (length // 2)})
    assert response.status_code == 422
    assert not SystemPrompt.objects.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("Hello {{nmae}}", "There is no variable {{nmae}}. Did you mean {{name}}?"),
        ("Hello {{name", "The variable “{{name” is not closed."),
    ],
)
def test_a_broken_variable_is_named_beside_the_content(content: str, sentence: str) -> None:
    client = client_of(make_user(role="manager"))
    response = client.post("/prompts/new/", FIELDS | {"content": content})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not SystemPrompt.objects.exists()
    prompt = create_prompt(actor=None, name="P", content="x")
    url = f"/prompts/{prompt.public_id}/edit/"
    assert client.post(url, FIELDS | {"content": content}).status_code == 422
    assert SystemPrompt.objects.get().content == "x"


def test_an_old_text_with_a_broken_variable_keeps_nobody_from_changing_the_rest() -> None:
    prompt = create_prompt(actor=None, name="P", content="x")
    SystemPrompt.objects.update(content="{{gone}}")
    client_of(make_user(role="manager")).post(
        f"/prompts/{prompt.public_id}/edit/", FIELDS | {"name": "Q", "content": "{{gone}}"}
    )
    assert SystemPrompt.objects.get().name == "Q"


def seen_by(client: Client, url: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', client.get(url).content.decode())
    assert found
    return found[1]


def test_a_form_of_an_older_state_gets_both_texts_and_loses_nothing() -> None:
    prompt = create_prompt(actor=None, name="P", content="as it was")
    client, url = client_of(make_user(role="manager")), f"/prompts/{prompt.public_id}/edit/"
    seen = seen_by(client, url)
    theirs = make_user(full_name="Bo Lind")
    update_prompt(actor=theirs, prompt=prompt, name="Theirs", description="", content="as they want it")
    mine = FIELDS | {"name": "Mine", "content": "as I want it", "note": "Because", "seen": seen}
    response = client.post(url, mine)
    page = response.content.decode()
    assert response.status_code == 409
    assert "Bo Lind saved it after you opened this" in page
    shown = re.sub(r"<[^>]+>", "", page)
    assert "as they want it" in shown
    assert "as I want it" in shown
    assert ">Theirs<" in page
    assert 'value="Because"' in page
    assert SystemPrompt.objects.get().content == "as they want it"
    again = re.search(r'name="seen" value="([0-9a-f]{64})"', page)
    assert again
    assert client.post(url, mine | {"seen": again[1]}).status_code == 302
    assert list(prompt.versions.order_by("number").values_list("content", flat=True)) == [
        "as it was",
        "as they want it",
        "as I want it",
    ]


def test_moving_the_default_meanwhile_makes_no_form_stale() -> None:
    create_prompt(actor=None, name="Default", content="d")
    prompt = create_prompt(actor=None, name="P", content="x")
    client, url = client_of(make_user(role="manager")), f"/prompts/{prompt.public_id}/edit/"
    seen = seen_by(client, url)
    make_prompt_default(actor=None, prompt=prompt)
    assert client.post(url, FIELDS | {"seen": seen}).status_code == 302


def test_a_text_carried_into_the_form_is_not_saved() -> None:
    prompt = create_prompt(actor=None, name="P", content="x")
    client = client_of(make_user(role="manager"))
    page = client.post(
        f"/prompts/{prompt.public_id}/edit/", {"carry": "1", "content": "half a thought {{"}
    ).content.decode()
    assert "half a thought {{" in page
    assert "This text is not saved yet." in page
    assert SystemPrompt.objects.get().content == "x"
