from __future__ import annotations

import json
import time

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chat.actions.message import start_conversation
from chat.fitting import TOKENS_PER_TURN, TooLong, Turn, fitted, room_for, tokens_of
from chat.models import Attachment, Conversation, Message, Model
from chat.requests import AnswerRequest, request_for
from tests.chat.conftest import MakeModel
from tests.chat.talk import Talk

# A hundred tokens with what marks a turn.
HUNDRED = "x" * 336
USER, ASSISTANT = Message.Role.USER, Message.Role.ASSISTANT
PENDING = Message.Status.PENDING


def turns(number: int, **facts: int) -> list[Turn]:
    """Questions and answers of a hundred tokens each, a question last; `facts` belong to the last answer."""
    made = [Turn(each, USER if (number - each) % 2 == 0 else ASSISTANT, HUNDRED) for each in range(1, number + 1)]
    if facts:
        made[-2] = Turn(made[-2].pk, ASSISTANT, HUNDRED, **facts)
    return made


def long_conversation(owner: User, model: Model, length: int, text: str = HUNDRED) -> Message:
    """The pending answer at the end of a branch of `length` messages, the last of them a question."""
    conversation = Conversation.objects.create(owner=owner, model=model)
    first = conversation.pk * 100_000
    messages = [
        Message(
            pk=first + number,
            parent_id=first + number - 1 if number else None,
            conversation=conversation,
            role=ASSISTANT if (length - number) % 2 == 0 else USER,
            content=f"{number} {text}"[: len(text)],
        )
        for number in range(length)
    ]
    Message.objects.bulk_create(messages, batch_size=500)
    return Message.objects.create(
        pk=first + length, conversation=conversation, parent=messages[-1], role=ASSISTANT, status=PENDING, model=model
    )


def asked(answer: Message) -> AnswerRequest:
    request = request_for(Message.objects.select_related("conversation", "model__provider", "parent").get(pk=answer.pk))
    assert request is not None
    return request


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("abcdefg", 2), ("abcdefgh", 3), ("你好世界", 4), ("안녕", 2), ("ok 你好", 3), ("naïve é", 2)],
)
def test_tokens_are_estimated_by_characters(text: str, tokens: int) -> None:
    assert tokens_of(text) == tokens


def test_at_most_half_of_the_context_is_for_the_answer() -> None:
    assert room_for(8192, 2048) == (6144, 2048)
    assert room_for(2048, 4096) == (1024, 1024)
    assert room_for(1, 16) == (0, 1)


def test_all_turns_stay_where_they_fit() -> None:
    assert fitted(turns(5), system_text="", room=500) == 0
    assert fitted(turns(5), system_text="", room=None) == 0


def test_the_oldest_give_way_up_to_a_question() -> None:
    # Three would fit, the oldest of them an answer whose question is gone.
    assert [turn.role for turn in turns(6)] == [ASSISTANT, USER] * 3
    assert fitted(turns(5), system_text="", room=499) == 2
    assert fitted(turns(5), system_text="", room=299) == 4
    assert fitted(turns(6), system_text="", room=100) == 5


def test_the_system_text_stays_and_takes_its_room() -> None:
    assert fitted(turns(5), system_text=HUNDRED, room=500) == 2


def test_a_question_that_does_not_fit_alone_says_how_long_it_is() -> None:
    with pytest.raises(TooLong) as caught:
        fitted([Turn(1, USER, "x" * 35_000)], system_text="", room=2048)
    assert f"about {10_000 + TOKENS_PER_TURN:,} tokens" in caught.value.sentence
    assert "at most 2,048" in caught.value.sentence


def test_what_a_server_counted_outweighs_the_estimate() -> None:
    # The server counted 150 tokens for each hundred that were estimated, so of ten only six fit.
    assert fitted(turns(11, tokens_in=9 * 150), system_text="", room=1000) == 6
    assert fitted(turns(11), system_text="", room=1000) == 2
    # And half as many, so all do.
    assert fitted(turns(11, tokens_in=9 * 60), system_text="", room=1000) == 0


def test_a_count_is_compared_with_what_its_server_was_given() -> None:
    # It read from the eighth on: two turns, 300 tokens, half as much again as estimated.
    assert fitted(turns(11, tokens_in=300, read_from=8), system_text="", room=1000) == 6
    # Where older turns are not known here, an answer that read them all says nothing.
    assert fitted(turns(11, tokens_in=9000), system_text="", room=1000, whole=False) == 2


def test_the_answer_says_from_where_its_model_reads(ana: User, good: Model) -> None:
    Model.objects.filter(pk=good.pk).update(context_tokens=1000, parameters={"max_tokens": 500})
    answer = long_conversation(ana, good, 21)
    request = asked(answer)
    answer.refresh_from_db()
    assert answer.read_from is not None
    assert answer.read_from.content == request.messages[0]["content"]
    assert (len(request.messages), request.parameters["max_tokens"]) == (5, 500)
    Model.objects.filter(pk=good.pk).update(context_tokens=100_000)
    assert len(asked(answer).messages) == 21
    answer.refresh_from_db()
    assert answer.read_from is None


def test_what_is_too_long_by_itself_fails_in_words(ana: User, good: Model) -> None:
    Model.objects.filter(pk=good.pk).update(context_tokens=1000)
    good.refresh_from_db()
    answer = start_conversation(actor=ana, text="x" * 7000, model=good)
    assert request_for(answer) is None
    answer.refresh_from_db()
    assert answer.status == Message.Status.FAILED
    assert "about 2,004 tokens" in answer.error
    assert "at most 500" in answer.error


@pytest.mark.parametrize("context_tokens", [None, 8_192, 1_000_000])
def test_ten_thousand_messages_cost_as_many_queries_as_ten_and_little_time(
    ana: User, good: Model, context_tokens: int | None
) -> None:
    Model.objects.filter(pk=good.pk).update(context_tokens=context_tokens)
    counts = []
    for length in (11, 10_001):
        answer = long_conversation(ana, good, length)
        answer = Message.objects.select_related("conversation", "model__provider", "parent").get(pk=answer.pk)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            begun = time.perf_counter()
            request = request_for(answer)
            seconds = time.perf_counter() - begun
        assert request is not None
        assert request.messages[-1]["role"] == "user"
        # That older ones gave way is one more, and a constant one.
        counts.append(len([each for each in queries if not each["sql"].startswith("UPDATE")]))
    assert counts[0] == counts[1] <= 4
    assert seconds < 2


def test_files_go_with_their_message(ana: User, good: Model) -> None:
    answer = start_conversation(actor=ana, text="What is wrong here?", model=good)
    assert answer.parent is not None
    for name, content in (("a.py", "print(1)\n"), ("notes.md", "```\ncode\n```\n")):
        Attachment.objects.create(message=answer.parent, name=name, content=content, size=len(content))
    assert asked(answer).messages == [
        {
            "role": "user",
            "content": "a.py:\n```\nprint(1)\n```\n\nnotes.md:\n````\n```\ncode\n```\n````\n\nWhat is wrong here?",
        }
    ]


def test_files_of_a_whole_conversation_take_two_queries(ana: User, good: Model) -> None:
    answer = long_conversation(ana, good, 41)
    for message in answer.conversation.messages.filter(role=USER):
        Attachment.objects.create(message=message, name="a.txt", content="In the file", size=11)
    answer = Message.objects.select_related("conversation", "model__provider", "parent").get(pk=answer.pk)
    with CaptureQueriesContext(connection) as queries:
        request = request_for(answer)
    assert request is not None
    assert sum("In the file" in each["content"] for each in request.messages) == 21
    assert sum("chat_attachment" in each["sql"] for each in queries) == 2


def test_large_files_of_old_messages_are_not_even_loaded(ana: User, good: Model) -> None:
    Model.objects.filter(pk=good.pk).update(context_tokens=1000)
    answer = long_conversation(ana, good, 3, "Short.")
    oldest = answer.conversation.messages.order_by("pk")[0]
    Attachment.objects.create(message=oldest, name="a.txt", content="x" * 200_000, size=200_000)
    assert [each["role"] for each in asked(answer).messages] == ["user"]
    answer.refresh_from_db()
    assert answer.read_from_id == answer.parent_id


async def test_parameters_of_the_model_and_of_the_conversation_are_sent(talk: Talk, make_model: MakeModel) -> None:
    model = await sync_to_async(make_model)("echo")
    model.parameters = {"temperature": 1.5, "top_p": 0.5}
    await model.asave()
    first = await talk.send("One", "echo")
    await talk.finished(first)
    await Conversation.objects.filter(pk=first.conversation_id).aupdate(parameters={"temperature": 0.1})
    said = json.loads((await talk.finished(await talk.send("Two", "echo", first.conversation))).content)
    assert (said["temperature"], said["top_p"], said["max_tokens"]) == (0.1, 0.5, 2048)


async def test_a_prompt_says_who_asks(talk: Talk) -> None:
    first = await talk.send("One", "good")
    await talk.finished(first)
    await Conversation.objects.filter(pk=first.conversation_id).aupdate(system_text="You help {{name}}. {{nmae}}")
    said = json.loads((await talk.finished(await talk.send("Two", "echo", first.conversation))).content)
    assert said["messages"][0] == {"role": "system", "content": "You help Ana Ruiz. {{nmae}}"}
