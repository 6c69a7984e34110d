"""The list beside a conversation."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chat.actions.folder import create_folder
from chat.actions.tag import add_tags
from chat.models import Conversation, Message, Model, SystemPrompt
from chat.own_list import LISTED
from tests.chat.talk import Talk

pytestmark = pytest.mark.django_db
# MariaDB finds the words of committed rows alone.
COMMITTED = pytest.mark.django_db(transaction=True)


def made(owner: User, number: int, **fields: object) -> list[Conversation]:
    now = timezone.now()
    return Conversation.objects.bulk_create(
        Conversation(owner=owner, title=f"Talk {at}.", last_message_at=now - timedelta(minutes=at), **fields)
        for at in range(number)
    )


def entries(page: str) -> list[str]:
    return re.findall(r"Talk (\d+)\.", page)


def test_show_more_goes_to_the_very_end_without_a_gap(as_ana: Client, ana: User) -> None:
    made(ana, 2 * LISTED + 5)
    page = as_ana.get("/chat/").content.decode()
    seen = entries(page)
    assert len(seen) == LISTED
    while more := re.search(r'hx-get="([^"]*/more[^"]*)"', page):
        page = as_ana.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).content.decode()
        assert "<h2>Today" not in page or "Today" not in more[1]
        seen += entries(page)
    assert seen == [str(number) for number in range(2 * LISTED + 5)]


def test_without_scripts_the_list_begins_where_it_ended(as_ana: Client, ana: User) -> None:
    made(ana, LISTED + 1)
    page = as_ana.get("/chat/").content.decode()
    more = re.search(r'href="(\?after=[^"]*)"', page)
    assert more
    assert entries(as_ana.get(f"/chat/{more[1]}").content.decode()) == [str(LISTED)]
    assert as_ana.get(f"/chat/more{more[1]}").headers["Location"].startswith("/chat/?after=")


@pytest.mark.parametrize("query", ["after=nonsense", "after=", "in=x", "folder=x", "folder=\0", "q=%00", "q=tag:"])
def test_odd_addresses_show_the_list(as_ana: Client, ana: User, query: str) -> None:
    made(ana, 3)
    assert as_ana.get(f"/chat/?{query}").status_code == 200
    assert as_ana.get(f"/chat/more?{query}", headers={"HX-Request": "true"}).status_code == 200


def test_a_page_takes_no_more_queries_for_more_of_everything(as_ana: Client, ana: User) -> None:
    [conversation] = made(ana, 1)
    url = f"/chat/{conversation.public_id}/"
    add_tags(actor=ana, conversation=conversation, names=["first"])
    create_folder(actor=ana, name="first")
    as_ana.get(url)
    with CaptureQueriesContext(connection) as few:
        as_ana.get(url)
    made(ana, 500)
    made(ana, 50, is_pinned=True)
    for number in range(10):
        create_folder(actor=ana, name=f"folder {number}")
    add_tags(actor=ana, conversation=conversation, names=[f"tag {number}" for number in range(15)])
    with CaptureQueriesContext(connection) as many:
        page = as_ana.get(url).content.decode()
    assert len(many) == len(few) <= 12, [query["sql"] for query in many]
    assert page.count("#tag ") == 15
    assert "folder 9" in page


def test_what_lies_in_the_archive_costs_the_list_nothing(as_ana: Client, ana: User) -> None:
    made(ana, 1)
    made(ana, 300, archived_at=timezone.now())
    made(ana, 300, deleted_at=timezone.now())
    assert entries(as_ana.get("/chat/").content.decode()) == ["0"]


def test_a_folder_narrows_the_list_and_begins_with_its_prompt(as_ana: Client, ana: User, stranger: User) -> None:
    SystemPrompt.objects.create(name="Plain", name_key="plain", content="Be plain.", default_mark=True)
    prompt = SystemPrompt.objects.create(name="Letters", name_key="letters", content="Write letters.")
    folder = create_folder(actor=ana, name="Letters to customers", prompt=prompt)
    made(ana, 2)
    Conversation.objects.filter(title="Talk 1.").update(folder=folder)
    page = as_ana.get("/chat/", {"folder": str(folder.public_id)}).content.decode()
    assert entries(page) == ["1"]
    assert f'name="folder" value="{folder.public_id}"' in page
    assert f'<option value="{prompt.pk}" selected>' in page
    # Of somebody else it is no folder.
    theirs = create_folder(actor=stranger, name="Theirs")
    page = as_ana.get("/chat/", {"folder": str(theirs.public_id)}).content.decode()
    assert entries(page) == ["0", "1"]
    assert "Theirs" not in page


@COMMITTED
def test_searching_finds_what_was_said_and_says_what_it_does_not_understand(as_ana: Client, ana: User) -> None:
    first, second = made(ana, 2)
    Message.objects.create(conversation=first, role=Message.Role.USER, content="The <b>transformer</b> hums at night")
    add_tags(actor=ana, conversation=second, names=["two words"])
    page = as_ana.get("/chat/", {"q": "transformer"}).content.decode()
    assert entries(page) == ["0"]
    assert "<mark>transformer</mark>" in page
    assert "<b><mark>" not in page
    assert "<b>transformer" not in page
    assert entries(as_ana.get("/chat/", {"q": 'tag:"two words"'}).content.decode()) == ["1"]
    page = as_ana.get("/chat/", {"q": "before:yesterday"}).content.decode()
    assert "is no date" in page
    assert entries(page) == ["0", "1"]
    page = as_ana.get("/chat/", {"q": "nowhere said"}).content.decode()
    assert "Nothing matches." in page


@pytest.mark.django_db(transaction=True)
async def test_a_message_begins_its_conversation_in_the_folder(talk: Talk, ana: User) -> None:
    folder = await sync_to_async(create_folder)(actor=ana, name="Here")
    model = await Model.objects.acreate(provider=talk.provider, name="good")
    sent = {"message": "Hello", "model": model.pk, "folder": str(folder.public_id)}
    assert (await talk.client.post("/chat/messages", sent)).status_code == 302
    assert await Conversation.objects.filter(folder=folder).aexists()
    # One that is not there is none; nothing that was written is lost for it.
    sent["folder"] = "00000000-0000-0000-0000-000000000000"
    assert (await talk.client.post("/chat/messages", sent)).status_code == 302
    assert await Conversation.objects.filter(folder=None).aexists()
