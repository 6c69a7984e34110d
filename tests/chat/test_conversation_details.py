from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.actions.conversation import archive_conversation, describe_conversation, move_conversation
from chat.actions.folder import create_folder
from chat.actions.tag import add_tags
from chat.models import Conversation, Folder, Model, Tag
from settings_store.circumstances import circumstances
from settings_store.models import AuditEvent
from tests.chat.test_message_stream import stored_answer
from tests.factories import make_user

pytestmark = pytest.mark.django_db
# MariaDB finds the words of committed rows alone.
COMMITTED = pytest.mark.django_db(transaction=True)


@pytest.fixture
def conversation(ana: User) -> Conversation:
    return Conversation.objects.create(owner=ana, title="Tariffs")


def address(name: str, conversation: Conversation) -> str:
    return reverse(f"chat:conversation_{name}", args=[conversation.public_id])


def test_all_of_it_is_written_at_once(as_ana: Client, ana: User, conversation: Conversation) -> None:
    folder = create_folder(actor=ana, name="Billing")
    sent = {
        "title": "Night tariffs",
        "description": "For the spring letter",
        "folder": str(folder.public_id),
        "tags": "Tariffs, spring  letter,, tariffs",
    }
    assert as_ana.post(address("details", conversation), sent).status_code == 302
    conversation = Conversation.objects.get()
    assert (conversation.title, conversation.title_is_own) == ("Night tariffs", True)
    assert (conversation.description, conversation.folder) == ("For the spring letter", folder)
    assert [tag.name for tag in conversation.tag_list] == ["spring letter", "Tariffs"]
    page = as_ana.get(address("details", conversation)).content.decode()
    for word in ("Night tariffs", "For the spring letter", 'value="spring letter, Tariffs"', "Billing"):
        assert word in page
    thread = as_ana.get(reverse("chat:conversation", args=[conversation.public_id])).content.decode()
    assert "#spring letter" in thread
    assert "Billing" in thread


def test_saving_what_stands_there_keeps_a_title_made_by_a_model(as_ana: Client, conversation: Conversation) -> None:
    as_ana.post(address("details", conversation), {"title": "Tariffs", "description": "", "folder": "", "tags": ""})
    assert Conversation.objects.get().title_is_own is False


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("title", "", "Give the conversation a title."),
        ("title", "x" * 201, "At most 200 characters"),
        ("description", "x" * 501, "At most 500 characters"),
        ("tags", "x" * 41, "too long for a tag"),
        ("tags", ",".join(map(str, range(21))), "carries 20 tags at most"),
        ("folder", "nonsense", "not there any more"),
        ("folder", "00000000-0000-0000-0000-000000000000", "not there any more"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_lost(
    as_ana: Client, conversation: Conversation, field: str, value: str, sentence: str
) -> None:
    sent = {"title": "Other", "description": "Kept in the page", "folder": "", "tags": "one"} | {field: value}
    response = as_ana.post(address("details", conversation), sent)
    assert response.status_code == 422
    page = response.content.decode()
    assert sentence in page
    assert field == "description" or "Kept in the page" in page
    assert Conversation.objects.get().title == "Tariffs"
    assert not Tag.objects.exists()


def test_a_folder_of_somebody_else_is_none(as_ana: Client, stranger: User, conversation: Conversation) -> None:
    theirs = create_folder(actor=stranger, name="Theirs")
    sent = {"title": "T", "description": "", "folder": str(theirs.public_id), "tags": ""}
    assert as_ana.post(address("details", conversation), sent).status_code == 422
    assert Folder.objects.get().conversations.count() == 0


def test_tags_are_put_on_taken_off_and_forgotten(as_ana: Client, ana: User, conversation: Conversation) -> None:
    url = reverse("chat:conversation_tag", args=[conversation.public_id])
    as_ana.post(url, {"tags": "Spring, letter"})
    as_ana.post(url, {"tags": "SPRING"})
    assert [tag.name for tag in Conversation.objects.get().tag_list] == ["letter", "Spring"]
    as_ana.post(url, {"remove": "spring"})
    assert list(Tag.objects.values_list("name", flat=True)) == ["letter"]
    for odd in ("never there", "spr\0ing"):
        assert as_ana.post(url, {"remove": odd}).status_code == 302
    response = as_ana.post(url, {"tags": " , "})
    assert response.status_code == 422
    assert "Write a tag." in response.content.decode()


def test_tags_of_a_second_conversation_stay(as_ana: Client, ana: User, conversation: Conversation) -> None:
    other = Conversation.objects.create(owner=ana)
    for each in (conversation, other):
        as_ana.post(reverse("chat:conversation_tag", args=[each.public_id]), {"tags": "shared"})
    as_ana.post(reverse("chat:conversation_tag", args=[conversation.public_id]), {"remove": "shared"})
    assert Tag.objects.get().conversations.get() == other


def test_a_conversation_carries_twenty_tags_at_most(as_ana: Client, conversation: Conversation) -> None:
    url = reverse("chat:conversation_tag", args=[conversation.public_id])
    as_ana.post(url, {"tags": ",".join(f"t{number}" for number in range(20))})
    response = as_ana.post(url, {"tags": "one more"})
    assert response.status_code == 422
    assert "20 tags at most" in response.content.decode()
    assert Tag.objects.count() == 20


@COMMITTED
def test_archiving_takes_it_out_of_the_list_and_back(as_ana: Client, ana: User, conversation: Conversation) -> None:
    page = as_ana.post(address("archive", conversation), follow=True).content.decode()
    assert "“Tariffs” is in the archive." in page
    assert "entry-" not in page
    assert not Conversation.objects.kept_by(ana).exists()
    # It is still read, and found by searching.
    assert as_ana.get(reverse("chat:conversation", args=[conversation.public_id])).status_code == 200
    assert f"entry-{conversation.public_id}" in as_ana.get("/chat/", {"q": "tariffs"}).content.decode()
    assert "Tariffs" in as_ana.get("/chat/archive/").content.decode()
    as_ana.post(address("archive", conversation), {"archived": "no"})
    assert Conversation.objects.kept_by(ana).exists()
    assert "Tariffs" not in as_ana.get("/chat/archive/").content.decode()


def test_acting_as_somebody_is_noted_and_own_acts_are_not(as_ana: Client, ana: User, good: Model) -> None:
    conversation = stored_answer(ana, good, content="Yes.").conversation
    urls = {
        "conversation.tagged": (reverse("chat:conversation_tag", args=[conversation.public_id]), {"tags": "a"}),
        "conversation.archived": (address("archive", conversation), {}),
        "conversation.unarchived": (address("archive", conversation), {"archived": "no"}),
    }
    start = AuditEvent.objects.count()
    for url, sent in urls.values():
        as_ana.post(url, sent)
    assert AuditEvent.objects.count() == start
    admin = make_user(role="admin")
    with circumstances(impersonator=admin):
        from_actions(ana, conversation)
    events = AuditEvent.objects.order_by("sequence")[start:]
    assert [event.action for event in events] == [
        "conversation.described",
        "conversation.moved",
        "conversation.tagged",
        "conversation.archived",
    ]
    assert all(event.impersonator_id == admin.pk for event in events)
    assert not any("secret" in str(event.__dict__) for event in events)


def from_actions(ana: User, conversation: Conversation) -> None:
    describe_conversation(actor=ana, conversation=conversation, description="secret")
    folder = create_folder(actor=ana, name="secret folder")
    move_conversation(actor=ana, conversation=conversation, folder=folder)
    add_tags(actor=ana, conversation=conversation, names=["secret word"])
    archive_conversation(actor=ana, conversation=conversation)


def test_only_for_its_owner(as_stranger: Client, conversation: Conversation) -> None:
    for url in (
        address("details", conversation),
        address("archive", conversation),
        reverse("chat:conversation_tag", args=[conversation.public_id]),
    ):
        assert as_stranger.post(url, {"title": "x", "tags": "x"}).status_code == 404
    assert as_stranger.get(address("details", conversation)).status_code == 404
    assert Conversation.objects.get().archived_at is None
    assert not Tag.objects.exists()
