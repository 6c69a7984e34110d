"""Exactly one default prompt while any exists, whoever does what at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from chat.actions.prompt import create_prompt, delete_prompt, make_prompt_default
from chat.models import Conversation, SystemPrompt
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user


def defaults() -> list[str]:
    return list(SystemPrompt.objects.filter(default_mark=True).values_list("name", flat=True))


@pytest.mark.django_db
def test_making_another_the_default_moves_the_mark() -> None:
    create_prompt(actor=None, name="A", content="x")
    other = create_prompt(actor=None, name="B", content="x")
    client_of(make_user(role="manager")).post(f"/prompts/{other.public_id}/default/")
    assert defaults() == ["B"]
    event = AuditEvent.objects.get(action="prompt.made_default")
    assert (event.before, event.after) == ({"default": "A"}, {"default": "B"})


@pytest.mark.django_db
def test_the_database_itself_refuses_a_second_default() -> None:
    create_prompt(actor=None, name="A", content="x")
    other = create_prompt(actor=None, name="B", content="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        SystemPrompt.objects.filter(pk=other.pk).update(default_mark=True)


@pytest.mark.django_db
def test_the_default_is_not_deleted_without_an_heir() -> None:
    default = create_prompt(actor=None, name="A", content="x")
    heir = create_prompt(actor=None, name="B", content="x")
    with pytest.raises(ValidationError):
        delete_prompt(actor=None, prompt=default)
    client = client_of(make_user(role="manager"))
    url = f"/prompts/{default.public_id}/delete/"
    assert client.post(url).status_code == 422
    assert defaults() == ["A"]
    assert client.post(url, {"new_default": str(heir.public_id)}).status_code == 302
    assert defaults() == ["B"]


@pytest.mark.django_db
@pytest.mark.parametrize("heir", ["", "nonsense", "00000000-0000-4000-8000-000000000000", "self"])
def test_no_heir_can_be_one_that_is_not_there(heir: str) -> None:
    default = create_prompt(actor=None, name="A", content="x")
    create_prompt(actor=None, name="B", content="x")
    sent = str(default.public_id) if heir == "self" else heir
    response = client_of(make_user(role="manager")).post(f"/prompts/{default.public_id}/delete/", {"new_default": sent})
    assert response.status_code == 422
    assert defaults() == ["A"]


@pytest.mark.django_db
def test_the_last_prompt_may_go_and_conversations_keep_it() -> None:
    prompt = create_prompt(actor=None, name="A", content="what was said")
    talk = Conversation.objects.create(owner=make_user(), system_prompt=prompt, system_text=prompt.content)
    client_of(make_user(role="manager")).post(f"/prompts/{prompt.public_id}/delete/")
    assert defaults() == []
    talk.refresh_from_db()
    assert talk.system_prompt is not None
    assert (talk.system_prompt.name, talk.system_text) == ("A", "what was said")
    assert create_prompt(actor=None, name="B", content="x").is_default


@pytest.mark.django_db
def test_deleting_needs_its_own_right() -> None:
    prompt = create_prompt(actor=None, name="A", content="x")
    assert client_of(make_user(role="user")).post(f"/prompts/{prompt.public_id}/delete/").status_code == 403
    assert client_of(make_user(role="operator")).post(f"/prompts/{prompt.public_id}/delete/").status_code == 403


def at_once(*acts: Callable[[], object]) -> None:
    """Do all of them in the same moment, each on a connection of its own; refusals are fine."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
        except ValidationError:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(run, acts))


@pytest.mark.django_db(transaction=True)
def test_many_first_prompts_at_once_leave_one_default() -> None:
    at_once(*(lambda name=name: create_prompt(actor=None, name=name, content="x") for name in "ABCDEFGH"))
    assert SystemPrompt.objects.count() == 8
    assert len(defaults()) == 1


@pytest.mark.django_db(transaction=True)
def test_taking_and_giving_the_mark_at_once_leaves_one_default() -> None:
    prompts = [create_prompt(actor=None, name=name, content="x") for name in "ABCD"]
    for _round in range(5):
        at_once(
            *(lambda prompt=prompt: make_prompt_default(actor=None, prompt=prompt) for prompt in prompts),
            *(lambda prompt=prompt: delete_prompt(actor=None, prompt=prompt) for prompt in prompts[:2]),
        )
        assert len(defaults()) == 1


@pytest.mark.django_db
def test_deleting_the_default_says_what_comes_after_it() -> None:
    client = client_of(make_user(role="manager"))
    default = create_prompt(actor=None, name="A", content="x")
    url = f"/prompts/{default.public_id}/delete/"
    assert "new conversations begin without instructions" in client.get(url).content.decode()
    other = create_prompt(actor=None, name="B", content="x")
    assert "It is the default prompt, so another takes its place." in client.get(url).content.decode()
    assert "default prompt" not in client.get(f"/prompts/{other.public_id}/delete/").content.decode()
