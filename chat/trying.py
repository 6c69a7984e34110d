"""Texts of a prompt tried beside each other: the same message to the same model under each, and nothing is kept.

Two answers are asked for at once and given on piece by piece. No database connection is held meanwhile; every moment
it is asked whether the person still may, so that whoever is shut out sees no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.db import Error
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.errands import present
from accounts.impersonation import acts_as
from accounts.models import Session, User
from accounts.sessions import absolute_life, idle_life
from chat.actions.message import take_turn
from chat.actions.provider import endpoint_of
from chat.health import note_call
from chat.llm import Endpoint, Patience, stream_chat
from chat.llm_errors import Kind, ProviderError
from chat.models import Message, Model
from chat.parameters import for_wire
from chat.variables import rendered
from settings_store.crypto import CannotOpen
from settings_store.database import in_database
from settings_store.store import get_setting

# Somebody sits before it and waits.
WHOLE_SECONDS = 180
WATCH_SECONDS = 1.5

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """All that both answers need, so that nothing waits for the database once they have begun."""

    endpoint: Endpoint
    model: Model
    texts: Sequence[str]
    message: str
    parameters: dict[str, float | int]
    patience: Patience
    at_once: int
    language: str | None
    session_id: UUID
    user_id: int


@dataclass(slots=True)
class Answer:
    """What came of one text, as far as it came."""

    parts: list[str] = field(default_factory=list)
    error: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    first_token: float | None = None
    seconds: float | None = None
    cut_short: bool = False
    # What its end says about the server; nothing, where that had no part in it.
    is_well: bool | None = None

    @property
    def text(self) -> str:
        return "".join(self.parts)


type Said = tuple[int, str | Answer]


def trial_of(*, actor: User, session: Session, model: Model, message: str, texts: Sequence[str]) -> Trial:
    """What is to be asked; counts one message for each text. Raises ValidationError where nothing can be asked."""
    free = _free_places(model)
    if not free:
        raise ValidationError(_("This model server takes no more answers at the moment. Try again in a moment."))
    try:
        endpoint = endpoint_of(model.provider)
    except CannotOpen:
        raise ValidationError(_("The key of this model server cannot be opened here.")) from None
    for _text in texts:
        take_turn(actor)
    now = timezone.now()
    return Trial(
        endpoint=endpoint,
        model=model,
        texts=[rendered(text, user=actor, now=now) for text in texts],
        message=message,
        parameters=for_wire(model.parameters),
        patience=Patience(
            silence=model.provider.silence_seconds or int(get_setting("chat.silence_seconds")), whole=WHOLE_SECONDS
        ),
        at_once=min(free, len(texts)),
        language=translation.get_language(),
        session_id=session.public_id,
        user_id=actor.pk,
    )


async def answers(trial: Trial) -> AsyncGenerator[Said, None]:
    """Pieces of text, each with the place of the text it answers, and at its end each answer whole.

    Close the generator to leave the server.
    """
    said: asyncio.Queue[Said | None] = asyncio.Queue()
    places = asyncio.Semaphore(trial.at_once)
    begun = [Answer() for _text in trial.texts]
    tasks = [asyncio.create_task(_ask(trial, place, begun[place], said, places)) for place in range(len(begun))]
    watch = asyncio.create_task(_watch(trial, said))
    missing = set(range(len(begun)))
    try:
        while missing:
            one = await said.get()
            if one is None:
                break
            missing -= {one[0]} if isinstance(one[1], Answer) else set()
            yield one
        for place in missing:
            with translation.override(trial.language):
                begun[place].error = _("You may not try prompts any more.")
            yield place, begun[place]
        await in_database(_count, trial.model.provider_id, begun)
    finally:
        for task in (*tasks, watch):
            task.cancel()
        await asyncio.gather(*tasks, watch, return_exceptions=True)


async def whole_answers(trial: Trial) -> list[Answer]:
    """The same for whoever waits until all is said."""
    async with aclosing(answers(trial)) as said:
        found = {place: what async for place, what in said if isinstance(what, Answer)}
    return [found[place] for place in sorted(found)]


async def _ask(
    trial: Trial, place: int, answer: Answer, said: asyncio.Queue[Said | None], places: asyncio.Semaphore
) -> None:
    # The request that began this is over while it is answered, and its language with it.
    with translation.override(trial.language):
        async with places:
            await _tell(trial, place, answer, said)


async def _tell(trial: Trial, place: int, answer: Answer, said: asyncio.Queue[Said | None]) -> None:
    """Bring one answer to its end, and say so."""
    began = time.monotonic()
    try:
        await _receive(trial, place, answer, said, began)
        answer.is_well = True
        if not answer.parts:
            answer.error = _("The model answered with nothing.")
    except ProviderError as failure:
        answer.is_well = None if failure.kind is Kind.TOO_LONG else False
        too_long = _("This is longer than the model can read.")
        answer.error = too_long if failure.kind is Kind.TOO_LONG else failure.sentence
        logger.warning("prompt_try_failed", kind=failure.kind.value, detail=failure.detail)
    except Exception:
        logger.exception("prompt_try_failed")
        answer.error = _("Something went wrong while this was being written.")
    answer.seconds = time.monotonic() - began
    answer.cost = trial.model.cost(answer.tokens_in, answer.tokens_out)
    said.put_nowait((place, answer))


async def _receive(trial: Trial, place: int, answer: Answer, said: asyncio.Queue[Said | None], began: float) -> None:
    text = trial.texts[place]
    system = [{"role": "system", "content": text}] if text else []
    stream = stream_chat(
        trial.endpoint,
        model=trial.model.name,
        messages=[*system, {"role": "user", "content": trial.message}],
        parameters=trial.parameters,
        patience=trial.patience,
    )
    async with aclosing(stream):
        async for delta in stream:
            if delta.text:
                if answer.first_token is None:
                    answer.first_token = time.monotonic() - began
                answer.parts.append(delta.text)
                said.put_nowait((place, delta.text))
            answer.cut_short = answer.cut_short or delta.finish == "length"
            answer.tokens_in = delta.tokens_in if delta.tokens_in is not None else answer.tokens_in
            answer.tokens_out = delta.tokens_out if delta.tokens_out is not None else answer.tokens_out


def _count(provider_id: int, ended: Sequence[Answer]) -> None:
    for answer in ended:
        if answer.is_well is not None:
            first = None if answer.first_token is None else int(answer.first_token * 1000)
            note_call(provider_id, ok=answer.is_well, first_token_ms=first)


async def _watch(trial: Trial, said: asyncio.Queue[Said | None]) -> None:
    """Say None once the person was signed out, deactivated or may no longer write prompts."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        with suppress(Error):
            if not await in_database(_still_may, trial.session_id, trial.user_id):
                said.put_nowait(None)
                return


def _still_may(session_id: UUID, user_id: int) -> bool:
    session = Session.objects.filter(public_id=session_id).first()
    if session is None or session.is_over(now=timezone.now(), idle=idle_life(), absolute=absolute_life()):
        return False
    # Whoever acts as somebody else tries as that person, for as long as they may.
    whose = session.user_id if session.acting_as_id is None else acts_as(session)
    person = present(user_id) if whose == user_id else None
    return person is not None and person.has_perm("prompts.write")


def _free_places(model: Model) -> int:
    """How many answers its server takes beside those that are being written; two are never too many without a limit."""
    limit = model.provider.parallel_limit
    if limit is None:
        return 2
    alive = Message.objects.filter(status__in=Message.UNFINISHED, lease_until__gte=timezone.now())
    return max(limit - alive.filter(asked_at__isnull=False, model__provider=model.provider).count(), 0)
