from __future__ import annotations

import json

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError

from accounts.models import User
from chat import generation
from chat.actions.message import answer_again, continue_answer, fail_answer, send_message, start_conversation
from chat.llm import MAX_ANSWER_CHARACTERS
from chat.models import Message, Model
from chat.requests import GO_ON, request_for
from tests.chat.conftest import MakeModel
from tests.chat.talk import Talk, seen

Status = Message.Status


async def go_on(talk: Talk, ana: User, answer: Message, model: Model) -> Message:
    """Let the answer go on with this model, as the view does."""
    answer = await sync_to_async(continue_answer)(actor=ana, answer=answer, model=model)
    request = await sync_to_async(request_for)(answer)
    assert request is not None
    generation.start(request)
    return answer


async def stopped(talk: Talk) -> Message:
    """An answer that was stopped after its first words."""
    answer = await talk.send("Count", "count-1000-20ms")
    await talk.until(answer, lambda stored: bool(stored.content))
    await talk.stop(answer)
    await talk.finished(answer)
    return await Message.objects.select_related("conversation").aget(pk=answer.pk)


def ended(ana: User, model: Model, status: Message.Status, content: str = "Once upon", **facts: str) -> Message:
    answer = start_conversation(actor=ana, text="Tell me a story", model=model)
    Message.objects.filter(pk=answer.pk).update(status=status, content=content, lease_until=None, **facts)
    return Message.objects.select_related("conversation").get(pk=answer.pk)


async def test_a_stopped_answer_goes_on_behind_its_text(talk: Talk, ana: User, make_model: MakeModel) -> None:
    answer = await stopped(talk)
    before = answer.content
    assert before.startswith("0 ")
    good = await sync_to_async(make_model)("good")
    answer = await go_on(talk, ana, answer, good)
    events = await talk.follow(answer)
    assert (events[0].name, events[-1].name) == ("body", "done")
    assert seen(events).startswith(before)
    answer = await Message.objects.aget(pk=answer.pk)
    assert (answer.status, answer.error, answer.content) == (Status.COMPLETE, "", before + "Hello, you.")
    assert (answer.model_name, answer.stop_requested, answer.lease_until) == ("good", False, None)
    assert await Message.objects.filter(conversation=answer.conversation_id).acount() == 2


async def test_the_model_is_told_its_own_beginning(talk: Talk, ana: User, make_model: MakeModel) -> None:
    answer = await stopped(talk)
    before = answer.content
    await talk.finished(await go_on(talk, ana, answer, await sync_to_async(make_model)("echo")))
    said = (await Message.objects.aget(pk=answer.pk)).content
    assert json.loads(said.removeprefix(before))["messages"] == [
        {"role": "user", "content": "Count"},
        {"role": "assistant", "content": before},
        {"role": "user", "content": GO_ON},
    ]


async def test_what_both_parts_took_adds_up(talk: Talk, ana: User, make_model: MakeModel) -> None:
    answer = await talk.finished(await talk.send("Everything", "at-the-limit"))
    assert answer.cut_short
    assert (answer.tokens_in, answer.tokens_out) == (7, 2048)
    first_token, duration = answer.first_token_ms, answer.duration_ms
    answer = await Message.objects.select_related("conversation").aget(pk=answer.pk)
    answer = await talk.finished(await go_on(talk, ana, answer, await sync_to_async(make_model)("good")))
    assert (answer.tokens_in, answer.tokens_out, answer.cut_short) == (14, 2051, False)
    assert answer.first_token_ms == first_token
    assert answer.duration_ms is not None
    assert duration is not None
    assert answer.duration_ms >= duration


@pytest.mark.parametrize(
    ("model", "status", "more"),
    [("broken", Status.FAILED, ""), ("cut", Status.INTERRUPTED, "Hello"), ("missing", Status.FAILED, "")],
)
async def test_what_fails_while_it_goes_on_keeps_the_text_and_may_try_again(
    talk: Talk, ana: User, make_model: MakeModel, model: str, status: Message.Status, more: str
) -> None:
    answer = await stopped(talk)
    before = answer.content
    again = await talk.finished(await go_on(talk, ana, answer, await sync_to_async(make_model)(model)))
    assert (again.status, again.content) == (status, before + more)
    assert again.error
    answer = await Message.objects.select_related("conversation").aget(pk=answer.pk)
    again = await talk.finished(await go_on(talk, ana, answer, await sync_to_async(make_model)("good")))
    assert (again.status, again.error, again.content) == (Status.COMPLETE, "", before + more + "Hello, you.")


async def test_it_can_be_stopped_once_more(talk: Talk, ana: User, make_model: MakeModel) -> None:
    answer = await stopped(talk)
    before = answer.content
    answer = await go_on(talk, ana, answer, await sync_to_async(make_model)("count-1000-20ms"))
    await talk.until(answer, lambda stored: len(stored.content) > len(before))
    await talk.stop(answer)
    answer = await talk.finished(answer)
    assert answer.status == Status.STOPPED
    assert answer.content.startswith(before + "0 ")


@pytest.mark.parametrize("status", [Status.STOPPED, Status.INTERRUPTED, Status.FAILED])
def test_what_ended_early_is_pending_again(ana: User, good: Model, status: Message.Status) -> None:
    answer = continue_answer(actor=ana, answer=ended(ana, good, status, error="Why it ended."), model=good)
    answer.refresh_from_db()
    assert (answer.status, answer.content, answer.error) == (Status.PENDING, "Once upon", "")
    assert answer.finished_at is None
    assert answer.lease_until is not None
    assert answer.asked_at is not None


@pytest.mark.parametrize(
    ("status", "content"),
    [(Status.COMPLETE, "Once upon"), (Status.STOPPED, ""), (Status.STOPPED, "x" * MAX_ANSWER_CHARACTERS)],
)
def test_what_has_nothing_to_go_on_from_is_refused(
    ana: User, good: Model, status: Message.Status, content: str
) -> None:
    answer = ended(ana, good, status, content)
    with pytest.raises(ValidationError):
        continue_answer(actor=ana, answer=answer, model=good)
    answer.refresh_from_db()
    assert (answer.status, answer.content) == (status, content)


def test_a_question_does_not_go_on(ana: User, good: Model) -> None:
    answer = ended(ana, good, Status.STOPPED)
    assert answer.parent is not None
    with pytest.raises(ValidationError):
        continue_answer(actor=ana, answer=answer.parent, model=good)


def test_nothing_goes_on_behind_what_was_said_after_it(ana: User, good: Model) -> None:
    answer = ended(ana, good, Status.STOPPED)
    fail_answer(
        answer=send_message(actor=ana, conversation=answer.conversation, text="And then?", model=good), sentence="Oh."
    )
    with pytest.raises(ValidationError) as caught:
        continue_answer(actor=ana, answer=answer, model=good)
    assert "went on from here" in caught.value.messages[0]


def test_nothing_goes_on_while_another_answer_is_being_written(ana: User, good: Model) -> None:
    answer = ended(ana, good, Status.STOPPED)
    answer_again(actor=ana, answer=answer, model=good)
    with pytest.raises(ValidationError) as caught:
        continue_answer(actor=ana, answer=answer, model=good)
    assert caught.value.code == "busy"


def test_the_branch_that_goes_on_is_the_one_that_is_read(ana: User, good: Model) -> None:
    answer = ended(ana, good, Status.STOPPED)
    fail_answer(answer=answer_again(actor=ana, answer=answer, model=good), sentence="Oh.")
    continue_answer(actor=ana, answer=answer, model=good)
    answer.conversation.refresh_from_db()
    assert answer.conversation.active_leaf == answer
