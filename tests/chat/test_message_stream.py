from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from accounts import actions
from accounts.models import Session, Totp, User
from chat.models import Conversation, Message, Model, Provider
from rbac.models import Assignment
from tests.chat.talk import Talk, address_of, seen
from tests.factories import make_user, role_named
from tests.fake_model_server import MARKDOWN

Status = Message.Status


def stored_answer(owner: User, model: Model, **fields: object) -> Message:
    """An answer that some other process has written, or is writing."""
    conversation = Conversation.objects.create(owner=owner, title="Stored", model=model)
    question = Message.objects.create(conversation=conversation, role=Message.Role.USER, content="Hello?")
    answer = Message.objects.create(
        conversation=conversation,
        parent=question,
        role=Message.Role.ASSISTANT,
        model=model,
        model_name=model.name,
        **fields,
    )
    Conversation.objects.filter(pk=conversation.pk).update(active_leaf=answer)
    return answer


async def test_text_comes_as_it_is_written_and_ends_with_the_whole_article(talk: Talk) -> None:
    answer = await talk.send("Count", "count-20-50ms")
    events = await talk.follow(answer)
    assert events[0].name == "body"
    assert len([event for event in events if event.name == "text"]) > 5
    assert events[-1].name == "done"
    assert 'data-status="complete"' in events[-1].data
    assert 'id="send-or-stop"' in events[-1].data
    assert seen(events[:-1]).split() == [str(number) for number in range(20)]
    assert events[-1].position == len((await Message.objects.aget(pk=answer.pk)).content)


async def test_a_reader_who_comes_later_gets_all_of_it(talk: Talk) -> None:
    answer = await talk.send("Count", "count-20-50ms")
    first = await talk.open(answer)
    before = [await anext(first) for _ in range(5)]
    await first.aclose()
    events = await talk.follow(answer)
    assert events[0].name == "body"
    assert len(seen(events[:1])) >= len(seen(before))
    assert seen(events[:-1]).split() == [str(number) for number in range(20)]


async def test_many_readers_see_the_same(talk: Talk) -> None:
    answer = await talk.send("Count", "count-20-50ms")
    everyone = await asyncio.gather(*(talk.follow(answer) for _ in range(10)))
    assert len({seen(events[:-1]) for events in everyone}) == 1


async def test_finished_blocks_become_html_and_nothing_is_lost_or_twice(talk: Talk) -> None:
    answer = await talk.send("Show me", "slow-markdown")
    events = await talk.follow(answer)
    shown = seen(events[:-1])
    for words in ("Here it is:", "print('hi')", "one", "two", "<script>alert(1)</script>", "End."):
        assert shown.count(words) == 1
    assert any('<figure class="code">' in event.data for event in events if event.name == "block")
    assert all("<script" not in event.data for event in events)
    assert (await Message.objects.aget(pk=answer.pk)).content == MARKDOWN


async def test_code_looks_like_code_before_it_is_whole(talk: Talk) -> None:
    answer = await talk.send("Show me", "slow-markdown")
    shown = ""
    async for event in await talk.open(answer):
        shown += event.data
        if "print" in shown:
            break
    assert '<span class="code-begun">python</span>' in shown
    assert "```python\n" not in shown.rpartition("hx-swap-oob")[2]
    page = reverse("chat:conversation", args=[answer.conversation.public_id])
    assert "<script>alert(1)" not in (await talk.client.get(page)).content.decode()


async def test_an_answer_written_by_another_process_is_followed(talk: Talk, ana: User, good: Model) -> None:
    lease = timezone.now() + timedelta(seconds=60)
    answer = await asyncio.to_thread(stored_answer, ana, good, status=Status.PENDING, lease_until=lease)
    stream = await talk.open(answer)
    rows = Message.objects.filter(pk=answer.pk)
    await rows.aupdate(status=Status.STREAMING, content="It is")
    events = [await anext(stream)]
    await rows.aupdate(content="It is <b>so</b>.")
    events.append(await anext(stream))
    await rows.aupdate(status=Status.COMPLETE, content="It is <b>so</b>. Done.", lease_until=None)
    async with asyncio.timeout(5):
        events += [event async for event in stream]
    assert seen(events[:-1]) == "It is <b>so</b>. Done."
    assert events[-1].name == "done"


async def test_a_conversation_deleted_for_good_ends_its_stream(talk: Talk, ana: User, good: Model) -> None:
    lease = timezone.now() + timedelta(seconds=60)
    answer = await asyncio.to_thread(
        stored_answer, ana, good, status=Status.STREAMING, content="Half", lease_until=lease
    )
    stream = await talk.open(answer)
    first = await anext(stream)
    await Conversation.objects.filter(pk=answer.conversation_id).aupdate(active_leaf=None)
    await Conversation.objects.filter(pk=answer.conversation_id).adelete()
    async with asyncio.timeout(5):
        rest = [event async for event in stream]
    assert "Half" in first.data
    assert [(event.name, event.data) for event in rest] == [("done", "")]


async def test_an_answer_whose_process_is_gone_ends_as_interrupted(talk: Talk, ana: User, good: Model) -> None:
    lease = timezone.now() - timedelta(seconds=1)
    answer = await asyncio.to_thread(
        stored_answer, ana, good, status=Status.STREAMING, content="Half a", lease_until=lease
    )
    events = await talk.follow(answer)
    assert [event.name for event in events] == ["body", "done"]
    assert 'data-status="interrupted"' in events[-1].data
    assert "Try again" in events[-1].data
    assert "Half a" in events[-1].data


async def test_a_finished_answer_is_told_at_once(talk: Talk) -> None:
    answer = await talk.send("Hello?")
    await talk.finished(answer)
    events = await talk.follow(answer)
    assert [event.name for event in events] == ["body", "done"]


SHUT_OUT = ("session revoked", "deactivated", "role taken away", "role run out", "password changed", "factors reset")


@pytest.mark.parametrize("how", SHUT_OUT)
async def test_the_stream_of_somebody_shut_out_is_cut_within_two_seconds(talk: Talk, ana: User, how: str) -> None:
    answer = await talk.send("Count", "count-1000-20ms")
    stream = await talk.open(answer)
    await anext(stream)
    if how == "session revoked":
        await Session.objects.filter(user=ana).adelete()
    elif how == "deactivated":
        await User.objects.filter(pk=ana.pk).aupdate(is_active=False)
    elif how == "password changed":
        await sync_to_async(actions.change_password)(actor=ana, user=ana, password="seven herons on a wire")
    elif how == "factors reset":
        await Totp.objects.acreate(user=ana, sealed_secret=b"")
        await sync_to_async(actions.reset_factors)(actor=None, user=ana, reason="lost phone")
    elif how == "role run out":
        await Assignment.objects.filter(user=ana).aupdate(ends_at=timezone.now())
    else:
        await Assignment.objects.filter(user=ana).aupdate(is_active=False)
    async with asyncio.timeout(2):
        events = [event async for event in stream]
    assert events[-1].name == "done"
    assert "no longer signed in" in events[-1].data
    assert "data-role" not in events[-1].data


async def acting_as(person: User) -> tuple[User, Talk]:
    """An admin who acts as somebody, in a browser of their own."""
    admin = await sync_to_async(make_user)(role="admin")
    client = AsyncClient()
    await client.aforce_login(admin)
    await Session.objects.filter(user=admin).aupdate(acting_as=person, acting_since=timezone.now())
    return admin, Talk(client, await Provider.objects.aget())


@pytest.mark.parametrize("how", ["left", "right taken away", "person risen", "an hour", "admin deactivated"])
async def test_the_stream_of_whoever_acts_as_somebody_is_cut_within_two_seconds(
    talk: Talk, ana: User, how: str
) -> None:
    answer = await talk.send("Count", "count-1000-20ms")
    admin, theirs = await acting_as(ana)
    stream, own = await theirs.open(answer), await talk.open(answer)
    assert (await anext(stream)).name == (await anext(own)).name == "body"
    match how:
        case "left":
            await Session.objects.filter(user=admin).aupdate(acting_as=None, acting_since=None)
        case "right taken away":
            await Assignment.objects.filter(user=admin).aupdate(role=await sync_to_async(role_named)("manager"))
        case "person risen":
            await Assignment.objects.acreate(user=ana, role=await sync_to_async(role_named)("admin"))
        case "an hour":
            long_ago = timezone.now() - timedelta(minutes=60)
            await Session.objects.filter(user=admin).aupdate(acting_since=long_ago)
        case "admin deactivated":
            await User.objects.filter(pk=admin.pk).aupdate(is_active=False)
    async with asyncio.timeout(2):
        events = [event async for event in stream]
    assert events[-1].name == "done"
    assert "data-role" not in events[-1].data
    # What the person reads themselves goes on.
    assert (await anext(own)).name == "text"
    await own.aclose()


async def test_whoever_acts_as_somebody_reads_what_that_person_may(talk: Talk, ana: User, stranger: User) -> None:
    answer = await talk.send("Count", "count-20-50ms")
    _admin, theirs = await acting_as(stranger)
    assert (await theirs.client.get(address_of(answer, "stream"))).status_code == 404
    _admin, theirs = await acting_as(ana)
    assert seen((await theirs.follow(answer))[:-1]).split() == [str(number) for number in range(20)]


@pytest.mark.django_db
def test_strangers_messages_do_not_exist(as_stranger: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, content="Private")
    for name in ("stream", "stop", "again", "show"):
        url = address_of(answer, name)
        assert (as_stranger.get(url) if name == "stream" else as_stranger.post(url)).status_code == 404


@pytest.mark.django_db
def test_a_message_is_looked_for_in_its_own_conversation_only(as_ana: Client, ana: User, good: Model) -> None:
    one, other = stored_answer(ana, good), stored_answer(ana, good)
    url = reverse("chat:message_stream", args=[one.conversation.public_id, other.public_id])
    assert as_ana.get(url).status_code == 404
    assert as_ana.get(address_of(one.parent, "stream")).status_code == 404  # type: ignore[arg-type]


@pytest.mark.django_db
def test_streams_are_only_read_and_only_by_people_signed_in(
    client: Client, as_ana: Client, ana: User, good: Model
) -> None:
    answer = stored_answer(ana, good)
    assert as_ana.post(address_of(answer, "stream")).status_code == 405
    for name in ("stop", "again", "show"):
        assert as_ana.get(address_of(answer, name)).status_code == 405
    assert client.get(address_of(answer, "stream")).status_code == 302


@pytest.mark.django_db
def test_only_who_reads_a_stream_opens_it(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, status=Message.Status.PENDING)
    assert as_ana.head(address_of(answer, "stream")).status_code == 405
