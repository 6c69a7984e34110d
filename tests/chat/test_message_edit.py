from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.forms.message import MAX_CHARACTERS
from chat.models import Attachment, Conversation, Message, Model
from tests.chat.talk import Talk, address_of
from tests.chat.test_message_stream import stored_answer


async def edit(talk: Talk, message: Message, text: str, **fields: object) -> Message:
    response = await talk.client.post(address_of(message, "edit"), {"message": text, **fields})
    assert response.status_code == 302, response.content.decode()
    return await Message.objects.select_related("conversation", "parent").alatest("pk")


async def asked(answer: Message) -> Message:
    return await Message.objects.select_related("conversation").aget(children=answer)


async def test_a_message_in_other_words_stands_beside_the_first_with_its_own_answer(talk: Talk) -> None:
    first = await talk.send("One")
    await talk.finished(first)
    question = await asked(first)
    second = await edit(talk, question, "Two")
    await talk.finished(second)
    assert second.parent is not None
    assert (second.parent.parent_id, second.parent.content) == (None, "Two")
    assert (await Message.objects.aget(pk=question.pk)).content == "One"
    page = (await talk.client.get(reverse("chat:conversation", args=[first.conversation.public_id]))).content.decode()
    assert "2/2" in page
    assert ">Two</div>" in page
    assert ">One</div>" not in page
    await talk.client.post(address_of(question, "show"))
    page = (await talk.client.get(reverse("chat:conversation", args=[first.conversation.public_id]))).content.decode()
    assert "1/2" in page
    assert ">One</div>" in page


async def test_the_model_hears_the_new_words_and_none_of_the_old_branch(talk: Talk) -> None:
    first = await talk.send("Old words", "echo")
    await talk.finished(first)
    told = (await talk.finished(await edit(talk, await asked(first), "New words"))).content
    assert "New words" in told
    assert "Old words" not in told


async def test_files_stay_where_they_are_not_taken_off(talk: Talk) -> None:
    first = await talk.send("One")
    await talk.finished(first)
    question = await asked(first)
    kept, _gone = [
        await Attachment.objects.acreate(message=question, name=name, content="text", size=4)
        for name in ("kept.txt", "gone.txt")
    ]
    second = await edit(talk, question, "Two", kept=[str(kept.public_id)])
    names = [file.name async for file in Attachment.objects.filter(message=second.parent)]
    assert names == ["kept.txt"]
    assert await Attachment.objects.filter(message=question).acount() == 2


async def test_not_while_it_is_being_answered_and_the_text_stays(talk: Talk) -> None:
    answer = await talk.send("Count", "count-1000-20ms")
    response = await talk.client.post(address_of(await asked(answer), "edit"), {"message": "Other words"})
    assert response.status_code == 409
    assert "Wait for the answer" in response.content.decode()
    assert "Other words</textarea>" in response.content.decode()
    assert await Message.objects.acount() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "sentence"), [("", "Write a message first."), ("a" * (MAX_CHARACTERS + 1), "too long")]
)
def test_what_cannot_be_sent_stays_in_the_box(as_ana: Client, ana: User, good: Model, text: str, sentence: str) -> None:
    question = stored_answer(ana, good, status="complete").parent
    assert question is not None
    response = as_ana.post(address_of(question, "edit"), {"message": text}, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert f"{text}</textarea>" in response.content.decode()
    assert "<html" not in response.content.decode()


@pytest.mark.django_db
def test_the_page_works_without_scripts_and_escapes(as_ana: Client, ana: User, good: Model) -> None:
    question = stored_answer(ana, good, status="complete").parent
    assert question is not None
    Message.objects.filter(pk=question.pk).update(content="</textarea><b>raw")
    page = as_ana.get(address_of(question, "edit")).content.decode()
    assert "&lt;/textarea&gt;&lt;b&gt;raw</textarea>" in page
    assert 'method="post"' in page


@pytest.mark.django_db
def test_an_answer_is_not_edited(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, status="complete", content="Mine")
    response = as_ana.post(address_of(answer, "edit"), {"message": "Yours"})
    assert response.status_code == 409
    assert "Only what you wrote yourself" in response.content.decode()
    assert Message.objects.count() == 2


@pytest.mark.django_db
def test_others_messages_do_not_exist_nor_by_way_of_ones_own_conversation(
    as_stranger: Client, ana: User, stranger: User, good: Model
) -> None:
    theirs = stored_answer(ana, good, status="complete").parent
    own = Conversation.objects.create(owner=stranger)
    assert theirs is not None
    for conversation in (theirs.conversation, own):
        url = reverse("chat:message_edit", args=[conversation.public_id, theirs.public_id])
        assert as_stranger.get(url).status_code == 404
        assert as_stranger.post(url, {"message": "Mine now"}).status_code == 404
    assert Message.objects.count() == 2
