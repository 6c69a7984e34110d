from __future__ import annotations

from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from chat import generation
from chat.actions.message import continue_answer
from chat.models import HealthSample, Message, Model
from chat.requests import request_for
from tests.chat.conftest import MakeModel
from tests.chat.talk import Talk


async def priced(make_model: MakeModel, name: str, price_in: str = "2", price_out: str = "10") -> Model:
    model = await sync_to_async(make_model)(name)
    model.price_in, model.price_out = Decimal(price_in), Decimal(price_out)
    await model.asave()
    return model


async def health(talk: Talk) -> tuple[int, int]:
    """How many calls of the server succeeded and failed."""
    samples = [sample async for sample in HealthSample.objects.filter(provider=talk.provider)]
    return sum(each.succeeded for each in samples), sum(each.failed for each in samples)


async def test_an_answer_costs_what_its_tokens_cost_at_its_end(talk: Talk, make_model: MakeModel) -> None:
    model = await priced(make_model, "good")
    answer = await talk.finished(await talk.send("Hello?"))
    # 7 tokens in and 3 out.
    assert answer.cost == Decimal("0.000044")
    model.price_in = Decimal(2000)
    await model.asave()
    await answer.arefresh_from_db()
    assert answer.cost == Decimal("0.000044")


async def test_nothing_is_made_up_where_a_price_or_a_count_is_not_known(talk: Talk, make_model: MakeModel) -> None:
    answer = await talk.finished(await talk.send("Hello?"))
    assert (answer.tokens_in, answer.cost) == (7, None)
    await priced(make_model, "no-done")
    answer = await talk.finished(await talk.send("Hello?", "no-done"))
    assert (answer.tokens_in, answer.cost) == (None, None)


async def test_a_count_beyond_all_measure_costs_no_answer_its_end(talk: Talk, make_model: MakeModel) -> None:
    await priced(make_model, "boastful", "60000", "60000")
    answer = await talk.finished(await talk.send("Hello?", "boastful"))
    assert (answer.status, answer.content, answer.cost) == (Message.Status.COMPLETE, "Hello", None)


async def test_what_goes_on_costs_both_parts(talk: Talk, make_model: MakeModel) -> None:
    model = await priced(make_model, "at-the-limit", "1", "1")
    begun = await talk.send("Everything", "at-the-limit")
    await talk.finished(begun)
    owner = await sync_to_async(lambda: begun.conversation.owner)()
    answer = await sync_to_async(continue_answer)(actor=owner, answer=begun, model=model)
    request = await sync_to_async(request_for)(answer)
    assert request is not None
    generation.start(request)
    assert (await talk.finished(begun)).cost == 2 * Decimal("0.002055")


async def test_a_model_that_is_gone_by_the_end_costs_nothing(talk: Talk) -> None:
    answer = await talk.send("Count", "count-20-10ms")
    await Model.objects.filter(name="count-20-10ms").adelete()
    answer = await talk.finished(answer)
    assert (answer.status, answer.cost) == (Message.Status.COMPLETE, None)


@pytest.mark.parametrize(
    ("model", "succeeded", "failed"),
    [("good", 1, 0), ("broken", 0, 1), ("cut", 0, 1), ("busy", 0, 1), ("too-long", 0, 0)],
)
async def test_each_end_is_counted_for_its_server(talk: Talk, model: str, succeeded: int, failed: int) -> None:
    before = await health(talk)
    await talk.finished(await talk.send("Hello?", model))
    # What is counted comes right behind the end, which is what a reader hears of.
    await generation.finish_all(5)
    after = await health(talk)
    assert (after[0] - before[0], after[1] - before[1]) == (succeeded, failed)
    await sync_to_async(connections.close_all)()


async def test_who_stops_before_the_first_word_says_nothing_about_the_server(talk: Talk) -> None:
    answer = await talk.send("Hello?", "silent")
    await talk.stop(answer)
    await talk.finished(answer)
    await generation.finish_all(5)
    assert await health(talk) == (0, 0)
