from __future__ import annotations

import pytest

from accounts.models import User
from chat.actions.conversation import rename_conversation
from chat.models import Conversation, Message
from chat.tasks import entitle, tidy_title
from tests.chat.conftest import MakeModel
from tests.chat.test_message_stream import stored_answer


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "title"), [("good", "Hello, you"), ("broken", "Stored"), ("echo", "Stored"), ("cut", "Stored")]
)
def test_a_title_is_made_or_the_first_words_stay(ana: User, make_model: MakeModel, model: str, title: str) -> None:
    answer = stored_answer(ana, make_model(model), status=Message.Status.COMPLETE, content="Hello.")
    entitle.call(answer.pk)
    assert Conversation.objects.get().title == title


@pytest.mark.django_db
def test_a_name_given_by_hand_stays(ana: User, make_model: MakeModel) -> None:
    answer = stored_answer(ana, make_model("good"), status=Message.Status.COMPLETE, content="Hello.")
    rename_conversation(actor=ana, conversation=answer.conversation, title="Mine")
    entitle.call(answer.pk)
    assert Conversation.objects.get().title == "Mine"


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ('"Night tariffs compared."', "Night tariffs compared"),
        ("\n**Night tariffs**\nand more", "Night tariffs"),
        ("Here is a title that goes on for far too many words", ""),
        ("", ""),
    ],
)
def test_what_models_say_is_tidied(said: str, title: str) -> None:
    assert tidy_title(said) == title
