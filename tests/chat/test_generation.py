from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.urls import reverse
from django.utils import timezone

from chat import generation
from chat.actions.message import interrupt_orphans
from chat.actions.provider import update_provider
from chat.actions.provider_check import check_provider
from chat.fitting import Turn
from chat.llm import MAX_ANSWER_CHARACTERS
from chat.models import Message, Model, Provider
from chat.requests import chat_messages, request_for
from settings_store.models import AuditEvent
from tests.chat.model_server import ModelServer
from tests.chat.talk import Talk, address_of
from tests.fake_model_server import KEY

Status = Message.Status


async def test_an_answer_is_stored_with_its_counts_and_times(talk: Talk) -> None:
    answer = await talk.finished(await talk.send("Hello?"))
    assert (answer.status, answer.content, answer.error) == (Status.COMPLETE, "Hello, you.", "")
    assert (answer.tokens_in, answer.tokens_out, answer.model_name) == (7, 3, "good")
    assert answer.first_token_ms is not None
    assert answer.duration_ms is not None
    assert answer.first_token_ms <= answer.duration_ms
    assert answer.lease_until is None
    assert answer.finished_at is not None


@pytest.mark.parametrize(
    ("model", "status", "content", "words"),
    [
        ("busy", Status.FAILED, "", "too many requests"),
        ("broken", Status.FAILED, "", "fault of its own"),
        ("missing", Status.FAILED, "", "does not have this model"),
        ("too-long", Status.FAILED, "", "longer than this model can read"),
        ("redirect", Status.FAILED, "", "redirect"),
        ("wrong-type", Status.FAILED, "", "format"),
        ("nothing", Status.INTERRUPTED, "", "ended early"),
        ("cut", Status.INTERRUPTED, "Hello", "ended early"),
        ("cut-character", Status.INTERRUPTED, "Hello", "ended early"),
        ("broken-json", Status.FAILED, "Hello", "cannot be read"),
        ("error-event", Status.FAILED, "Hello", "fault of its own"),
        ("no-done", Status.COMPLETE, "Hello you", ""),
        ("nul", Status.COMPLETE, "ab\nc", ""),
        ("halves", Status.COMPLETE, "ok 😀 \ufffd!", ""),
    ],
)
async def test_each_misbehaviour_ends_in_a_state_and_a_sentence(
    talk: Talk, model: str, status: Message.Status, content: str, words: str
) -> None:
    answer = await talk.finished(await talk.send("Hello?", model))
    assert (answer.status, answer.content) == (status, content)
    assert words in answer.error
    assert bool(words) == bool(answer.error)
    assert "secret" not in answer.error


@pytest.mark.parametrize("model", ["echoed-key", "echoed-key-in-stream", "not-http"])
async def test_a_server_that_says_our_key_aloud_tells_nobody(
    talk: Talk, caplog: pytest.LogCaptureFixture, model: str
) -> None:
    begun = await talk.send("Hello?", model)
    answer = await talk.finished(begun)
    await sync_to_async(check_provider)(actor=None, provider=talk.provider)
    said = [str(record.msg) for record in caplog.records if "answer_failed" in str(record.msg)]
    assert said
    assert KEY not in caplog.text
    assert KEY not in f"{answer.error} {answer.content}"
    address = reverse("chat:conversation", args=[begun.conversation.public_id])
    assert KEY not in (await talk.client.get(address)).content.decode()
    async for event in AuditEvent.objects.all():
        assert KEY not in f"{event.before} {event.after}"


async def test_an_endless_answer_ends_at_its_bound(talk: Talk, model_server: ModelServer) -> None:
    answer = await talk.finished(await talk.send("Go on", "endless"))
    assert (answer.status, len(answer.content)) == (Status.COMPLETE, MAX_ANSWER_CHARACTERS)
    await asyncio.to_thread(model_server.wait_until_idle)


async def test_text_is_stored_while_it_comes(talk: Talk) -> None:
    answer = await talk.send("Count", "count-60-50ms")
    early = await talk.until(answer, lambda stored: len(stored.content) >= 1)
    assert early.status == Status.STREAMING
    assert early.content.startswith("0 ")
    await talk.until(answer, lambda stored: len(stored.content) >= len(early.content) + 10)


async def test_the_lease_is_renewed_while_it_is_written(talk: Talk) -> None:
    answer = await talk.send("Count", "count-60-50ms")
    first = await talk.until(answer, lambda stored: len(stored.content) >= 1)
    later = await talk.until(answer, lambda stored: len(stored.content) >= 60)
    assert first.lease_until is not None
    assert later.lease_until is not None
    assert later.lease_until > first.lease_until > timezone.now()


async def test_stop_keeps_what_there_is(talk: Talk, model_server: ModelServer) -> None:
    answer = await talk.send("Count", "count-1000-20ms")
    await talk.until(answer, lambda stored: len(stored.content) >= 1)
    assert (await talk.stop(answer)).status_code == 302
    answer = await talk.finished(answer)
    assert (answer.status, answer.error) == (Status.STOPPED, "")
    assert answer.content.startswith("0 ")
    await asyncio.to_thread(model_server.wait_until_idle)


async def test_stop_said_in_another_process_is_heard_within_a_second_or_so(talk: Talk) -> None:
    answer = await talk.send("Count", "count-1000-20ms")
    await Message.objects.filter(pk=answer.pk).aupdate(stop_requested=True)
    async with asyncio.timeout(2.5):
        assert (await talk.finished(answer)).status == Status.STOPPED


async def test_stop_before_the_first_word(talk: Talk) -> None:
    answer = await talk.send("Hello?", "silent")
    await talk.stop(answer)
    answer = await talk.finished(answer)
    assert (answer.status, answer.content) == (Status.STOPPED, "")


async def test_the_end_of_the_process_interrupts_and_keeps_the_text(talk: Talk) -> None:
    answer = await talk.send("Count", "count-1000-20ms")
    await talk.until(answer, lambda stored: len(stored.content) >= 1)
    await generation.finish_all(0)
    answer = await Message.objects.aget(pk=answer.pk)
    assert (answer.status, answer.lease_until) == (Status.INTERRUPTED, None)
    assert answer.content.startswith("0 ")


async def test_a_process_that_ends_lets_a_short_answer_finish(talk: Talk) -> None:
    answer = await talk.send("Count", "count-20-10ms")
    await generation.finish_all(5)
    answer = await Message.objects.aget(pk=answer.pk)
    assert (answer.status, answer.content.split()[-1]) == (Status.COMPLETE, "19")


async def test_an_answer_is_written_to_its_end_without_any_reader(talk: Talk, model_server: ModelServer) -> None:
    answer = await talk.send("Count", "count-20-10ms")
    stream = await talk.open(answer)
    assert (await anext(stream)).name == "body"
    await stream.aclose()
    await generation.finish_all(5)
    answer = await Message.objects.aget(pk=answer.pk)
    assert (answer.status, answer.content.split()[-1]) == (Status.COMPLETE, "19")
    await asyncio.to_thread(model_server.wait_until_idle)


async def test_only_answers_nobody_writes_any_more_are_interrupted(talk: Talk) -> None:
    alive = await talk.send("Count", "count-1000-20ms")
    gone = await talk.finished(await talk.send("Hello?"))
    late = timezone.now() - timedelta(seconds=1)
    await Message.objects.filter(pk=gone.pk).aupdate(status=Status.STREAMING, lease_until=late)
    assert await sync_to_async(interrupt_orphans)() == 1
    gone = await Message.objects.aget(pk=gone.pk)
    assert (gone.status, gone.content) == (Status.INTERRUPTED, "Hello, you.")
    assert (await Message.objects.aget(pk=alive.pk)).status in Message.UNFINISHED


async def test_the_model_is_asked_with_the_whole_branch(talk: Talk) -> None:
    first = await talk.send("One")
    await talk.finished(first)
    answer = await talk.send("Two", "echo", first.conversation)
    asked = json.loads((await talk.finished(answer)).content)
    assert asked["messages"] == [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Hello, you."},
        {"role": "user", "content": "Two"},
    ]
    assert asked["max_tokens"] == 2048
    assert asked["temperature"] == 0.7


def test_roles_alternate() -> None:
    turns = [Turn(1, "user", "a"), Turn(2, "assistant", "b"), Turn(3, "user", "c"), Turn(4, "user", "d")]
    assert chat_messages("Be brief.", turns) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c\n\nd"},
    ]


async def test_an_answer_cut_off_at_the_limit_says_so(talk: Talk) -> None:
    cut = await talk.send("Tell me everything", "at-the-limit")
    article = (await talk.follow(cut))[-1].data
    assert "Cut off at the longest answer (2,048 tokens)." in article
    assert "Try again" in article
    assert (await talk.finished(cut)).status == Message.Status.COMPLETE
    whole = await talk.send("Hello?", "good", cut.conversation)
    assert "Cut off" not in (await talk.follow(whole))[-1].data


async def again(talk: Talk, answer: Message) -> Message:
    """Press "try again" at this answer; the new one at its end."""
    assert (await talk.client.post(address_of(answer, "again"))).status_code == 302
    return await talk.finished(await Message.objects.select_related("conversation").alatest("pk"))


async def test_a_key_that_stopped_working_is_said_and_trying_again_works_with_a_new_one(talk: Talk) -> None:
    first = await talk.send("One")
    await talk.finished(first)
    await sync_to_async(set_key)(talk.provider, "revoked")
    answer = await talk.send("Two", conversation=first.conversation)
    failed = await talk.finished(answer)
    assert (failed.status, failed.error) == (Status.FAILED, "The model server does not accept our key.")
    await sync_to_async(set_key)(talk.provider, KEY)
    whole = await again(talk, answer)
    assert (whole.status, whole.content, whole.parent_id) == (Status.COMPLETE, "Hello, you.", failed.parent_id)


async def test_a_model_its_server_withdrew_is_said_and_trying_again_works_with_another(talk: Talk) -> None:
    first = await talk.send("One")
    await talk.finished(first)
    answer = await talk.send("Two", "missing", first.conversation)
    assert "does not have this model" in (await talk.finished(answer)).error
    await Model.objects.filter(provider=talk.provider, name="missing").aupdate(is_present=False)
    await Model.objects.filter(provider=talk.provider).exclude(name="good").aupdate(is_enabled=False)
    whole = await again(talk, answer)
    assert (whole.status, whole.model_name) == (Status.COMPLETE, "good")


async def test_a_model_deleted_while_somebody_writes_is_said(talk: Talk) -> None:
    answer = await talk.finished(await talk.send("One"))
    await Model.objects.filter(pk=answer.model_id or 0).adelete()
    answer = await Message.objects.select_related("conversation", "model").aget(pk=answer.pk)
    await Message.objects.filter(pk=answer.pk).aupdate(status=Status.PENDING)
    assert await sync_to_async(request_for)(answer) is None
    answer = await Message.objects.aget(pk=answer.pk)
    assert (answer.status, answer.error) == (Status.FAILED, "This model is no longer there.")


async def test_a_server_has_the_patience_that_was_set_for_it(talk: Talk) -> None:
    await Provider.objects.filter(pk=talk.provider.pk).aupdate(silence_seconds=1)
    answer = await talk.finished(await talk.send("Hello?", "stall"))
    assert (answer.status, answer.content) == (Status.FAILED, "Hello")
    assert "gone silent" in answer.error


async def test_a_server_that_finds_too_long_what_should_fit_is_told_apart(talk: Talk) -> None:
    answer = await talk.finished(await talk.send("Hello?", "too-long"))
    assert "have the context size of the model set at Models" in answer.error
    await Model.objects.filter(name="too-long").aupdate(context_tokens=8192)
    answer = await talk.finished(await talk.send("Hello?", "too-long"))
    assert "Set a smaller one" in answer.error


def set_key(provider: Provider, key: str) -> None:
    provider.refresh_from_db()
    update_provider(
        actor=None,
        provider=provider,
        name=provider.name,
        base_url=provider.base_url,
        key=key,
        allow_private=True,
    )
