from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.actions.prompt import create_prompt
from chat.forms.message import MAX_CHARACTERS
from chat.models import Conversation, Message, Model
from settings_store.models import Setting
from settings_store.store import refresh
from tests.chat.talk import Talk
from tests.factories import client_of, make_user

NEW = "/chat/messages"


async def test_first_message_begins_a_conversation_named_by_its_words(talk: Talk) -> None:
    text = "  Why do smart-meter readings\r\ndrop at midnight?  "
    answer = await talk.send(text, "count-20-50ms")
    conversation = await Conversation.objects.select_related("owner", "active_leaf").aget()
    question = await Message.objects.aget(role=Message.Role.USER)
    assert conversation.title == "Why do smart-meter readings"
    assert conversation.active_leaf == answer
    assert conversation.message_count == 2
    assert question.content == "Why do smart-meter readings\ndrop at midnight?"
    assert answer.parent_id == question.pk


async def test_a_message_follows_the_last_answer(talk: Talk) -> None:
    first = await talk.send("One")
    await talk.finished(first)
    second = await talk.send("Two", conversation=first.conversation)
    question = await Message.objects.aget(children=second)
    assert question.parent_id == first.pk


async def test_htmx_gets_the_two_bubbles_and_an_empty_composer(talk: Talk) -> None:
    first = await talk.send("One")
    await talk.finished(first)
    response = await talk.post("Two & more", "count-20-50ms", first.conversation, **{"HX-Request": "true"})
    body = response.content.decode()
    assert response.status_code == 200
    assert body.count("<article") == 2
    assert "Two &amp; more" in body
    assert "sse-connect" in body
    assert "Stop" in body
    # The composer names the model that answers now.
    assert 'id="model-in-use" hx-swap-oob="true">count-20-50ms ' in body
    assert 'hx-swap-oob="true"></textarea>' in body


async def test_one_answer_at_a_time_and_the_text_stays(talk: Talk) -> None:
    answer = await talk.send("Count", "count-1000-20ms")
    response = await talk.post("And another thing", "good", answer.conversation)
    assert response.status_code == 409
    assert "Wait for the answer" in response.content.decode()
    assert "And another thing</textarea>" in response.content.decode()
    assert await Message.objects.acount() == 2


async def test_what_was_in_the_way_is_gone_with_the_answer(talk: Talk) -> None:
    answer = await talk.send("Count", "count-20-50ms")
    early = await talk.post("And another thing", "good", answer.conversation, **{"HX-Request": "true"})
    busy = '<div id="composer-busy"><p class="error" role="alert">Wait for the answer'
    assert busy in early.content.decode()
    assert '<div hx-swap-oob="innerHTML:#composer-busy"></div>' in (await talk.follow(answer))[-1].data


@pytest.mark.django_db
def test_without_any_model_the_text_stays_and_nobody_is_told_to_choose(as_ana: Client) -> None:
    response = as_ana.post(NEW, {"message": "Hello?"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "No model is connected." in page
    assert "Choose a model." not in page
    assert "Hello?</textarea>" in page


async def test_the_prompt_is_kept_as_it_was(talk: Talk) -> None:
    prompt = await sync_to_async(create_prompt)(actor=None, name="Brief", content="Be brief.")
    url = reverse("chat:message_send")
    model = await Model.objects.acreate(provider=talk.provider, name="echo")
    await talk.client.post(url, {"message": "Hello?", "model": model.pk, "prompt": prompt.pk})
    answer = await Message.objects.select_related("conversation").alatest("pk")
    assert answer.conversation.system_text == "Be brief."
    assert '"content": "Be brief.", "role": "system"' in (await talk.finished(answer)).content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Write a message first."),
        (" \n ", "Write a message first."),
        ("a\0b", "characters that no text can have"),
        ("a" * (MAX_CHARACTERS + 1), "too long"),
        ("漢" * (MAX_CHARACTERS + 1), "100,001 of at most 100,000"),
    ],
)
def test_what_cannot_be_sent_stays_in_the_box(as_ana: Client, good: Model, text: str, sentence: str) -> None:
    response = as_ana.post(NEW, {"message": text, "model": good.pk})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Message.objects.exists()
    if text.startswith("a" * 1000):
        assert text in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["", "0", "x", "9" * 40, "1\0"])
def test_an_unknown_model_is_a_sentence(as_ana: Client, good: Model, model: str) -> None:
    response = as_ana.post(NEW, {"message": "Hello?", "model": model})
    assert response.status_code == 422
    assert "Hello?</textarea>" in response.content.decode()


@pytest.mark.django_db
def test_a_disabled_model_cannot_be_asked(as_ana: Client, good: Model) -> None:
    Model.objects.update(is_enabled=False)
    assert as_ana.post(NEW, {"message": "Hello?", "model": good.pk}).status_code == 422


@pytest.mark.django_db
def test_others_conversations_do_not_exist(as_stranger: Client, ana: User, good: Model) -> None:
    conversation = Conversation.objects.create(owner=ana, title="Private")
    url = reverse("chat:message_send", args=[conversation.public_id])
    assert as_stranger.post(url, {"message": "Hello?", "model": good.pk}).status_code == 404
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_who_may_not_chat_is_refused(client: Client, good: Model) -> None:
    viewer = client_of(make_user(role="viewer"))
    assert viewer.post(NEW, {"message": "Hello?", "model": good.pk}).status_code == 403
    assert client.post(NEW, {"message": "Hello?", "model": good.pk}).status_code == 302
    assert viewer.get("/chat/").status_code == 403


@pytest.mark.django_db
def test_only_posted_and_only_from_our_own_pages(as_ana: Client, ana: User, good: Model) -> None:
    assert as_ana.get(NEW).status_code == 405
    elsewhere = client_of(ana, enforce_csrf_checks=True)
    assert elsewhere.post(NEW, {"message": "Hello?", "model": good.pk}).status_code == 403


async def test_a_person_sends_so_many_a_minute(talk: Talk) -> None:
    await Setting.objects.acreate(key="chat.messages_per_minute", environment="production", version=1, value=1)
    await sync_to_async(refresh)()
    try:
        await talk.finished(await talk.send("One"))
        response = await talk.post("Two")
        assert response.status_code == 409
        assert "many messages in a short time" in response.content.decode()
        assert await Conversation.objects.acount() == 1
    finally:
        await Setting.objects.all().adelete()
        await sync_to_async(refresh)()
