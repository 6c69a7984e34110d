from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from chat.models import Message, Model
from tests.chat.talk import address_of
from tests.chat.test_message_stream import stored_answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def answer(ana: User, good: Model) -> Message:
    return stored_answer(ana, good, status="complete", content="Yes.")


def rated(answer: Message) -> tuple[int | None, str]:
    found = Message.objects.get(pk=answer.pk)
    return found.rating, found.rating_note


def test_thumbs_are_given_changed_and_taken_back(as_ana: Client, answer: Message) -> None:
    url = address_of(answer, "rate")
    assert as_ana.post(url, {"rating": "1"}).status_code == 302
    assert rated(answer) == (1, "")
    as_ana.post(url, {"rating": "1", "note": "  To the point\r\n"})
    assert rated(answer) == (1, "To the point")
    # The other thumb keeps what was said; neither takes it back.
    as_ana.post(url, {"rating": "-1"})
    assert rated(answer) == (-1, "To the point")
    as_ana.post(url, {"rating": ""})
    assert rated(answer) == (None, "")


def test_thumbs_down_ask_why_with_scripts_and_without(as_ana: Client, answer: Message) -> None:
    url = address_of(answer, "rate")
    by_htmx = as_ana.post(url, {"rating": "-1"}, headers={"HX-Request": "true"}).content.decode()
    assert "<details open>" in by_htmx
    assert 'aria-pressed="true"' in by_htmx
    as_ana.post(url, {"rating": ""})
    assert "<details open>" in as_ana.post(url, {"rating": "-1"}, follow=True).content.decode()
    assert "<details open>" not in as_ana.post(url, {"rating": "1"}, follow=True).content.decode()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rating": "2"}, "good, bad or not at all"),
        ({"rating": "x"}, "good, bad or not at all"),
        ({"rating": "1", "note": "x" * 1001}, "At most 1000 characters"),
        ({"rating": "1", "note": "a\0"}, "Null characters"),
    ],
)
def test_a_bad_rating_is_a_sentence(as_ana: Client, answer: Message, given: dict[str, str], sentence: str) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        response = as_ana.post(address_of(answer, "rate"), given, headers=headers)
        assert response.status_code == 422
        assert sentence in response.content.decode()
    assert rated(answer) == (None, "")


def test_only_a_finished_answer_is_rated(as_ana: Client, answer: Message) -> None:
    assert answer.parent is not None
    assert as_ana.post(address_of(answer.parent, "rate"), {"rating": "1"}).status_code == 409
    Message.objects.filter(pk=answer.pk).update(status="streaming")
    response = as_ana.post(address_of(answer, "rate"), {"rating": "1"})
    assert response.status_code == 409
    assert "Only a finished answer" in response.content.decode()


def test_others_answers_do_not_exist(as_stranger: Client, answer: Message) -> None:
    assert as_stranger.post(address_of(answer, "rate"), {"rating": "1"}).status_code == 404
    assert as_stranger.get(address_of(answer, "markdown")).status_code == 404
    assert rated(answer) == (None, "")


def test_a_message_is_copied_as_it_was_written(as_ana: Client, answer: Message) -> None:
    Message.objects.filter(pk=answer.pk).update(content="**Yes** <b>\n")
    response = as_ana.get(address_of(answer, "markdown"))
    assert response.content.decode() == "**Yes** <b>\n"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
