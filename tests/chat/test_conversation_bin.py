from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from chat.actions.conversation import delete_conversation
from chat.actions.conversation_bulk import delete_many
from chat.actions.message import send_message
from chat.actions.tag import add_tags
from chat.models import Attachment, Conversation, Message, Model, Tag
from settings_store.models import AuditEvent
from tests.chat.test_message_stream import stored_answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def thrown(ana: User, good: Model) -> Conversation:
    answer = stored_answer(ana, good, content="Delicate", status=Message.Status.COMPLETE)
    assert answer.parent is not None
    Attachment.objects.create(message=answer.parent, name="a.txt", content="words", size=5)
    Message.objects.create(
        conversation=answer.conversation, parent=answer, role=Message.Role.ASSISTANT, read_from=answer
    )
    add_tags(actor=ana, conversation=answer.conversation, names=["spring"])
    delete_conversation(actor=ana, conversation=answer.conversation)
    return answer.conversation


def test_the_bin_lists_what_is_restored_or_deleted_for_good(as_ana: Client, thrown: Conversation) -> None:
    page = as_ana.get("/chat/bin/").content.decode()
    assert "Stored" in page
    assert "stays until you delete it" in page
    restored = as_ana.post(reverse("chat:conversation_restore", args=[thrown.public_id]), {"back": "bin"}, follow=True)
    assert "“Stored” is back." in restored.content.decode()
    assert "The bin is empty" in restored.content.decode()


def test_throwing_away_stops_what_is_being_written(as_ana: Client, ana: User, good: Model) -> None:
    one, other = (stored_answer(ana, good, status=Message.Status.STREAMING) for _ in range(2))
    as_ana.post(reverse("chat:conversation_delete", args=[one.conversation.public_id]))
    delete_many(actor=ana, keys=[other.conversation_id])
    assert all(Message.objects.filter(pk__in=[one.pk, other.pk]).values_list("stop_requested", flat=True))


def test_nothing_is_sent_into_the_bin(ana: User, good: Model, thrown: Conversation) -> None:
    # As it was read before it was thrown away in another tab.
    thrown.deleted_at = None
    with pytest.raises(ValidationError, match="thrown away in the meantime"):
        send_message(actor=ana, conversation=thrown, text="Hello?", model=good)
    assert thrown.messages.count() == 3


def test_deleting_for_good_asks_first_leaves_nothing_and_is_in_the_trail(as_ana: Client, thrown: Conversation) -> None:
    url = reverse("chat:conversation_erase", args=[thrown.public_id])
    assert "Nothing brings" in as_ana.get(url).content.decode()
    assert Conversation.objects.exists()
    assert "is deleted for good" in as_ana.post(url, follow=True).content.decode()
    for model in (Conversation, Message, Attachment, Tag):
        assert not model._default_manager.exists()
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.target_id) == ("conversation.erased", str(thrown.public_id))
    assert "Stored" not in str(event.__dict__)


def test_what_is_not_in_the_bin_is_not_deleted_for_good(as_ana: Client, ana: User, good: Model) -> None:
    conversation = stored_answer(ana, good).conversation
    url = reverse("chat:conversation_erase", args=[conversation.public_id])
    assert as_ana.get(url).status_code == 404
    assert as_ana.post(url).status_code == 404
    assert Conversation.objects.exists()


def test_emptying_deletes_all_of_ones_own_and_nothing_else(
    as_ana: Client, ana: User, stranger: User, thrown: Conversation
) -> None:
    now = timezone.now()
    Conversation.objects.bulk_create(Conversation(owner=ana, title="x", deleted_at=now) for _ in range(120))
    kept = Conversation.objects.create(owner=ana, title="Kept")
    theirs = Conversation.objects.create(owner=stranger, title="Theirs", deleted_at=now)
    assert "121 conversations are deleted" in as_ana.get("/chat/bin/empty/").content.decode()
    assert "121 conversations are deleted for good." in as_ana.post("/chat/bin/empty/", follow=True).content.decode()
    assert set(Conversation.objects.all()) == {kept, theirs}
    assert AuditEvent.objects.filter(action="conversation.erased").count() == 121
    assert "Nothing lies in it." in as_ana.get("/chat/bin/empty/").content.decode()


def test_the_bin_of_somebody_else_does_not_exist(as_stranger: Client, thrown: Conversation) -> None:
    assert "Stored" not in as_stranger.get("/chat/bin/").content.decode()
    assert as_stranger.post(reverse("chat:conversation_erase", args=[thrown.public_id])).status_code == 404
    as_stranger.post("/chat/bin/empty/")
    assert Conversation.objects.exists()


def test_a_full_bin_is_paged_by_keys(as_ana: Client, ana: User) -> None:
    Conversation.objects.bulk_create(
        Conversation(owner=ana, title=f"Talk {at}.", deleted_at=timezone.now()) for at in range(120)
    )
    seen, url = 0, "/chat/bin/"
    while url:
        response = as_ana.get(url)
        seen += len(response.context["page"].rows)
        older = response.context["page"].older_url
        url = f"/chat/bin/{older}" if older else ""
    assert seen == 120
