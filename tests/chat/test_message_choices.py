"""Model, prompt and parameters of a conversation, as its composer sets them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.actions.prompt import create_prompt, update_prompt
from chat.models import Conversation, Message, Model, SystemPrompt
from chat.templatetags.chat import money
from tests.chat.talk import Talk, address_of
from tests.chat.test_message_stream import stored_answer
from tests.factories import make_user

NEW = "/chat/messages"


async def send(talk: Talk, conversation: Conversation | None = None, **fields: object) -> Message:
    model, _created = await Model.objects.aget_or_create(provider=talk.provider, name="echo")
    url = reverse("chat:message_send", args=[conversation.public_id]) if conversation else NEW
    response = await talk.client.post(url, {"message": "Hello?", "model": model.pk, **fields})
    assert response.status_code == 302, response.content.decode()
    answer = await Message.objects.select_related("conversation").alatest("pk")
    await talk.finished(answer)
    return await Message.objects.select_related("conversation__system_prompt").aget(pk=answer.pk)


def told(answer: Message) -> dict[str, object]:
    found: dict[str, object] = json.loads(answer.content[answer.content.index("{") :])
    return found


async def test_parameters_hold_from_the_message_they_come_with(talk: Talk) -> None:
    first = await send(talk, temperature="0.3", top_p="", max_tokens="500")
    assert first.conversation.parameters == {"temperature": 0.3, "max_tokens": 500}
    assert '"temperature": 0.3' in first.content
    # A message that says nothing about them leaves them as they are; one that empties them takes them back.
    second = await send(talk, first.conversation)
    assert second.conversation.parameters == {"temperature": 0.3, "max_tokens": 500}
    third = await send(talk, first.conversation, temperature="", top_p="", max_tokens="")
    assert third.conversation.parameters == {}
    page = (await talk.client.get(reverse("chat:conversation", args=[first.conversation.public_id]))).content.decode()
    assert "temperature 0.3" not in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("temperature", "2.1", "Temperature: Ensure this value is less than or equal to 2."),
        ("temperature", "hot", "Temperature: Enter a number."),
        ("top_p", "0", "Top P: Ensure this value is greater than or equal to 0.01."),
        ("max_tokens", "1e9", "Longest answer: Enter a whole number."),
    ],
)
def test_what_is_out_of_bounds_is_a_sentence_and_the_text_stays(
    as_ana: Client, good: Model, field: str, value: str, sentence: str
) -> None:
    response = as_ana.post(NEW, {"message": "Hello?", "model": good.pk, field: value})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert "Hello?</textarea>" in response.content.decode()


async def test_a_conversation_keeps_its_version_until_it_is_asked_for_the_newest(talk: Talk) -> None:
    prompt = await sync_to_async(create_prompt)(actor=None, name="Brief", content="Be brief.")
    first = await send(talk, prompt=prompt.pk)
    chief = await sync_to_async(make_user)(role="admin")
    await sync_to_async(update_prompt)(
        actor=chief, prompt=prompt, name="Brief", description="", content="Be very brief.", note=""
    )
    second = await send(talk, first.conversation, prompt=prompt.pk)
    assert '"Be brief."' in second.content
    page = (await talk.client.get(reverse("chat:conversation", args=[first.conversation.public_id]))).content.decode()
    assert "Begun with version 1; version 2 is there." in page
    third = await send(talk, first.conversation, prompt=prompt.pk, newest="on")
    assert '"Be very brief."' in third.content
    assert third.conversation.prompt_version == 2


async def test_a_message_that_is_refused_changes_no_prompt(talk: Talk) -> None:
    one, other = [
        await sync_to_async(create_prompt)(actor=None, name=name, content=f"You are {name}.") for name in ("A", "B")
    ]
    first = await send(talk, prompt=one.pk)
    await talk.send("Wait", "stall", first.conversation)
    url = reverse("chat:message_send", args=[first.conversation.public_id])
    model = await Model.objects.aget(name="echo")
    refused = await talk.client.post(url, {"message": "Hello?", "model": model.pk, "prompt": other.pk})
    assert refused.status_code == 409
    assert (await Conversation.objects.aget(pk=first.conversation.pk)).system_text == "You are A."


async def test_another_prompt_or_none_holds_from_the_next_message_on(talk: Talk) -> None:
    one, other = [
        await sync_to_async(create_prompt)(actor=None, name=name, content=f"You are {name}.") for name in ("A", "B")
    ]
    await SystemPrompt.objects.filter(pk=one.pk).aupdate(default_mark=None)
    await SystemPrompt.objects.filter(pk=other.pk).aupdate(default_mark=True)
    first = await send(talk, prompt=other.pk)
    # One that others may use is not there for this person.
    await SystemPrompt.objects.filter(pk=one.pk).aupdate(is_deleted=True)
    url = reverse("chat:message_send", args=[first.conversation.public_id])
    model = await Model.objects.aget(name="echo")
    refused = await talk.client.post(url, {"message": "Hello?", "model": model.pk, "prompt": one.pk})
    assert refused.status_code == 422
    assert "This prompt is not there any more" in refused.content.decode()
    # And what a conversation is held under stays, also when it is withdrawn.
    await SystemPrompt.objects.filter(pk=other.pk).aupdate(is_deleted=True)
    assert '"You are B."' in (await send(talk, first.conversation, prompt=other.pk)).content
    without = await send(talk, first.conversation, prompt="")
    assert '"role": "system"' not in without.content
    assert without.conversation.system_prompt is None


@pytest.mark.django_db
def test_a_model_withdrawn_in_mid_conversation_is_a_sentence_and_a_choice(
    as_ana: Client, ana: User, good: Model
) -> None:
    answer = stored_answer(ana, good, status="complete", content="Yes.")
    Model.objects.create(provider=good.provider, name="other", label="Other")
    Model.objects.filter(pk=good.pk).update(is_enabled=False, label="Good")
    url = reverse("chat:conversation", args=[answer.conversation.public_id])
    assert "Good is not there for you any more. Other answers from now on" in as_ana.get(url).content.decode()
    send_url = reverse("chat:message_send", args=[answer.conversation.public_id])
    response = as_ana.post(send_url, {"message": "More", "model": good.pk})
    assert response.status_code == 422
    assert "This model is not there any more. Choose another." in response.content.decode()
    assert "More</textarea>" in response.content.decode()
    Model.objects.update(is_enabled=False)
    page = as_ana.get(url)
    assert page.status_code == 200
    assert "Good is not there for you any more." in page.content.decode()
    assert as_ana.post(address_of(answer, "continue")).status_code == 409


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (None, ""),
        (Decimal(0), "€0.00"),
        (Decimal("0.00310000"), "€0.0031"),
        (Decimal("0.02049750"), "€0.02"),
        (Decimal("0.00000012"), "€0.00000012"),
        (Decimal("0.42000000"), "€0.42"),
        (Decimal("12.34567890"), "€12.35"),
    ],
)
def test_money_is_written_as_people_do(db: None, amount: Decimal | None, written: str) -> None:
    assert money(amount) == written
