"""What is asked of a model server for one answer, read from the database before the answer begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from chat import parameters
from chat.actions.message import fail_answer
from chat.actions.provider import endpoint_of
from chat.fitting import TooLong, Turn, fitted, room_for
from chat.llm import Endpoint, Patience
from chat.models import Message
from chat.tasks import is_title_due
from chat.turns import turns_before
from chat.variables import rendered
from settings_store.crypto import CannotOpen
from settings_store.store import get_setting

GO_ON = (
    "Your last answer ended before it was finished. Go on exactly where it ends, in the middle of a word if need be. "
    "Repeat nothing of it and say nothing about going on."
)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an answer that goes on has already: its text, and what that took."""

    text: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    first_token_ms: int | None = None
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """All that an answer needs, so that nothing waits for the database once it has begun."""

    answer_id: int
    public_id: UUID
    model_id: int
    provider_id: int
    endpoint: Endpoint
    model: str
    messages: Sequence[dict[str, str]]
    parameters: dict[str, float | int]
    patience: Patience
    needs_title: bool
    # Its server takes so many answers at one moment, and this one has no place there yet.
    waits: bool = False
    knows_context: bool = False
    earlier: Earlier = Earlier()


def request_for(answer: Message) -> AnswerRequest | None:
    """What to ask for this pending answer; None where it cannot be asked for, which then has failed with a sentence."""
    if answer.model is None:
        fail_answer(answer=answer, sentence=_("This model is no longer there."))
        return None
    model, provider = answer.model, answer.model.provider
    try:
        endpoint = endpoint_of(provider)
        messages, wire, turns = _asked(answer, context_tokens=model.context_tokens)
    except CannotOpen:
        fail_answer(answer=answer, sentence=_("The key of this model server cannot be opened here."))
        return None
    except TooLong as trouble:
        fail_answer(answer=answer, sentence=trouble.sentence)
        return None
    silence = provider.silence_seconds or int(get_setting("chat.silence_seconds"))
    return AnswerRequest(
        answer_id=answer.pk,
        public_id=answer.public_id,
        model_id=model.pk,
        provider_id=provider.pk,
        endpoint=endpoint,
        model=model.name,
        messages=messages,
        parameters=wire,
        patience=Patience(silence=silence),
        needs_title=is_title_due(answer.conversation, answer, turns_before=turns),
        waits=answer.asked_at is None,
        knows_context=model.context_tokens is not None,
        earlier=_earlier(answer),
    )


def chat_messages(system_text: str, turns: Iterable[Turn]) -> list[dict[str, str]]:
    """The turns as the wire has them: roles alternate, as some models insist."""
    messages = [{"role": "system", "content": system_text}] if system_text else []
    for turn in turns:
        if messages and messages[-1]["role"] == turn.role:
            messages[-1]["content"] += f"\n\n{turn.text}"
        else:
            messages.append({"role": turn.role, "content": turn.text})
    return messages


def _asked(answer: Message, *, context_tokens: int | None) -> tuple[list[dict[str, str]], dict[str, float | int], int]:
    """The messages and parameters for an answer, and how many turns lie before it; raises TooLong."""
    conversation = answer.conversation
    wire = parameters.for_wire(answer.model.parameters if answer.model else {}, conversation.parameters)
    room = None
    if context_tokens is not None:
        room, wire["max_tokens"] = room_for(context_tokens, int(wire["max_tokens"]))
    system_text = conversation.system_text
    if "{{" in system_text:
        system_text = rendered(system_text, user=conversation.owner, now=timezone.now())
    before = turns_before(answer, context_tokens=context_tokens)
    turns = [*before.turns, *_to_go_on(answer)]
    newest = 1 + len(turns) - len(before.turns)
    first = fitted(turns, system_text=system_text, room=room, newest=newest, whole=before.whole)
    _note_read_from(answer, turns[first].pk if turns and (first or not before.whole) else None)
    return chat_messages(system_text, turns[first:]), wire, len(before.turns)


def _to_go_on(answer: Message) -> list[Turn]:
    if not answer.content:
        return []
    own = Turn(answer.pk, Message.Role.ASSISTANT, answer.content)
    return [own, replace(own, role=Message.Role.USER, text=GO_ON)]


def _note_read_from(answer: Message, pk: int | None) -> None:
    if answer.read_from_id != pk:
        Message.objects.filter(pk=answer.pk).update(read_from=pk)
        answer.read_from_id = pk


def _earlier(answer: Message) -> Earlier:
    return Earlier(
        text=answer.content,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost=answer.cost,
        first_token_ms=answer.first_token_ms,
        duration_ms=answer.duration_ms or 0,
    )
