from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.models import Attachment, Conversation, Message, Model
from settings_store.actions import change_setting
from tests.chat.talk import Talk
from tests.chat.test_message_stream import stored_answer

NEW = "/chat/messages"


def file(name: str, content: bytes = b"one\r\ntwo\n", kind: str = "application/octet-stream") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)


async def test_files_come_with_their_message_and_the_model_reads_them(talk: Talk) -> None:
    model = await Model.objects.acreate(provider=talk.provider, name="echo")
    files = [file("notes.md"), file("wide.csv", "ö;ü".encode("utf-16"))]
    await talk.client.post(NEW, {"message": "Sum up", "model": model.pk, "attached": files})
    answer = await Message.objects.select_related("conversation").alatest("pk")
    kept = {each.name: (each.content, each.size) async for each in Attachment.objects.all()}
    assert kept == {"notes.md": ("one\ntwo\n", 9), "wide.csv": ("ö;ü", 8)}
    assert "notes.md" in (await talk.finished(answer)).content
    page = (await talk.client.get(reverse("chat:conversation", args=[answer.conversation.public_id]))).content.decode()
    assert "notes.md" in page
    assert "9\xa0bytes" in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("photo.png", b"text", "“photo.png” is not a text file by its name"),
        ("photo.txt", b"\x89PNG\r\n\x1a\n\0\0", "“photo.txt” is not text"),
        ("latin.txt", "año".encode("latin-1"), "“latin.txt” is not text"),
        ("half.txt", b"\xff\xfea", "“half.txt” is not text"),
        ("nul.csv", b"a\0b", "“nul.csv” is not text"),
        ("noending", b"text", "“noending” is not a text file by its name"),
        ("empty.txt", b" \n", "“empty.txt” is empty."),
        ("zero.txt", b"", "“zero.txt” is empty."),
        ("large.txt", b"x" * 204_801, "“large.txt” is too large: 200.0"),
        ("<b>.exe", b"text", "“&lt;b&gt;.exe” is not a text file"),
    ],
)
def test_what_is_no_text_is_refused_by_name_and_the_words_stay(
    as_ana: Client, good: Model, name: str, content: bytes, sentence: str
) -> None:
    given = {
        "message": "Read this",
        "model": good.pk,
        "attached": [file("fine.txt"), file(name, content, "text/plain")],
    }
    response = as_ana.post(NEW, given)
    page = response.content.decode().replace("\xa0", " ")
    assert response.status_code == 422
    assert sentence in page
    assert "Read this</textarea>" in page
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_so_many_come_with_a_message(as_ana: Client, good: Model) -> None:
    given = {"message": "Read this", "model": good.pk, "attached": [file(f"{each}.txt") for each in range(6)]}
    response = as_ana.post(NEW, given)
    assert response.status_code == 422
    assert "At most 5 files come with a message." in response.content.decode()


async def test_where_none_may_come_none_is_offered_or_taken(talk: Talk) -> None:
    model = await Model.objects.acreate(provider=talk.provider, name="good")
    await sync_to_async(change_setting)(
        actor=None, key="chat.attachments_per_message", environment="production", value="0"
    )
    assert "Attach text files" not in (await talk.client.get("/chat/")).content.decode()
    await talk.client.post(NEW, {"message": "Read this", "model": model.pk, "attached": [file("fine.txt")]})
    assert (await talk.finished(await Message.objects.select_related("conversation").alatest("pk"))).content
    assert not await Attachment.objects.aexists()


@pytest.fixture
def attachment(ana: User, good: Model) -> Attachment:
    question = stored_answer(ana, good, status="complete").parent
    assert question is not None
    return Attachment.objects.create(message=question, name="<i>é.html", content="<script>alert(1)</script>", size=25)


def address(found: Attachment, name: str = "message_file", conversation: Conversation | None = None) -> str:
    held = conversation or found.message.conversation
    return reverse(f"chat:{name}", args=[held.public_id, found.message.public_id, found.public_id])


def test_a_file_is_read_escaped_and_taken_away_as_text(as_ana: Client, attachment: Attachment) -> None:
    page = as_ana.get(address(attachment)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</pre>" in page
    assert "&lt;i&gt;é.html" in page
    response = as_ana.get(address(attachment, "message_file_download"))
    assert response.content == b"<script>alert(1)</script>"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"].startswith("attachment;")


def test_others_files_do_not_exist(as_stranger: Client, stranger: User, attachment: Attachment) -> None:
    own = Conversation.objects.create(owner=stranger)
    for name in ("message_file", "message_file_download"):
        assert as_stranger.get(address(attachment, name)).status_code == 404
        assert as_stranger.get(address(attachment, name, own)).status_code == 404


def test_a_file_is_found_through_its_message_alone(
    as_ana: Client, ana: User, good: Model, attachment: Attachment
) -> None:
    other = stored_answer(ana, good, status="complete").parent
    assert other is not None
    url = reverse("chat:message_file", args=[other.conversation.public_id, other.public_id, attachment.public_id])
    assert as_ana.get(url).status_code == 404


async def test_files_of_a_refused_message_are_not_kept(talk: Talk) -> None:
    answer = await talk.send("Count", "count-1000-20ms")
    url = reverse("chat:message_send", args=[answer.conversation.public_id])
    model = await sync_to_async(lambda: answer.model)()
    given = {"message": "More", "model": model.pk if model else 0, "attached": [file("fine.txt")]}
    assert (await talk.client.post(url, given)).status_code == 409
    assert not await Attachment.objects.aexists()
