"""Going on under another prompt, or under a newer version of the same."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat.actions.message import start_conversation
from chat.actions.prompt import create_prompt, delete_prompt, update_prompt
from chat.actions.prompt_use import use_prompt
from chat.choices import newer_version
from chat.models import Conversation, Model, SystemPrompt
from rbac.models import Role
from settings_store.circumstances import circumstances
from settings_store.models import AuditEvent
from tests.factories import make_user


@pytest.fixture
def prompt(db: None) -> SystemPrompt:
    create_prompt(actor=None, name="Default", content="d")
    return create_prompt(actor=None, name="Letters", content="old")


@pytest.fixture
def conversation(ana: User, good: Model, prompt: SystemPrompt) -> Conversation:
    return start_conversation(actor=ana, text="Hello", model=good, prompt=prompt).conversation


def again(conversation: Conversation) -> Conversation:
    return Conversation.objects.select_related("system_prompt").get(pk=conversation.pk)


def change(prompt: SystemPrompt, content: str) -> None:
    update_prompt(actor=None, prompt=prompt, name=prompt.name, description="", content=content)


def test_a_newer_version_is_offered_until_used(ana: User, prompt: SystemPrompt, conversation: Conversation) -> None:
    assert newer_version(again(conversation)) is None
    change(prompt, "new")
    assert newer_version(again(conversation), user=ana) == 2
    use_prompt(actor=ana, conversation=again(conversation), prompt=prompt)
    found = again(conversation)
    assert (found.system_text, found.prompt_version, newer_version(found)) == ("new", 2, None)


def test_a_version_that_says_the_same_again_is_not_offered(prompt: SystemPrompt, conversation: Conversation) -> None:
    change(prompt, "new")
    change(prompt, "old")
    assert newer_version(again(conversation)) is None


def test_nothing_newer_of_a_deleted_prompt_or_of_one_for_others(
    ana: User, prompt: SystemPrompt, conversation: Conversation
) -> None:
    change(prompt, "new")
    SystemPrompt.objects.filter(pk=prompt.pk).update(for_everybody=False)
    assert newer_version(again(conversation), user=ana) is None
    with pytest.raises(ValidationError):
        use_prompt(actor=ana, conversation=again(conversation), prompt=prompt)
    prompt.roles.add(Role.objects.get(system_key="user"))
    assert newer_version(again(conversation), user=ana) == 2
    delete_prompt(actor=None, prompt=prompt)
    assert newer_version(again(conversation), user=ana) is None
    with pytest.raises(ValidationError):
        use_prompt(actor=ana, conversation=again(conversation), prompt=prompt)
    assert again(conversation).system_text == "old"


def test_a_conversation_may_go_on_without_a_prompt(ana: User, conversation: Conversation) -> None:
    use_prompt(actor=ana, conversation=again(conversation), prompt=None)
    found = again(conversation)
    assert (found.system_prompt, found.system_text, found.prompt_version) == (None, "", None)
    assert newer_version(found) is None


def test_only_who_acts_as_somebody_is_noted(ana: User, prompt: SystemPrompt, conversation: Conversation) -> None:
    change(prompt, "new")
    events = AuditEvent.objects.filter(action="conversation.prompt_changed")
    with circumstances(impersonator=make_user(role="admin")):
        use_prompt(actor=ana, conversation=again(conversation), prompt=prompt)
        use_prompt(actor=ana, conversation=again(conversation), prompt=prompt)
    use_prompt(actor=ana, conversation=again(conversation), prompt=None)
    assert [event.target_id for event in events] == [str(conversation.public_id)]


def test_a_page_that_has_the_prompt_asks_nothing_more(
    conversation: Conversation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    found = again(conversation)
    with django_assert_num_queries(0):
        newer_version(found)
