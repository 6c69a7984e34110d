"""The list of conversations staff oversee: scope first, then filters and search."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat.actions.provider import create_provider
from chat.models import Conversation, Message, Model
from chat.search import pieces
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db
# Full text search of MariaDB finds what is committed.
searching = pytest.mark.schema
URL = "/conversations/"


def talk(
    owner: User, title: str, *said: str, minutes_ago: int = 0, model_name: str = "", **fields: object
) -> Conversation:
    conversation = Conversation.objects.create(
        owner=owner,
        title=title,
        last_message_at=timezone.now() - timedelta(minutes=minutes_ago),
        message_count=len(said),
        **fields,
    )
    parent = None
    for number, text in enumerate(said):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        name = model_name if number % 2 else ""
        parent = Message.objects.create(
            conversation=conversation, parent=parent, role=role, content=text, model_name=name
        )
    conversation.active_leaf = parent
    conversation.save(update_fields=["active_leaf"])
    return conversation


def page(client: Client, **query: str) -> str:
    response = client.get(URL, query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def admin() -> Client:
    return client_of(make_user(role="admin"))


def test_newest_first(admin: Client) -> None:
    owner = make_user()
    talk(owner, "Older", minutes_ago=5)
    talk(owner, "Newer", minutes_ago=1)
    assert page(admin).index("Newer") < page(admin).index("Older")


def test_a_supervisor_sees_the_own_team_to_any_depth_and_nobody_else() -> None:
    lead = make_user(role="supervisor")
    below = make_user(role="supervisor", supervisor=lead)
    talk(make_user(supervisor=lead), "Direct")
    talk(make_user(supervisor=below), "Deep")
    talk(lead, "Own")
    talk(make_user(), "Stranger")
    talk(make_user(role="supervisor"), "Peer")
    seen = page(client_of(lead))
    assert [title for title in ("Direct", "Deep", "Own", "Stranger", "Peer") if title in seen] == [
        "Direct",
        "Deep",
        "Own",
    ]


@searching
def test_search_finds_nothing_beyond_the_scope() -> None:
    lead = make_user(role="supervisor")
    talk(make_user(supervisor=lead), "Near", "the word is xylophone")
    talk(make_user(), "Far", "xylophone as well")
    seen = page(client_of(lead), q="xylophone")
    assert "Near" in seen
    assert "Far" not in seen


@pytest.mark.parametrize("role", ["manager", "operator", "user", "viewer", "guest"])
def test_who_may_not_oversee_gets_403(role: str) -> None:
    assert client_of(make_user(role=role)).get(URL).status_code == 403


@searching
@pytest.mark.parametrize("q", ["refund", "REFUND", "a refund of"])
def test_search_in_titles_and_messages(admin: Client, q: str) -> None:
    owner = make_user()
    talk(owner, "A refund of the deposit")
    talk(owner, "In the answer", "May I?", "Yes, a refund of €40 is fine.")
    talk(owner, "Neither", "Hello")
    seen = page(admin, q=q)
    assert "A refund of the deposit" in seen
    assert "In the answer" in seen
    assert "Neither" not in seen
    assert "<mark>" in seen


@searching
@pytest.mark.parametrize("q", ["a_b", "back\\slash", "it's", "50%"])
def test_signs_with_a_meaning_to_databases_are_mere_gaps_between_words(admin: Client, q: str) -> None:
    owner = make_user()
    talk(owner, "Match", f"so {q} it is")
    talk(owner, "Other", "so 500 axb backslash its it is")
    seen = page(admin, q=q)
    assert "Match" in seen
    assert "Other" not in seen


@searching
def test_a_snippet_never_becomes_markup(admin: Client) -> None:
    talk(make_user(), "T", "before <img src=x onerror=alert(1)> refund <b>after</b>")
    seen = page(admin, q="refund")
    assert "<img src=x" not in seen
    assert "&lt;img src=x" in seen
    assert "<mark>refund</mark>" in seen


@searching
def test_a_snippet_shows_where_it_was_said_and_not_the_whole_text(admin: Client) -> None:
    talk(make_user(), "T", "start " + "x" * 5000 + " the refund here " + "y" * 5000)
    seen = page(admin, q="refund")
    assert "<mark>refund</mark>" in seen
    assert "y" * 500 not in seen


def test_pieces_begin_with_a_whole_word_and_leave_markdown_out() -> None:
    cut = pieces("word " * 40 + "**bold** refund " + "tail " * 40, ["refund"])
    assert cut[0].text.startswith("word ")
    assert "*" not in cut[0].text
    assert [(piece.text, piece.is_hit) for piece in cut][1] == ("refund", True)


def test_filter_by_person_model_and_bin(admin: Client) -> None:
    ana, kofi = make_user(username="ana.ruiz", full_name="Ana Ruiz"), make_user(username="kofi")
    talk(ana, "By Ana", "Hello?", "Hello.", model_name="qwen3")
    talk(kofi, "By Kofi")
    talk(kofi, "Thrown away", deleted_at=timezone.now())
    for query in ({"person": "ana"}, {"person": "Ana Ruiz"}, {"person": "ANA.RUIZ"}, {"model": "qwen3"}):
        seen = page(admin, **query)
        assert "By Ana" in seen, query
        assert "By Kofi" not in seen, query
    assert "Thrown away" not in page(admin)
    assert "Thrown away" in page(admin, state="bin")


def test_every_model_that_answered_is_found(admin: Client) -> None:
    """Also one that is gone, and one that another has taken over from."""
    server = create_provider(actor=None, name="S", base_url="https://x.example/v1")
    now = Model.objects.create(provider=server, name="new")
    both = talk(make_user(), "By two", "Hello?", "Hello.", model_name="gone", model=now)
    Message.objects.create(conversation=both, role=Message.Role.ASSISTANT, content="Yes.", model_name="new")
    talk(make_user(), "By neither", "Hello?", "Hello.", model_name="other", model=now)
    for name in ("gone", "new"):
        seen = page(admin, model=name)
        assert "By two" in seen
        assert "By neither" not in seen
    assert '<option value="new">' in page(admin)


@pytest.mark.parametrize(
    "query",
    [
        {"q": "nul\0"},
        {"q": "x" * 101},
        {"q": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
        {"model": "unknown"},
        {"state": "nonsense"},
        {"person": "\0"},
        {"person": "y" * 10_000},
        {"after": "nonsense", "sort": "nonsense"},
        {"before": "W10"},
    ],
)
def test_odd_questions_get_an_answer(admin: Client, query: dict[str, str]) -> None:
    assert admin.get(URL, query).status_code == 200


@searching
def test_paging_keeps_the_filters_and_shows_everything_once(admin: Client) -> None:
    owner = make_user()
    for number in range(120):
        talk(owner, f"Refund number {number:03}", minutes_ago=number % 7)
    address: str | None = f"{URL}?q=refund"
    seen: list[str] = []
    while address:
        response = admin.get(address)
        seen += [conversation.title for conversation, _snippet in response.context["rows"]]
        older = response.context["page"].older_url
        assert not older or "q=refund" in older
        address = URL + older if older else None
    assert sorted(seen) == [f"Refund number {number:03}" for number in range(120)]


def test_looking_at_the_list_leaves_no_event(admin: Client) -> None:
    talk(make_user(), "T", "x")
    events = AuditEvent.objects.count()
    page(admin, q="x")
    assert AuditEvent.objects.count() == events


def test_empty_says_why(admin: Client) -> None:
    assert "No conversation yet" in page(admin)
    assert "No conversation matches" in page(admin, q="absent")


@searching
def test_the_number_of_queries_does_not_grow(admin: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    page(admin, q="refund")
    for number in range(60):
        talk(make_user(password=None), f"Refund {number}", "a refund")
    # Session, person, models of the filter, conversations, where it was said, and how many proposals wait; PostgreSQL
    # is asked first how many texts it expects.
    with django_assert_num_queries(7 if connection.vendor == "postgresql" else 6):
        page(admin, q="refund")
