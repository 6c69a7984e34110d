from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from chat.actions.conversation import delete_conversation
from chat.actions.message import first_words
from chat.models import Conversation, Message, Model, Provider
from settings_store.models import AuditEvent
from tests.chat.talk import address_of
from tests.chat.test_message_stream import stored_answer
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


def page_of(conversation: Conversation) -> str:
    return reverse("chat:conversation", args=[conversation.public_id])


def test_a_page_shows_the_branch_and_escapes_what_people_write(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, content="It is **bold** <b>raw</b>", status=Message.Status.COMPLETE)
    Message.objects.filter(children=answer).update(content="<script>alert(1)</script>")
    page = as_ana.get(page_of(answer.conversation)).content.decode()
    assert "<strong>bold</strong> &lt;b&gt;raw&lt;/b&gt;" in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'data-role="user"' in page
    assert 'data-role="assistant" data-status="complete"' in page
    assert ">Send</button>" in page.replace("\n", "")


def test_an_answer_in_the_middle_shows_what_there_is_and_follows_the_rest(
    as_ana: Client, ana: User, good: Model
) -> None:
    lease = timezone.now() + timedelta(seconds=60)
    text = "A block.\n\nThe *rest"
    answer = stored_answer(ana, good, content=text, status=Message.Status.STREAMING, lease_until=lease)
    page = as_ana.get(page_of(answer.conversation)).content.decode()
    assert "<p>A block.</p>" in page
    assert ">The *rest</div>" in page
    assert f'sse-connect="{address_of(answer, "stream")}"' in page
    assert " Stop</button>" in page
    assert 'http-equiv="refresh"' in page


def test_an_orphan_is_interrupted_by_whoever_looks(as_ana: Client, ana: User, good: Model) -> None:
    lease = timezone.now() - timedelta(seconds=1)
    answer = stored_answer(ana, good, content="Half", status=Message.Status.STREAMING, lease_until=lease)
    page = as_ana.get(page_of(answer.conversation)).content.decode()
    assert 'data-status="interrupted"' in page
    assert "Try again" in page


def test_a_page_takes_no_more_queries_for_more_messages(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, content="One", status=Message.Status.COMPLETE)
    conversation = answer.conversation
    as_ana.get(page_of(conversation))
    with CaptureQueriesContext(
        connection,
    ) as few:
        as_ana.get(page_of(conversation))
    for number in range(30):
        answer = Message.objects.create(
            conversation=conversation,
            parent=answer,
            role=Message.Role.USER if number % 2 == 0 else Message.Role.ASSISTANT,
            content=str(number),
            model=good,
        )
        stored_answer(ana, good)
    Conversation.objects.filter(pk=conversation.pk).update(active_leaf=answer)
    with CaptureQueriesContext(connection) as many:
        page = as_ana.get(page_of(conversation)).content.decode()
    assert page.count("<article") == 32
    assert len(many) == len(few) <= 12, [query["sql"] for query in many]


def test_very_long_conversations_show_their_end_first(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, content="first", status=Message.Status.COMPLETE)
    for number in range(220):
        answer = Message.objects.create(
            conversation=answer.conversation, parent=answer, role=Message.Role.USER, content=f"number {number}"
        )
    Conversation.objects.update(active_leaf=answer)
    url = page_of(answer.conversation)
    page = as_ana.get(url).content.decode()
    assert page.count("<article") == 200
    assert "Show 22 earlier messages" in page
    assert as_ana.get(f"{url}?all").content.decode().count("<article") == 222


@pytest.mark.schema  # the full text of MariaDB is of what is committed
def test_the_list_is_grouped_and_searched(as_ana: Client, ana: User, stranger: User) -> None:
    now = timezone.now()
    for title, days, pinned in (("Pinned one", 40, True), ("Of now", 0, False), ("Of old", 40, False)):
        Conversation.objects.create(
            owner=ana, title=title, is_pinned=pinned, last_message_at=now - timedelta(days=days)
        )
    Conversation.objects.create(owner=stranger, title="Of a stranger")
    page = as_ana.get("/chat/").content.decode()
    assert page.index("Pinned one") < page.index("Of now") < page.index("Of old")
    assert "Of a stranger" not in page
    page = as_ana.get("/chat/", {"q": "OLD"}).content.decode()
    assert "Of old" in page
    assert "Of now" not in page
    assert as_ana.get("/chat/", {"q": "\0%_'"}).status_code == 200


def test_others_and_deleted_ones_do_not_exist(as_ana: Client, as_stranger: Client, ana: User) -> None:
    conversation = Conversation.objects.create(owner=ana, title="Private")
    names = ("conversation", "conversation_rename")
    for name in names:
        assert as_stranger.get(reverse(f"chat:{name}", args=[conversation.public_id])).status_code == 404
    for name in ("conversation_rename", "conversation_pin", "conversation_delete", "conversation_restore"):
        assert as_stranger.post(reverse(f"chat:{name}", args=[conversation.public_id])).status_code == 404
    delete_conversation(actor=ana, conversation=conversation)
    assert as_ana.get(page_of(conversation)).status_code == 404
    # Not even to an admin under this address: reading others' conversations is another page, and noted.
    assert client_of(make_user(role="admin")).get(page_of(conversation)).status_code == 404


def test_renaming(as_ana: Client, ana: User) -> None:
    conversation = Conversation.objects.create(owner=ana, title="Before")
    url = reverse("chat:conversation_rename", args=[conversation.public_id])
    assert "Before" in as_ana.get(url).content.decode()
    assert as_ana.post(url, {"title": "  After\n it "}).status_code == 302
    conversation.refresh_from_db()
    assert (conversation.title, conversation.title_is_own) == ("After it", True)
    for bad in ("", " ", "x" * 201, "a\0"):
        assert as_ana.post(url, {"title": bad}).status_code == 422
    assert as_ana.post(url).status_code == 422
    assert Conversation.objects.get().title == "After it"


def test_pinning_and_unpinning(as_ana: Client, ana: User) -> None:
    conversation = Conversation.objects.create(owner=ana, title="One")
    url = reverse("chat:conversation_pin", args=[conversation.public_id])
    for word, pinned in (("yes", True), ("no", False)):
        as_ana.post(url, {"pinned": word})
        assert Conversation.objects.get().is_pinned is pinned
    assert as_ana.get(url).status_code == 405


def test_deleting_offers_undo_and_is_in_the_trail_without_the_title(as_ana: Client, ana: User) -> None:
    conversation = Conversation.objects.create(owner=ana, title="Delicate words")
    response = as_ana.post(reverse("chat:conversation_delete", args=[conversation.public_id]), follow=True)
    page = response.content.decode()
    assert "Delicate words” is in the bin" in page
    assert not Conversation.objects.owned_by(ana).exists()
    as_ana.post(reverse("chat:conversation_restore", args=[conversation.public_id]))
    assert Conversation.objects.owned_by(ana).exists()
    trail = AuditEvent.objects.filter(target_id=str(conversation.public_id)).order_by("sequence")
    assert [event.action for event in trail] == ["conversation.deleted", "conversation.restored"]
    assert not any("Delicate" in event.target_name for event in trail)


def test_a_bad_undo_link_is_nothing(as_ana: Client) -> None:
    assert as_ana.get("/chat/", {"deleted": "no uuid"}).status_code == 200


def test_without_a_model_the_page_says_how_to_get_one(as_ana: Client) -> None:
    assert "Ask an administrator" in as_ana.get("/chat/").content.decode()
    admin = client_of(make_user(role="admin"))
    assert reverse("chat:provider_list") in admin.get("/chat/").content.decode()
    assert "Add a model server" in admin.get("/chat/").content.decode()


def test_the_demo_model_is_called_one(as_ana: Client, provider: Provider, good: Model) -> None:
    assert "demo model" not in as_ana.get("/chat/").content.decode()
    Provider.objects.update(is_demo=True)
    assert "demo model" in as_ana.get("/chat/").content.decode()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello there", "Hello there"),
        ("\n  \n Second   line \n third", "Second line"),
        ("word " * 40, "word word word word word word word word word word word word…"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_first_words_make_a_title(text: str, title: str) -> None:
    assert first_words(text) == title
    assert len(first_words(text)) <= 60


def test_the_head_counts_what_is_read_not_other_versions(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, content="Once", status=Message.Status.COMPLETE)
    again = Message.objects.create(
        conversation=answer.conversation, parent=answer.parent, role=Message.Role.ASSISTANT, content="Twice"
    )
    Conversation.objects.update(message_count=3, active_leaf=again)
    assert "2 messages</p>" in as_ana.get(page_of(answer.conversation)).content.decode()


def test_an_answer_that_never_came_took_no_time(as_ana: Client, ana: User, good: Model) -> None:
    answer = stored_answer(ana, good, status=Message.Status.FAILED, error="No.", duration_ms=3)
    assert "0.00 s" not in as_ana.get(page_of(answer.conversation)).content.decode()


# Composed as it is kept, this one character becomes three.
@pytest.mark.parametrize(("title", "status"), [("\ufb2c" * 66, 302), ("\ufb2c" * 67, 422)])
def test_a_title_is_measured_as_it_is_kept(as_ana: Client, ana: User, good: Model, title: str, status: int) -> None:
    answer = stored_answer(ana, good, content="Hello", status=Message.Status.COMPLETE)
    url = reverse("chat:conversation_rename", args=[answer.conversation.public_id])
    assert as_ana.post(url, {"title": title}).status_code == status
