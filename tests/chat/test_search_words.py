"""The words that are searched follow what is said, however it comes into the database."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import User
from chat.llm import MAX_ANSWER_CHARACTERS
from chat.models import Conversation, Message
from chat.search import holding, own_matching, parse
from chat.search.words import create_words, drop_words, mend_words

# Full text search of MariaDB finds what is committed.
pytestmark = [pytest.mark.django_db, pytest.mark.schema]


@pytest.fixture
def conversation(ana: User) -> Conversation:
    return Conversation.objects.create(owner=ana, title="Plain")


def is_found(user: User, text: str) -> bool:
    return own_matching(user, parse(text), Conversation.objects.all()).exists()


def say(conversation: Conversation, text: str, status: str = Message.Status.COMPLETE) -> Message:
    return Message.objects.create(conversation=conversation, role="assistant", content=text, status=status)


def sql(statement: str, *parameters: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chat_words")
        return int(cursor.fetchone()[0])


def test_an_answer_is_found_when_it_has_ended_and_not_before(ana: User, conversation: Conversation) -> None:
    answer = say(conversation, "", Message.Status.PENDING)
    Message.objects.filter(pk=answer.pk).update(status=Message.Status.STREAMING, content="a refu")
    Message.objects.filter(pk=answer.pk).update(content="a refund is")
    assert not is_found(ana, "refund")
    Message.objects.filter(pk=answer.pk).update(status=Message.Status.STOPPED)
    assert is_found(ana, "refund")
    # It goes on: what it says then is found at its end.
    Message.objects.filter(pk=answer.pk).update(status=Message.Status.STREAMING)
    assert not is_found(ana, "refund")
    Message.objects.filter(pk=answer.pk).update(status=Message.Status.COMPLETE, content="a refund is fine")
    assert is_found(ana, '"refund is fine"')


def test_what_is_changed_or_deleted_is_found_no_more(ana: User, conversation: Conversation) -> None:
    message = say(conversation, "a refund")
    sql("UPDATE chat_message SET content = 'a tariff' WHERE id = %s", message.pk)
    assert (is_found(ana, "refund"), is_found(ana, "tariff")) == (False, True)
    sql("DELETE FROM chat_message WHERE id = %s", message.pk)
    assert not is_found(ana, "tariff")
    say(conversation, "a meter")
    conversation.messages.all().delete()
    conversation.delete()
    assert rows() == 0


def test_a_title_is_found_by_what_it_is_now(ana: User, conversation: Conversation) -> None:
    conversation.title = "Invoices"
    conversation.save()
    assert (is_found(ana, "plain"), is_found(ana, "invoices")) == (False, True)
    Conversation.objects.update(description="and tariffs")
    assert is_found(ana, "tariffs")


def test_words_go_with_the_conversation_to_another_owner(ana: User, stranger: User, conversation: Conversation) -> None:
    say(conversation, "a refund")
    Conversation.objects.filter(pk=conversation.pk).update(owner=stranger)
    assert not is_found(ana, "refund")
    assert is_found(stranger, "refund")
    assert is_found(stranger, "plain")
    say(conversation, "a tariff")
    assert is_found(stranger, "tariff")


def test_nobody_writes_themselves_into_what_others_find(ana: User, stranger: User, conversation: Conversation) -> None:
    """The owner is a word of the index: no text must be able to hold it."""
    mine = stranger.pk
    say(conversation, f"refund owner_{mine} owner:{mine} '#{mine}' #{mine} owner : \"{mine}\" {mine}")
    words = parse("refund").words
    assert holding(Conversation.objects.all(), words, owner=ana).exists()
    assert not holding(Conversation.objects.all(), words, owner=stranger).exists()


@pytest.mark.parametrize("size", [100_000, MAX_ANSWER_CHARACTERS, 1_000_000])
def test_no_text_is_too_long_to_be_kept(ana: User, conversation: Conversation, size: int) -> None:
    if connection.vendor == "mysql" and size > MAX_ANSWER_CHARACTERS:
        pytest.skip("Longer than any text of the house: InnoDB may still be writing its index when it is asked.")
    message = say(conversation, "refund " + " ".join(f"w{number}q" for number in range(size // 8)))
    message.refresh_from_db()
    assert len(message.content) > size * 0.8
    assert is_found(ana, "refund")
    message.content = "x" * size + " tariff"
    message.save()
    assert not is_found(ana, "refund")


def test_what_was_said_before_is_read_in_when_the_table_is_made(
    ana: User, stranger: User, conversation: Conversation
) -> None:
    drop_words(connection)
    say(conversation, "a refund")
    say(conversation, "an unfinished tariff", Message.Status.STREAMING)
    say(Conversation.objects.create(owner=stranger, title="Theirs"), "a refund")
    create_words(connection)
    assert is_found(ana, "refund")
    assert is_found(ana, "plain")
    assert not is_found(ana, "tariff")
    assert rows() == 4
    say(conversation, "a meter")
    assert is_found(ana, "meter")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Only SQLite makes tables anew.")
def test_triggers_of_a_table_made_anew_are_put_back(ana: User, conversation: Conversation) -> None:
    sql("DROP TRIGGER chat_words_said")
    mend_words(using="default")
    say(conversation, "a refund")
    assert is_found(ana, "refund")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Only SQLite makes tables anew.")
@pytest.mark.parametrize("name", ["chat_conversation", "chat_message"])
@pytest.mark.django_db(transaction=True)
def test_a_later_migration_may_make_a_table_anew(name: str) -> None:
    """SQLite refuses to give a table its name while a trigger asks for it."""
    from django.apps import apps

    model = next(model for model in apps.get_app_config("chat").get_models() if model._meta.db_table == name)
    with connection.schema_editor() as editor:
        editor._remake_table(model)  # type: ignore[attr-defined]  # SQLite alone
    mend_words(using="default")
    sql("DELETE FROM chat_words")


@pytest.mark.django_db(transaction=True)
def test_the_migration_goes_back_and_forth(ana: User) -> None:
    say(Conversation.objects.create(owner=ana, title="Plain"), "a refund")
    call_command("migrate", "chat", "0006", verbosity=0)
    say(Conversation.objects.get(), "a tariff")
    call_command("migrate", "chat", verbosity=0)
    assert is_found(ana, "refund")
    assert is_found(ana, "tariff")
