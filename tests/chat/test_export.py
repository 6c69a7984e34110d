"""Conversations as files."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.actions.conversation_bulk import note_export
from chat.actions.tag import add_tags
from chat.export import file_name
from chat.models import Attachment, Conversation, Message, Model
from settings_store.circumstances import circumstances
from settings_store.models import AuditEvent
from tests.chat.test_message_stream import stored_answer
from tests.factories import client_of, make_user

# What is written in pieces is read by threads of its own, which see what is committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def answer(ana: User, good: Model) -> Message:
    answer = stored_answer(ana, good, content="Two ways:\n\n```\ncode\n```", status=Message.Status.COMPLETE, cost="0.5")
    assert answer.parent is not None
    Attachment.objects.create(message=answer.parent, name="a.md", content="has ``` in it", size=13)
    another = Message.objects.create(
        conversation=answer.conversation, parent=answer.parent, role=Message.Role.ASSISTANT, content="The other"
    )
    assert another.pk > answer.pk
    add_tags(actor=ana, conversation=answer.conversation, names=["spring"])
    return answer


def body(response: Any) -> bytes:
    assert isinstance(response, StreamingHttpResponse), response.status_code

    async def whole() -> bytes:
        return b"".join([piece async for piece in response])

    return asyncio.run(whole())


def export(client: Client, conversation: Conversation, kind: str) -> Any:
    return client.get(reverse("chat:conversation_export", args=[conversation.public_id]), {"format": kind})


def test_markdown_holds_the_branch_that_is_read_with_its_files(as_ana: Client, answer: Message) -> None:
    response = export(as_ana, answer.conversation, "markdown")
    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert response.headers["Content-Disposition"].endswith('Stored.md"')
    text = body(response).decode()
    assert text.startswith("# Stored\n\n## You, ")
    assert "```\ncode\n```" in text
    assert "Attached: a.md\n\n````\nhas ``` in it\n````" in text
    assert "The other" not in text


def test_json_holds_all_branches(as_ana: Client, answer: Message) -> None:
    known = json.loads(body(export(as_ana, answer.conversation, "json")))
    assert (known["format"], known["version"], known["title"]) == ("gatehouse.conversation", 1, "Stored")
    assert known["tags"] == ["spring"]
    assert known["active_leaf"] == str(answer.public_id)
    question, first, second = known["messages"]
    assert question["attachments"] == [{"name": "a.md", "size": 13, "content": "has ``` in it"}]
    assert first["parent"] == second["parent"] == question["id"]
    assert (first["cost"], second["content"]) == ("0.50000000", "The other")


def test_a_conversation_without_a_word_is_a_file_too(as_ana: Client, ana: User) -> None:
    conversation = Conversation.objects.create(owner=ana)
    assert json.loads(body(export(as_ana, conversation, "json")))["messages"] == []
    assert body(export(as_ana, conversation, "nonsense")).startswith(b"# New conversation")


def test_many_come_in_one_archive_with_names_of_their_own(as_ana: Client, ana: User, answer: Message) -> None:
    for title in ("Stored", "a/b\\c:d\n..", "\u202eevil", "ü" * 200):
        Conversation.objects.create(owner=ana, title=title)
    response = as_ana.post("/chat/all/export", {"all": "1", "format": "json"})
    assert response.headers["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(body(response)))
    assert archive.testzip() is None
    names = archive.namelist()
    assert len({name.casefold() for name in names}) == 5
    assert any(name.endswith("Stored (2).json") for name in names)
    assert not any(sign in name for name in names for sign in "/\\:\n\u202e")
    assert all(len(name.encode()) < 255 for name in names)
    assert {json.loads(archive.read(name))["format"] for name in names} == {"gatehouse.conversation"}


def test_those_ticked_alone(as_ana: Client, ana: User, answer: Message) -> None:
    Conversation.objects.create(owner=ana, title="Another")
    sent = {"id": str(answer.conversation.public_id), "format": "markdown"}
    archive = zipfile.ZipFile(io.BytesIO(body(as_ana.post("/chat/all/export", sent))))
    assert [name.partition(" ")[2] for name in archive.namelist()] == ["Stored.md"]


def test_nothing_chosen_is_said(as_ana: Client) -> None:
    page = as_ana.post("/chat/all/export", {"format": "json"}, follow=True).content.decode()
    assert "Choose at least one conversation." in page


def test_never_anybody_elses(as_stranger: Client, answer: Message) -> None:
    assert export(as_stranger, answer.conversation, "json").status_code == 404
    assert export(client_of(make_user(role="admin")), answer.conversation, "json").status_code == 404
    sent = {"id": str(answer.conversation.public_id), "format": "json"}
    assert as_stranger.post("/chat/all/export", sent).status_code == 302
    assert as_stranger.post("/chat/all/export", {"all": "1"}).status_code == 302


def test_a_file_ends_when_its_reader_signs_out(as_ana: Client, answer: Message) -> None:
    response = export(as_ana, answer.conversation, "json")
    as_ana.logout()
    assert body(response) == b""


def test_only_taking_them_as_somebody_is_noted(ana: User, answer: Message) -> None:
    from_start = AuditEvent.objects.filter(action="conversation.exported")
    note_export(actor=ana, keys=[answer.conversation.pk])
    assert not from_start.exists()
    with circumstances(impersonator=make_user(role="admin")):
        note_export(actor=ana, keys=[answer.conversation.pk])
    assert from_start.get().target_id == str(answer.conversation.public_id)


@pytest.mark.parametrize(
    ("title", "name"),
    [("", "New conversation"), ("...", "Conversation"), ("a\0b", "a b"), ("Why? <b>", "Why b"), ("x" * 90, "x" * 60)],
)
def test_names_of_files(title: str, name: str) -> None:
    assert file_name(Conversation(title=title), "markdown").partition(" ")[2] == f"{name}.md"
