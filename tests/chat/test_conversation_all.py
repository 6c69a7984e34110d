"""The table of one's own conversations, and acts upon many of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import cast

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chat import picks
from chat.actions.folder import create_folder
from chat.actions.tag import MOST_ON_ONE, add_tags
from chat.models import Conversation, Tag
from settings_store.models import AuditEvent

pytestmark = pytest.mark.django_db
# MariaDB finds the words of committed rows alone.
COMMITTED = pytest.mark.django_db(transaction=True)


@pytest.fixture
def talks(ana: User) -> list[Conversation]:
    now = timezone.now()
    Conversation.objects.bulk_create(
        Conversation(owner=ana, title=f"Talk {at}.", last_message_at=now - timedelta(minutes=at)) for at in range(60)
    )
    return list(Conversation.objects.order_by("-last_message_at"))


def act(client: Client, name: str, some: list[Conversation] | None, **sent: object) -> HttpResponse:
    """Do it to some of them, or with None to all that match."""
    chosen = {"all": "1"} if some is None else {"id": [str(each.public_id) for each in some]}
    response = client.post("/chat/all/act", {"act": name, **chosen, **sent}, follow=True)
    assert response.status_code in {200, 422}
    return cast(HttpResponse, response)


def undo(client: Client, response: HttpResponse) -> None:
    found = re.search(r'name="undo" value="([^"]*)"', response.content.decode())
    assert found
    assert "Taken back." in client.post("/chat/all/undo", {"undo": found[1]}, follow=True).content.decode()


@COMMITTED
def test_the_table_shows_what_is_kept_and_finds_what_is_put_away(as_ana: Client, talks: list[Conversation]) -> None:
    Conversation.objects.filter(pk=talks[3].pk).update(archived_at=timezone.now(), title="Put away")
    page = as_ana.get("/chat/all/").content.decode()
    assert page.count('name="id"') == 50
    assert "Put away" not in page
    assert "All 59 that match" in page
    assert "Put away" in as_ana.get("/chat/all/", {"q": "put away"}).content.decode()
    page = as_ana.get("/chat/archive/").content.decode()
    assert "Put away" in page
    assert "Take out" in page
    assert "no date" in as_ana.get("/chat/all/", {"q": "after:soon"}).content.decode()
    assert "No conversation matches" in as_ana.get("/chat/all/", {"q": "nowhere"}).content.decode()


def test_more_rows_take_no_more_queries(as_ana: Client, ana: User, talks: list[Conversation]) -> None:
    add_tags(actor=ana, conversation=talks[0], names=["spring"])
    as_ana.get("/chat/all/")
    with CaptureQueriesContext(connection) as few:
        as_ana.get("/chat/all/")
    for each in talks[:30]:
        add_tags(actor=ana, conversation=each, names=["one", "two"])
    with CaptureQueriesContext(connection) as many:
        as_ana.get("/chat/all/")
    assert len(many) == len(few) <= 12


def test_archiving_some_is_undone(as_ana: Client, ana: User, talks: list[Conversation]) -> None:
    Conversation.objects.filter(pk=talks[9].pk).update(archived_at=timezone.now())
    response = act(as_ana, "archive", talks[:3])
    assert "3 conversations are in the archive." in response.content.decode()
    assert Conversation.objects.archived_by(ana).count() == 4
    undo(as_ana, response)
    # What was put away before stays there.
    assert [each.pk for each in Conversation.objects.archived_by(ana)] == [talks[9].pk]


@COMMITTED
def test_deleting_all_that_match_is_undone_and_in_the_trail(
    as_ana: Client, ana: User, talks: list[Conversation]
) -> None:
    Conversation.objects.filter(pk__in=[each.pk for each in talks[:7]]).update(title="Old bill")
    response = act(as_ana, "delete", None, q="bill")
    assert "7 conversations are in the bin." in response.content.decode()
    assert Conversation.objects.owned_by(ana).count() == 53
    events = AuditEvent.objects.filter(action="conversation.deleted")
    assert set(events.values_list("target_id", flat=True)) == {str(each.public_id) for each in talks[:7]}
    undo(as_ana, response)
    assert Conversation.objects.owned_by(ana).count() == 60


def test_taking_out_of_the_archive(as_ana: Client, ana: User, talks: list[Conversation]) -> None:
    Conversation.objects.update(archived_at=timezone.now())
    response = act(as_ana, "unarchive", None, shelf="archive")
    assert "60 conversations are back." in response.content.decode()
    assert Conversation.objects.kept_by(ana).count() == 60


def test_tagging_asks_for_the_word_and_is_undone_where_it_was_new(
    as_ana: Client, ana: User, talks: list[Conversation]
) -> None:
    add_tags(actor=ana, conversation=talks[0], names=["Spring"])
    page = act(as_ana, "tag", talks[:3]).content.decode()
    assert "Tag 3 conversations" in page
    assert str(talks[2].public_id) in page
    page = act(as_ana, "tag", talks[:3], go="1", tags="").content.decode()
    assert "Write a tag." in page
    assert "One tag at a time." in act(as_ana, "tag", talks[:3], go="1", tags="a, b").content.decode()
    response = act(as_ana, "tag", talks[:3], go="1", tags="spring")
    assert "2 conversations carry “Spring” now." in response.content.decode()
    assert Tag.objects.get().conversations.count() == 3
    undo(as_ana, response)
    assert Tag.objects.get().conversations.get() == talks[0]
    assert "carry “Spring” already" in act(as_ana, "tag", talks[:1], go="1", tags="SPRING").content.decode()


def test_those_that_are_full_are_left_out_and_counted(as_ana: Client, ana: User, talks: list[Conversation]) -> None:
    add_tags(actor=ana, conversation=talks[0], names=[f"t{number}" for number in range(MOST_ON_ONE)])
    page = act(as_ana, "tag", talks[:2], go="1", tags="more").content.decode()
    assert "1 conversation carries as many tags as it may" in page
    assert Tag.objects.get(name="more").conversations.get() == talks[1]


def test_untagging_forgets_the_word(as_ana: Client, ana: User, talks: list[Conversation]) -> None:
    act(as_ana, "tag", talks[:3], go="1", tags="two words")
    assert "two words" in act(as_ana, "untag", talks[:3]).content.decode()
    act(as_ana, "untag", None, go="1", tags="two words", q='tag:"two words"')
    assert not Tag.objects.exists()
    assert "carries this tag" in act(as_ana, "untag", talks[:3], go="1", tags="gone").content.decode()


def test_moving_into_a_folder_and_out(as_ana: Client, ana: User, stranger: User, talks: list[Conversation]) -> None:
    folder = create_folder(actor=ana, name="Bills")
    assert "Bills" in act(as_ana, "move", talks[:4]).content.decode()
    act(as_ana, "move", talks[:4], go="1", folder=str(folder.public_id))
    assert folder.conversations.count() == 4
    act(as_ana, "move", talks[:1], go="1", folder="")
    assert folder.conversations.count() == 3
    theirs = create_folder(actor=stranger, name="Theirs")
    refused = act(as_ana, "move", talks[:1], go="1", folder=str(theirs.public_id))
    assert refused.status_code == 422
    assert theirs.conversations.count() == 0


@pytest.mark.parametrize("sent", [{}, {"id": "x"}, {"id": "00000000-0000-0000-0000-000000000000"}])
def test_without_a_choice_nothing_is_done(as_ana: Client, talks: list[Conversation], sent: dict[str, str]) -> None:
    page = as_ana.post("/chat/all/act", {"act": "delete", **sent}, follow=True).content.decode()
    assert "Choose at least one conversation." in page
    assert Conversation.objects.filter(deleted_at=None).count() == 60


def test_an_act_that_is_none_is_said(as_ana: Client, talks: list[Conversation]) -> None:
    assert "Choose what is to be done" in act(as_ana, "explode", talks[:1]).content.decode()


def test_more_than_one_act_may_concern_is_refused_in_words(
    as_ana: Client, talks: list[Conversation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picks, "MOST", 50)
    assert "Narrow the search first." in act(as_ana, "delete", None).content.decode()
    assert Conversation.objects.filter(deleted_at=None).count() == 60


@pytest.mark.parametrize(
    "undoing",
    [
        "",
        "archive",
        "archive x",
        "archive 2026-11-01",
        "delete 2026-11-01T00:00:00Z",
        "tag",
        "tag 1 2 3",
        "x",
        "archive 0001-01-01T00:00:00+14:00",
        "archive 9999-12-31T23:59:59-14:00",
        "delete 2026-01-01T00:00:00+23:59",
    ],
)
def test_nonsense_is_not_taken_back(as_ana: Client, talks: list[Conversation], undoing: str) -> None:
    assert as_ana.get("/chat/all/", {"undo": undoing}).status_code == 200
    page = as_ana.post("/chat/all/undo", {"undo": undoing}, follow=True).content.decode()
    assert "nothing to take back" in page


def test_nothing_of_somebody_else_is_ever_concerned(as_stranger: Client, ana: User, talks: list[Conversation]) -> None:
    moment = timezone.now()
    Conversation.objects.filter(pk=talks[0].pk).update(archived_at=moment)
    add_tags(actor=ana, conversation=talks[1], names=["spring"])
    for name in ("archive", "unarchive", "delete"):
        act(as_stranger, name, talks)
        act(as_stranger, name, None)
    act(as_stranger, "tag", talks, go="1", tags="mine")
    act(as_stranger, "untag", talks, go="1", tags="spring")
    as_stranger.post("/chat/all/undo", {"undo": f"archive {moment.isoformat()}"})
    as_stranger.post("/chat/all/undo", {"undo": f"tag {Tag.objects.get().pk} 0 999"})
    assert Conversation.objects.filter(archived_at=moment).count() == 1
    assert Conversation.objects.filter(deleted_at=None).count() == 60
    assert Tag.objects.get().conversations.count() == 1
    assert "Talk 1." not in as_stranger.get("/chat/all/").content.decode()
