"""Work that may wait: a title for a conversation, made by its own model from the first exchange."""

from __future__ import annotations

import structlog
from asgiref.sync import async_to_sync, sync_to_async
from django.db import Error
from django.tasks import task

from chat.actions.conversation import title_conversation
from chat.actions.provider import endpoint_of
from chat.llm import Patience, complete_chat
from chat.llm_errors import ProviderError
from chat.models import Conversation, Message
from settings_store.crypto import CannotOpen
from settings_store.database import close_connections

TITLE_WORDS = 6
TITLE_CHARACTERS = 80
INSTRUCTION = "Give this conversation a title of at most six words, in its own language. Answer with the title alone."
PATIENCE = Patience(silence=20, whole=60)

logger = structlog.get_logger(__name__)


async def entitle_later(answer_id: int) -> None:
    """Put the title of the conversation this answer began into the queue of tasks."""
    await sync_to_async(_enqueue, thread_sensitive=False)(answer_id)


def is_title_due(conversation: Conversation, answer: Message, *, turns_before: int) -> bool:
    """Whether the model of this answer names the conversation: after the first exchange, and where nobody has.

    Not the demo model, whose titles are worse than the first words of the first message.
    """
    if turns_before != 1 or conversation.title_is_own:
        return False
    return answer.model is not None and not answer.model.provider.is_demo


@task
def entitle(answer_id: int) -> None:
    """Ask the model for a title; without one the first words of the first message stay."""
    answer = Message.objects.select_related("model__provider", "conversation", "parent").filter(pk=answer_id).first()
    if answer is None or answer.model is None or answer.parent is None or answer.conversation.title_is_own:
        return
    exchange = f"{answer.parent.content[:2000]}\n\n{answer.content[:2000]}"
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": exchange}]
    try:
        endpoint = endpoint_of(answer.model.provider)
        said = async_to_sync(complete_chat)(
            endpoint,
            model=answer.model.name,
            messages=messages,
            parameters={"max_tokens": 32, "temperature": 0.2},
            patience=PATIENCE,
        )
    except (ProviderError, CannotOpen) as error:
        logger.info("no_title", answer=str(answer.public_id), error=repr(error))
        return
    if title := tidy_title(said):
        title_conversation(conversation=answer.conversation, title=title)


def tidy_title(said: str) -> str:
    """The first line without quotes and full stop; empty where the model talks instead of naming."""
    line = next((line for line in said.splitlines() if line.strip()), "")
    title = " ".join(line.strip(" \t\"'“”„«»*#.").split())
    return title if title and len(title) <= TITLE_CHARACTERS and len(title.split()) <= TITLE_WORDS + 2 else ""


def _enqueue(answer_id: int) -> None:
    try:
        entitle.enqueue(answer_id)
    except Error as trouble:
        logger.warning("no_title", error=repr(trouble))
    finally:
        close_connections()
