"""Who acts as somebody leaves a trace in it of each thing done in their conversations, and of none of the words."""

from __future__ import annotations

import pytest

from accounts.models import User
from chat.actions.conversation import (
    delete_conversation,
    pin_conversation,
    rename_conversation,
    restore_conversation,
)
from chat.actions.message import answer_again, fail_answer, send_message, show_version, start_conversation, stop_answer
from chat.models import Conversation, Model
from settings_store.circumstances import circumstances
from settings_store.models import AuditEvent
from tests.factories import PASSWORD, client_of, make_user

SECRET = "a word of Ana alone"


@pytest.fixture
def admin(db: None) -> User:
    return make_user(username="maren", role="admin", full_name="Maren Holt")


def do_all(ana: User, model: Model) -> Conversation:
    first = start_conversation(actor=ana, text=SECRET, model=model)
    conversation = first.conversation
    stop_answer(actor=ana, answer=first)
    fail_answer(answer=first, sentence="Stopped")
    stop_answer(actor=ana, answer=first)
    second = answer_again(actor=ana, answer=first, model=model)
    fail_answer(answer=second, sentence="Stopped")
    show_version(actor=ana, message=first)
    fail_answer(answer=send_message(actor=ana, conversation=conversation, text=SECRET, model=model), sentence="Stopped")
    conversation.refresh_from_db()
    rename_conversation(actor=ana, conversation=conversation, title=SECRET)
    rename_conversation(actor=ana, conversation=conversation, title=SECRET)
    pin_conversation(actor=ana, conversation=conversation, pinned=True)
    pin_conversation(actor=ana, conversation=conversation, pinned=False)
    delete_conversation(actor=ana, conversation=conversation)
    restore_conversation(actor=ana, conversation=conversation)
    return conversation


def test_each_act_is_noted_without_a_word_of_it(ana: User, admin: User, good: Model) -> None:
    start = AuditEvent.objects.count()
    with circumstances(impersonator=admin):
        conversation = do_all(ana, good)
    events = list(AuditEvent.objects.order_by("sequence")[start:])
    assert [event.action for event in events] == [
        "message.sent",
        "message.stopped",
        "message.tried_again",
        "message.version_shown",
        "message.sent",
        "conversation.renamed",
        "conversation.pinned",
        "conversation.unpinned",
        "conversation.deleted",
        "conversation.restored",
    ]
    for event in events:
        assert (event.actor_name, event.target_id) == ("Ana Ruiz", str(conversation.public_id))
        assert event.impersonator_id == admin.pk
        assert SECRET not in str(event.__dict__)


def test_own_talk_is_in_no_trail(ana: User, good: Model) -> None:
    start = AuditEvent.objects.count()
    do_all(ana, good)
    actions = [event.action for event in AuditEvent.objects.order_by("sequence")[start:]]
    assert actions == ["conversation.deleted", "conversation.restored"]


def test_looking_through_the_eyes_of_the_owner_is_noted(ana: User, admin: User, good: Model) -> None:
    answer = start_conversation(actor=ana, text=SECRET, model=good)
    fail_answer(answer=answer, sentence="Stopped")
    page = f"/chat/{answer.conversation.public_id}/"
    assert client_of(ana).get(page).status_code == 200
    assert not AuditEvent.objects.filter(action="conversation.opened").exists()
    client = client_of(admin)
    client.post("/step-up/", {"password": PASSWORD})
    client.post(f"/users/{ana.public_id}/act-as/", {"reason": "A question of hers"})
    assert SECRET in client.get(page).content.decode()
    client.post(f"{page}pin", {"pinned": "yes"})
    events = AuditEvent.objects.filter(target_id=str(answer.conversation.public_id)).order_by("sequence")
    assert [(event.action, event.impersonator_id) for event in events] == [
        ("conversation.opened", admin.pk),
        ("conversation.pinned", admin.pk),
    ]
