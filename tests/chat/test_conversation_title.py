from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from chat.actions.conversation import rename_conversation, title_conversation
from chat.models import Conversation, Message, Model, Provider
from tests.chat.talk import Talk
from tests.chat.test_message_stream import stored_answer


def asking_for(conversation: Conversation, attempt: int | str) -> str:
    return f"{reverse('chat:conversation_title', args=[conversation.public_id])}?try={attempt}"


async def titled(talk: Talk, conversation: Conversation, attempt: int) -> str:
    async with asyncio.timeout(10):
        while True:
            page: str = (await talk.client.get(asking_for(conversation, attempt))).content.decode()
            if "Here it is:" in page:
                return page
            await asyncio.sleep(0.02)


async def test_a_page_that_followed_the_first_answer_gets_the_title_its_model_makes(
    talk: Talk, post: Callable[[], list[EmailMessage]]
) -> None:
    answer = await talk.send("Why do readings drop?", "slow-markdown")
    done = (await talk.follow(answer))[-1]
    assert f'hx-get="{asking_for(answer.conversation, 1)}"' in done.data
    await sync_to_async(post)()
    named = await titled(talk, answer.conversation, 1)
    assert '<h1 id="conversation-title" hx-swap-oob="true">Here it is:</h1>' in named
    assert f'<li id="entry-{answer.conversation.public_id}" hx-swap-oob="true">' in named
    assert "hx-get" not in named


async def test_later_answers_name_nothing(talk: Talk) -> None:
    first = await talk.send("One")
    await talk.finished(first)
    second = await talk.send("Two", conversation=first.conversation)
    assert "hx-get" not in (await talk.follow(second))[-1].data


@pytest.mark.parametrize("why", ["named by hand", "demo model", "failed"])
async def test_where_no_title_comes_none_is_asked_for(talk: Talk, why: str) -> None:
    if why == "demo model":
        await Provider.objects.aupdate(is_demo=True)
    answer = await talk.send("One", "broken" if why == "failed" else "count-20-50ms")
    if why == "named by hand":
        await Conversation.objects.aupdate(title_is_own=True)
    assert "hx-get" not in (await talk.follow(answer))[-1].data


@pytest.mark.django_db
def test_while_none_has_come_it_is_asked_for_a_few_times(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, status=Message.Status.COMPLETE, content="Hello.", finished_at=timezone.now())
    conversation = answer.conversation
    title_conversation(conversation=conversation, title="Hello?")
    asked, attempt = 0, 1
    while f"?try={attempt + 1}" in as_ana.get(asking_for(conversation, attempt)).content.decode():
        asked, attempt = asked + 1, attempt + 1
    assert 1 <= asked <= 5
    page_of_it = reverse("chat:conversation", args=[conversation.public_id])
    assert f'hx-get="{asking_for(conversation, 1)}"' in as_ana.get(page_of_it).content.decode()
    Message.objects.filter(pk=answer.pk).update(finished_at=timezone.now() - timedelta(hours=1))
    assert (
        reverse("chat:conversation_title", args=[conversation.public_id]) not in as_ana.get(page_of_it).content.decode()
    )
    rename_conversation(actor=ana, conversation=conversation, title="Mine <b>")
    page = as_ana.get(asking_for(conversation, 1)).content.decode()
    assert "Mine &lt;b&gt;</h1>" in page
    assert "hx-get" not in page


@pytest.mark.django_db
@pytest.mark.parametrize("attempt", ["", "0", "-1", "9" * 50, "x", "%00", "<b>"])
def test_odd_attempts_end_it(as_ana: Client, ana: User, good: Model, attempt: str) -> None:
    conversation = stored_answer(ana, good).conversation
    response = as_ana.get(asking_for(conversation, attempt))
    assert response.status_code == 200
    assert "hx-get" not in response.content.decode()


@pytest.mark.django_db
def test_only_for_its_owner_and_only_to_read(as_ana: Client, as_stranger: Client, ana: User, good: Model) -> None:
    url = asking_for(stored_answer(ana, good).conversation, 1)
    assert as_stranger.get(url).status_code == 404
    assert as_ana.post(url).status_code == 405
