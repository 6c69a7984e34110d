"""Reading the conversation of somebody else: in scope, noted, and without touching it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chat.models import Conversation, Message
from settings_store.models import AuditEvent
from tests.chat.test_conversation_list import talk
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


def url(conversation: Conversation) -> str:
    return f"/conversations/{conversation.public_id}/"


@pytest.fixture
def admin() -> Client:
    return client_of(make_user(role="admin"))


def test_every_opening_is_in_the_trail_with_its_owner() -> None:
    reader = make_user(role="admin")
    conversation = talk(make_user(full_name="Ana Ruiz"), "Refund", "May I?", "**Yes**")
    client = client_of(reader)
    for _time in range(2):
        seen = client.get(url(conversation)).content.decode()
    assert "May I?" in seen
    assert "<strong>Yes</strong>" in seen
    first, _second = AuditEvent.objects.filter(action="conversation.opened")
    assert (first.actor_id, first.target_id) == (reader.pk, str(conversation.public_id))
    assert (first.after or {})["owner"] == "Ana Ruiz"


def test_the_trail_quotes_no_title() -> None:
    conversation = talk(make_user(), "Divorce of Ana", "x")
    client_of(make_user(role="admin")).get(url(conversation))
    viewer = client_of(make_user(role="viewer"))
    event = AuditEvent.objects.get(action="conversation.opened")
    for page in ("/audit/", f"/audit/{event.sequence}/", "/audit/?q=Divorce"):
        assert "Divorce of Ana" not in viewer.get(page).content.decode(), page


def test_nothing_on_the_page_writes(admin: Client) -> None:
    conversation = talk(make_user(), "T", "x", "y")
    page = admin.get(url(conversation)).content.decode()
    main = page[page.index("<main") : page.index("</main>")]
    assert "<form" not in main
    assert "sse-connect" not in main
    assert admin.post(url(conversation)).status_code == 405


@pytest.mark.parametrize("path", ["", "rename/", "pin/", "delete/", "messages/"])
def test_who_may_read_may_not_write(admin: Client, path: str) -> None:
    conversation = talk(make_user(), "T", "x")
    assert admin.post(f"/chat/{conversation.public_id}/{path}", {"text": "x", "message": "x"}).status_code in {404, 405}
    conversation.refresh_from_db()
    assert (conversation.title, conversation.deleted_at, conversation.messages.count()) == ("T", None, 1)


def test_out_of_scope_is_404_and_leaves_no_event() -> None:
    lead = make_user(role="supervisor")
    conversation = talk(make_user(), "T", "x")
    client = client_of(lead)
    assert client.get(url(conversation)).status_code == 404
    assert client.get(f"/conversations/{uuid.uuid4()}/").status_code == 404
    assert not AuditEvent.objects.filter(action="conversation.opened").exists()


def test_the_scope_is_that_of_this_moment() -> None:
    lead = make_user(role="supervisor")
    member = make_user(supervisor=lead)
    conversation = talk(member, "T", "x")
    client = client_of(lead)
    assert client.get(url(conversation)).status_code == 200
    member.supervisor = None
    member.save(update_fields=["supervisor"])
    assert client.get(url(conversation)).status_code == 404


def test_without_the_right_it_is_403() -> None:
    conversation = talk(make_user(), "T", "x")
    assert client_of(make_user(role="user")).get(url(conversation)).status_code == 403


def test_the_own_one_opens_where_it_can_be_answered() -> None:
    reader = make_user(role="admin")
    conversation = talk(reader, "Mine", "x")
    response = client_of(reader).get(url(conversation))
    assert response.headers["Location"] == f"/chat/{conversation.public_id}/"
    assert not AuditEvent.objects.filter(action="conversation.opened").exists()


def test_what_lies_in_the_bin_can_still_be_read(admin: Client) -> None:
    conversation = talk(make_user(), "T", "thrown away", deleted_at=timezone.now())
    page = admin.get(url(conversation)).content.decode()
    assert "thrown away" in page
    assert "in the bin" in page


def test_other_versions_are_read_without_moving_the_owner(admin: Client) -> None:
    conversation = talk(make_user(), "T", "question", "first answer")
    question = conversation.messages.get(role="user")
    second = Message.objects.create(
        conversation=conversation, parent=question, role="assistant", content="second answer"
    )
    page = admin.get(url(conversation)).content.decode()
    assert "first answer" in page
    assert "second answer" not in page
    assert f"version={second.public_id}" in page
    other = admin.get(url(conversation), {"version": str(second.public_id)}).content.decode()
    assert "second answer" in other
    leaf = conversation.active_leaf
    conversation.refresh_from_db()
    assert conversation.active_leaf == leaf


@pytest.mark.parametrize("version", ["nonsense", "00000000-0000-4000-8000-000000000000", "\0", "another"])
def test_a_version_of_another_conversation_is_not_shown(admin: Client, version: str) -> None:
    conversation = talk(make_user(), "T", "question", "answer")
    foreign = talk(make_user(), "U", "question", "foreign answer").messages.get(role="assistant")
    wanted = str(foreign.public_id) if version == "another" else version
    page = admin.get(url(conversation), {"version": wanted}).content.decode()
    assert "foreign answer" not in page
    assert "answer" in page


def test_an_answer_nobody_writes_any_more_is_not_shown_as_answering(admin: Client) -> None:
    conversation = talk(make_user(), "T", "question", "half an ans")
    long_ago = timezone.now() - timedelta(minutes=1)
    conversation.messages.filter(role="assistant").update(status="streaming", lease_until=long_ago)
    page = admin.get(url(conversation)).content.decode()
    assert 'data-status="interrupted"' in page
    assert "half an ans" in page


def test_what_people_write_stays_text(admin: Client) -> None:
    conversation = talk(make_user(), "<script>1</script>", "<script>2</script>", "<script>3</script>")
    page = admin.get(url(conversation)).content.decode()
    assert "<script>1" not in page
    assert "<script>2" not in page
    assert "<script>3" not in page
