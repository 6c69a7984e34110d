"""What is asked of a model server for one answer, read from the database before the answer begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from chat.actions.message import fail_answer
from chat.actions.provider import endpoint_of
from chat.branches import path_to
from chat.llm import Endpoint, Patience
from chat.models import Message
from chat.tasks import is_title_due
from settings_store.crypto import CannotOpen
from settings_store.store import get_setting

# Older turns beyond this are not sent: far more than most models read, and a bound for what is loaded.
MAX_CONTEXT_CHARACTERS = 400_000
MAX_CONTEXT_TURNS = 500


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """All that an answer needs, so that nothing waits for the database once it has begun."""

    answer_id: int
    public_id: UUID
    endpoint: Endpoint
    model: str
    messages: Sequence[dict[str, str]]
    parameters: dict[str, Any]
    patience: Patience
    needs_title: bool


def request_for(answer: Message) -> AnswerRequest | None:
    """What to ask for this pending answer; None where its server's key does not open, which then fails the answer."""
    if answer.model is None:
        fail_answer(answer=answer, sentence=_("This model is no longer there."))
        return None
    provider = answer.model.provider
    try:
        endpoint = endpoint_of(provider)
    except CannotOpen:
        fail_answer(answer=answer, sentence=_("The key of this model server cannot be opened here."))
        return None
    turns = _turns_before(answer)
    return AnswerRequest(
        answer_id=answer.pk,
        public_id=answer.public_id,
        endpoint=endpoint,
        model=answer.model.name,
        messages=chat_messages(answer.conversation.system_text, turns),
        parameters={
            "temperature": float(get_setting("chat.temperature")),
            "max_tokens": int(get_setting("chat.max_output_tokens")),
        },
        patience=Patience(silence=int(get_setting("chat.silence_seconds"))),
        needs_title=is_title_due(answer.conversation, answer, turns_before=len(turns)),
    )


def chat_messages(system_text: str, turns: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """The turns as the wire has them: roles alternate, as some models insist, and the oldest give way to the bound."""
    messages: list[dict[str, str]] = []
    left = MAX_CONTEXT_CHARACTERS - len(system_text)
    for role, text in reversed(list(turns)):
        left -= len(text)
        if left < 0 and messages:
            break
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] = f"{text}\n\n{messages[-1]['content']}"
        else:
            messages.append({"role": role, "content": text})
    if system_text:
        messages.append({"role": "system", "content": system_text})
    return messages[::-1]


def _turns_before(answer: Message) -> list[tuple[str, str]]:
    if answer.parent is not None and answer.parent.parent_id is None:
        return [(answer.parent.role, answer.parent.content)]
    rows = Message.objects.filter(conversation_id=answer.conversation_id, pk__lte=answer.pk)
    path = path_to(answer.pk, dict(rows.values_list("pk", "parent_id")))[-MAX_CONTEXT_TURNS - 1 : -1]
    found = Message.objects.filter(pk__in=path).exclude(content="").order_by("pk")
    return list(found.values_list("role", "content"))
