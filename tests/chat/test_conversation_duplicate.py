from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from chat.actions.duplicate import MOST_A_MINUTE, duplicate_conversation
from chat.actions.tag import add_tags
from chat.branches import branch_of
from chat.models import Attachment, Conversation, Message, Model
from tests.chat.test_message_stream import stored_answer

pytestmark = pytest.mark.django_db


def copy_of(client: Client, message: Message) -> Conversation:
    url = reverse("chat:conversation_duplicate", args=[message.conversation.public_id, message.public_id])
    assert client.post(url).status_code == 302
    return Conversation.objects.latest("pk")


def long_conversation(owner: User, turns: int) -> Message:
    conversation = Conversation.objects.create(owner=owner, title="Long")
    rows = Message.objects.bulk_create(
        Message(conversation=conversation, role=Message.Role.USER, content=f"Turn {number}") for number in range(turns)
    )
    keys = list(conversation.messages.order_by("pk").values_list("pk", flat=True))
    for key, parent in zip(keys[1:], keys, strict=False):
        Message.objects.filter(pk=key).update(parent_id=parent)
    assert len(rows) == turns
    return Message.objects.select_related("conversation").get(pk=keys[-1])


def test_the_branch_up_to_a_message_is_copied_and_nothing_else(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, content="Yes.", status=Message.Status.COMPLETE, cost="0.5", tokens_in=9)
    original = answer.conversation
    Conversation.objects.filter(pk=original.pk).update(
        system_text="Be brief.", parameters={"temperature": 0.3}, description="Why"
    )
    add_tags(actor=ana, conversation=original, names=["spring"])
    assert answer.parent is not None
    Attachment.objects.create(message=answer.parent, name="a.txt", content="words", size=5)
    other = Message.objects.create(
        conversation=original, parent=answer.parent, role=Message.Role.ASSISTANT, content="No."
    )
    Message.objects.create(conversation=original, parent=answer, role=Message.Role.USER, content="Later")
    Conversation.objects.filter(pk=original.pk).update(active_leaf=other)
    copy = copy_of(as_ana, answer)
    assert [turn.message.content for turn in branch_of(copy).turns] == ["Hello?", "Yes."]
    assert (copy.title, copy.system_text, copy.description) == ("Stored (copy)", "Be brief.", "Why")
    assert (copy.parameters, copy.message_count, copy.owner) == ({"temperature": 0.3}, 2, ana)
    assert [tag.name for tag in copy.tag_list] == ["spring"]
    assert [file.name for file in branch_of(copy).turns[0].message.attachments.all()] == ["a.txt"]
    # What was paid once is counted once.
    assert not copy.messages.filter(cost__isnull=False).exists()
    assert not copy.messages.filter(tokens_in__isnull=False).exists()
    original.refresh_from_db()
    assert (original.messages.count(), original.active_leaf) == (4, other)


def test_an_answer_being_written_is_copied_as_far_as_it_is(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, content="Half of", status=Message.Status.STREAMING)
    copy = copy_of(as_ana, answer)
    assert copy.active_leaf is not None
    assert (copy.active_leaf.status, copy.active_leaf.content) == (Message.Status.INTERRUPTED, "Half of")
    answer.refresh_from_db()
    assert answer.status == Message.Status.STREAMING


def test_five_thousand_messages_take_few_queries(ana: User) -> None:
    leaf = long_conversation(ana, 5000)
    with CaptureQueriesContext(connection) as queries:
        copy = duplicate_conversation(actor=ana, conversation=leaf.conversation, message=leaf)
    assert len(queries) < 100
    turns = branch_of(copy, shown=5000).turns
    assert [turn.message.content for turn in turns] == [f"Turn {number}" for number in range(5000)]


def test_many_in_a_short_time_are_refused(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, content="Yes.", status=Message.Status.COMPLETE)
    url = reverse("chat:conversation_duplicate", args=[answer.conversation.public_id, answer.public_id])
    for _ in range(MOST_A_MINUTE):
        as_ana.post(url)
    assert "Wait a minute" in as_ana.post(url, follow=True).content.decode()
    assert Conversation.objects.count() == 1 + MOST_A_MINUTE


def test_only_for_its_owner_and_by_the_right_conversation(
    as_ana: Client, as_stranger: Client, ana: User, good: Model
) -> None:
    answer = stored_answer(ana, good)
    other = stored_answer(ana, good)
    url = reverse("chat:conversation_duplicate", args=[answer.conversation.public_id, answer.public_id])
    assert as_stranger.post(url).status_code == 404
    assert as_ana.get(url).status_code == 405
    crossed = reverse("chat:conversation_duplicate", args=[answer.conversation.public_id, other.public_id])
    assert as_ana.post(crossed).status_code == 404
    assert Conversation.objects.count() == 2
