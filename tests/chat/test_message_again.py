from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.models import Conversation, Message, Model
from tests.chat.talk import Talk, address_of
from tests.chat.test_message_stream import stored_answer


async def test_another_version_stands_beside_the_first(talk: Talk) -> None:
    first = await talk.send("Hello?", "cut")
    await talk.finished(first)
    await Model.objects.filter(name="cut").aupdate(name="good")
    response = await talk.client.post(address_of(first, "again"))
    assert response.status_code == 302
    second = await Message.objects.select_related("conversation").alatest("pk")
    assert second.parent_id == first.parent_id
    assert (await talk.finished(second)).content == "Hello, you."
    page = (await talk.client.get(reverse("chat:conversation", args=[first.conversation.public_id]))).content.decode()
    assert "2/2" in page
    assert page.count('data-role="assistant"') == 1
    await talk.client.post(address_of(first, "show"))
    page = (await talk.client.get(reverse("chat:conversation", args=[first.conversation.public_id]))).content.decode()
    assert "1/2" in page
    assert "ended early" in page


async def test_showing_a_version_goes_on_to_its_newest_end(talk: Talk) -> None:
    first = await talk.send("One")
    await talk.finished(first)
    last = await talk.send("Two", conversation=first.conversation)
    await talk.finished(last)
    await talk.client.post(address_of(first, "again"))
    await talk.finished(await Message.objects.select_related("conversation").alatest("pk"))
    await talk.client.post(address_of(first, "show"))
    assert (await Conversation.objects.aget()).active_leaf_id == last.pk


async def test_not_while_it_is_being_answered(talk: Talk) -> None:
    answer = await talk.send("Count", "count-1000-20ms")
    response = await talk.client.post(address_of(answer, "again"))
    assert response.status_code == 409
    assert await Message.objects.acount() == 2


async def test_another_version_is_not_shown_meanwhile_so_that_it_can_be_stopped(talk: Talk) -> None:
    first = await talk.send("Hello?")
    await talk.finished(first)
    second = await talk.send("Count", "count-1000-20ms", first.conversation)
    response = await talk.client.post(address_of(first, "show"))
    assert response.status_code == 409
    assert "Wait for the answer" in response.content.decode()
    assert address_of(second, "stop") in response.content.decode()
    assert (await Conversation.objects.aget()).active_leaf_id == second.pk


@pytest.mark.django_db
def test_a_question_cannot_be_answered_like_this(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good)
    assert answer.parent is not None
    response = as_ana.post(address_of(answer.parent, "again"))
    assert response.status_code == 409
    assert "nothing to answer again" in response.content.decode()


@pytest.mark.django_db
def test_without_any_model_it_says_so(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good)
    Model.objects.update(is_enabled=False)
    response = as_ana.post(address_of(answer, "again"))
    assert response.status_code == 409
    assert "No model" in response.content.decode()
