"""The branch that is read: its turns, the versions beside them, and what it costs."""

from __future__ import annotations

import random

import pytest
from django.db.models import F
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat.branches import branch_of, newest_leaf_below
from chat.models import Conversation, Message

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation(ana: User) -> Conversation:
    return Conversation.objects.create(owner=ana, title="Branches")


def say(conversation: Conversation, text: str, parent: Message | None) -> Message:
    message = Message.objects.create(conversation=conversation, parent=parent, role=Message.Role.USER, content=text)
    conversation.active_leaf = message
    conversation.save(update_fields=["active_leaf"])
    return message


def line(conversation: Conversation, length: int) -> list[Message]:
    """Messages one below the other, as quick as rows can be made."""
    Message.objects.bulk_create(
        Message(conversation=conversation, role=Message.Role.USER, content=f"Turn {number}") for number in range(length)
    )
    first = conversation.messages.order_by("pk")[0].pk
    # Made in one statement, they have keys one after the other.
    conversation.messages.filter(pk__gt=first).update(parent=F("pk") - 1)
    messages = list(conversation.messages.order_by("pk"))
    conversation.active_leaf = messages[-1]
    conversation.save(update_fields=["active_leaf"])
    return messages


def test_versions_stand_beside_each_turn_in_the_order_they_were_said(conversation: Conversation) -> None:
    question = say(conversation, "Question", None)
    answers = [say(conversation, f"Answer {number}", question) for number in range(3)]
    conversation.active_leaf = answers[1]
    branch = branch_of(conversation)
    assert [turn.message.content for turn in branch.turns] == ["Question", "Answer 1"]
    answer = branch.turns[1]
    assert (answer.number, answer.versions) == (2, 3)
    assert (answer.previous, answer.next) == (answers[0].public_id, answers[2].public_id)
    assert branch.turns[0].versions == 1


def test_a_conversation_may_begin_anew(conversation: Conversation) -> None:
    first = say(conversation, "First", None)
    second = say(conversation, "Second", None)
    (turn,) = branch_of(conversation).turns
    assert (turn.message, turn.number, turn.versions, turn.previous) == (second, 2, 2, first.public_id)


def test_the_newest_is_read_where_no_leaf_is_known(conversation: Conversation) -> None:
    say(conversation, "Older", say(conversation, "Root", None))
    conversation.active_leaf = None
    assert [turn.message.content for turn in branch_of(conversation).turns] == ["Root", "Older"]


def test_versions_of_another_conversation_are_none(conversation: Conversation, stranger: User) -> None:
    other = Conversation.objects.create(owner=stranger)
    say(other, "Theirs", None)
    say(conversation, "Mine", None)
    (turn,) = branch_of(conversation).turns
    assert (turn.message.content, turn.versions) == ("Mine", 1)


def test_what_is_not_shown_is_counted(conversation: Conversation) -> None:
    messages = line(conversation, 30)
    branch = branch_of(conversation, shown=4)
    assert [turn.message for turn in branch.turns] == messages[-4:]
    assert (branch.earlier, branch.length) == (26, 30)


def test_nothing_said_is_an_empty_branch(conversation: Conversation) -> None:
    branch = branch_of(conversation)
    assert (branch.turns, branch.length, branch.unfinished) == ([], 0, None)


def test_random_trees_are_read_as_walking_up_says(conversation: Conversation) -> None:
    chance = random.Random(7)  # noqa: S311 - a test, no secret
    messages: list[Message] = []
    for number in range(120):
        parent = chance.choice([None, *messages[-8:]]) if messages else None
        messages.append(say(conversation, str(number), parent))
    for leaf in chance.sample(messages, 25):
        conversation.active_leaf = leaf
        walked: list[Message] = []
        step: Message | None = leaf
        while step is not None:
            walked.insert(0, step)
            step = step.parent
        branch = branch_of(conversation, shown=10)
        assert [turn.message for turn in branch.turns] == walked[-10:]
        assert branch.length == len(walked)
        for turn in branch.turns:
            beside = [each.public_id for each in messages if each.parent_id == turn.message.parent_id]
            assert beside[turn.number - 1] == turn.message.public_id
            assert turn.versions == len(beside)


def test_reading_goes_on_with_the_newest_below_a_version(conversation: Conversation) -> None:
    question = say(conversation, "Question", None)
    answer = say(conversation, "Answer", question)
    say(conversation, "Other answer", question)
    last = say(conversation, "And then", answer)
    assert newest_leaf_below(answer) == last
    assert newest_leaf_below(last) == last


def test_ten_thousand_messages_cost_three_queries(
    conversation: Conversation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    line(conversation, 10_000)
    with django_assert_num_queries(3):
        branch = branch_of(conversation)
    assert (len(branch.turns), branch.length) == (200, 10_000)
