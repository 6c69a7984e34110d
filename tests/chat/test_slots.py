from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chat import generation
from chat.actions.message import fail_answer, start_conversation, stop_answer
from chat.models import Message, Model, Provider
from chat.requests import request_for
from chat.slots import take_places
from settings_store.database import in_database
from tests.chat.talk import Talk

Status = Message.Status


@pytest.fixture
def two_at_once(good: Model) -> Model:
    return limited(good, 2)


def limited(model: Model, number: int | None) -> Model:
    Provider.objects.filter(pk=model.provider_id).update(parallel_limit=number)
    return Model.objects.select_related("provider").get(pk=model.pk)


def waiting(ana: User, model: Model, number: int) -> list[Message]:
    return [start_conversation(actor=ana, text="Hello?", model=model) for _each in range(number)]


def taken(model: Model, answers: list[Message]) -> list[int]:
    """Which of these answers got a place, by their order."""
    got = take_places(model.provider_id, [answer.pk for answer in answers])
    return [number for number, answer in enumerate(answers) if answer.pk in got]


def test_places_are_taken_in_order_and_no_more_than_there_are(ana: User, two_at_once: Model) -> None:
    answers = waiting(ana, two_at_once, 4)
    assert taken(two_at_once, answers[2:]) == []
    assert taken(two_at_once, answers) == [0, 1]
    assert taken(two_at_once, answers[2:]) == []
    fail_answer(answer=answers[1], sentence="Oh.")
    assert taken(two_at_once, answers[3:]) == []
    assert taken(two_at_once, answers[2:]) == [0]
    assert Message.objects.get(pk=answers[2].pk).asked_at is not None
    assert Message.objects.get(pk=answers[3].pk).asked_at is None


def test_places_of_a_process_that_died_are_free_when_its_leases_run_out(ana: User, two_at_once: Model) -> None:
    answers = waiting(ana, two_at_once, 4)
    assert taken(two_at_once, answers[:2]) == [0, 1]
    late = timezone.now() - timedelta(seconds=1)
    Message.objects.filter(pk__in=[answers[0].pk, answers[2].pk]).update(lease_until=late)
    # The first one's place is free, and the third, of the same process, waits no more.
    assert taken(two_at_once, answers[3:]) == [0]


def test_who_was_stopped_in_the_line_holds_up_nobody(ana: User, good: Model) -> None:
    answers = waiting(ana, limited(good, 1), 2)
    stop_answer(actor=ana, answer=answers[0])
    assert taken(good, answers[1:]) == [0]


def test_a_limit_that_is_lifted_lets_everybody_in(ana: User, good: Model) -> None:
    answers = waiting(ana, limited(good, 1), 3)
    assert taken(good, answers) == [0]
    limited(good, None)
    assert taken(good, answers[1:]) == [0, 1]


def test_who_waits_costs_one_look_and_takes_no_lock(ana: User, good: Model) -> None:
    answers = waiting(ana, limited(good, 1), 3)
    assert taken(good, answers) == [0]
    with CaptureQueriesContext(connection) as queries:
        assert taken(good, answers[1:]) == []
    assert len(queries) == 2
    assert not any("UPDATE" in each["sql"] for each in queries)


def test_without_a_limit_nothing_waits(ana: User, good: Model) -> None:
    answer = start_conversation(actor=ana, text="Hello?", model=good)
    assert answer.asked_at is not None
    request = request_for(answer)
    assert request is not None
    assert not request.waits


async def limit(talk: Talk, number: int) -> None:
    await Provider.objects.filter(pk=talk.provider.pk).aupdate(parallel_limit=number)


async def until_asked(talk: Talk, answer: Message) -> None:
    await talk.until(answer, lambda stored: stored.asked_at is not None)


async def test_no_more_answers_are_written_at_one_moment_than_the_server_takes(talk: Talk) -> None:
    await limit(talk, 2)
    answers = [await talk.send("Count", "count-10-20ms") for _each in range(6)]
    most = 0
    async with asyncio.timeout(20):
        while await Message.objects.filter(status__in=Message.UNFINISHED).aexists():
            at_once = await Message.objects.filter(status__in=Message.UNFINISHED, asked_at__isnull=False).acount()
            most = max(most, at_once)
            await asyncio.sleep(0.01)
    assert most == 2
    ended = [await Message.objects.aget(pk=answer.pk) for answer in answers]
    assert [answer.status for answer in ended] == [Status.COMPLETE] * 6
    assert ended == sorted(ended, key=lambda answer: answer.asked_at or timezone.now())


async def test_the_next_begins_when_one_is_stopped(talk: Talk) -> None:
    await limit(talk, 1)
    first = await talk.send("Count", "count-1000-20ms")
    await until_asked(talk, first)
    second = await talk.send("Hello?")
    assert (await Message.objects.aget(pk=second.pk)).asked_at is None
    await talk.stop(first)
    second = await talk.finished(second)
    assert (second.status, second.content) == (Status.COMPLETE, "Hello, you.")
    assert second.asked_at is not None
    assert second.asked_at > second.created_at


async def test_stop_works_while_it_waits(talk: Talk) -> None:
    await limit(talk, 1)
    first = await talk.send("Count", "count-1000-20ms")
    await until_asked(talk, first)
    second = await talk.send("Hello?")
    await talk.stop(second)
    second = await talk.finished(second)
    assert (second.status, second.content, second.asked_at) == (Status.STOPPED, "", None)
    assert (await Message.objects.aget(pk=first.pk)).is_unfinished


async def test_the_lease_is_kept_while_it_waits(talk: Talk) -> None:
    await limit(talk, 1)
    first = await talk.send("Count", "count-1000-20ms")
    await until_asked(talk, first)
    second = await talk.send("Hello?")
    begun = (await Message.objects.aget(pk=second.pk)).lease_until
    kept = await talk.until(second, lambda stored: stored.lease_until != begun)
    assert kept.status == Status.PENDING
    await generation.finish_all(0)
    assert (await Message.objects.aget(pk=second.pk)).status == Status.INTERRUPTED


async def test_of_many_who_ask_at_once_exactly_as_many_get_a_place(talk: Talk, ana: User, good: Model) -> None:
    model = await sync_to_async(limited)(good, 3)
    answers = await sync_to_async(waiting)(ana, model, 12)
    # Two threads ask, as two processes would, each for its own half.
    halves = (answers[::2], answers[1::2])
    got = await asyncio.gather(
        *(in_database(take_places, model.provider_id, [each.pk for each in half]) for half in halves * 4)
    )
    assert len({pk for some in got for pk in some}) == 3
    assert await Message.objects.filter(asked_at__isnull=False).acount() == 3
