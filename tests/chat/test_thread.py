"""What a thread shows beside the words: what the model no longer reads, and what all of it cost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from chat.models import Attachment, Conversation, Message, Model
from tests.chat.test_message_stream import stored_answer

pytestmark = pytest.mark.django_db


def lengthened(answer: Message, turns: int) -> list[Message]:
    """The branch below an answer, question and answer in turn."""
    said = []
    for number in range(turns):
        role = Message.Role.USER if number % 2 == 0 else Message.Role.ASSISTANT
        answer = Message.objects.create(
            conversation=answer.conversation, parent=answer, role=role, content=str(number), model=answer.model
        )
        said.append(answer)
    Conversation.objects.filter(pk=answer.conversation_id).update(active_leaf=answer)
    return said


def page_of(client: Client, message: Message, query: str = "") -> str:
    url = reverse("chat:conversation", args=[message.conversation.public_id])
    return client.get(f"{url}{query}").content.decode()


def test_what_the_newest_answer_left_out_is_said_above_what_it_read(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, status="complete", content="first")
    said = lengthened(answer, 4)
    assert "no longer reads" not in page_of(as_ana, answer)
    Message.objects.filter(pk=said[-1].pk).update(read_from=said[0])
    page = page_of(as_ana, answer)
    assert "The model no longer reads the 2 messages above" in page
    place = page.index("no longer reads")
    assert page.index(f"message-{answer.public_id}") < place < page.index(f"message-{said[0].public_id}")


def test_earlier_messages_are_counted_with_those_left_out(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, status="complete", content="first")
    said = lengthened(answer, 220)
    Message.objects.filter(pk=said[-1].pk).update(read_from=said[100])
    assert "no longer reads the 102 messages above" in page_of(as_ana, answer)
    # Where what was read begins before the page does, the page says so once that is shown.
    Message.objects.filter(pk=said[-1].pk).update(read_from=said[2])
    assert "no longer reads" not in page_of(as_ana, answer)
    assert "no longer reads the 4 messages above" in page_of(as_ana, answer, "?all")


def test_the_head_says_what_all_answers_cost(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, status="complete", content="first", cost=Decimal("0.0011"), tokens_in=7)
    assert "€0.0011</span>" in page_of(as_ana, answer)
    # Another version was paid for too; one whose cost is unknown adds nothing.
    for cost in (Decimal("0.0020"), None):
        Message.objects.create(
            conversation=answer.conversation, parent=answer.parent, role="assistant", content="again", cost=cost
        )
    assert "€0.0031" in page_of(as_ana, answer)


def test_files_of_many_messages_are_named_by_one_query(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, status="complete", content="first")
    with CaptureQueriesContext(connection) as few:
        page_of(as_ana, answer)
    said = lengthened(answer, 40)
    questions = [message for message in said if message.role == Message.Role.USER]
    Attachment.objects.bulk_create(
        Attachment(message=message, name=f"{number}.txt", content="x" * 1000, size=1000)
        for number, message in enumerate(questions)
    )
    with CaptureQueriesContext(connection) as many:
        page = page_of(as_ana, answer)
    assert page.count(".txt ") == 20
    assert len(many) == len(few)
    assert not any("xxxx" in str(query) for query in many)
