"""The end of an answer as it is stored: what it took, what that costs, and what it says about its server."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from chat.actions.message import finish_answer
from chat.health import note_call
from chat.models import Message, Model
from chat.requests import AnswerRequest

# The most that their columns hold.
MOST_TOKENS = 2**31 - 1
MOST_COST = Decimal(10**8) - Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """How one call of a model server ended: counts and times of this call alone, `content` the whole text."""

    request: AnswerRequest
    status: Message.Status
    error: str
    content: str
    tokens_in: int | None
    tokens_out: int | None
    first_token_ms: int | None
    duration_ms: int
    cut_short: bool
    # Whether the server did what was asked; None where the end says nothing about it.
    is_well: bool | None


def store_end(end: AnswerEnd) -> None:
    """Finish the answer, its cost at the prices of this moment, and count the call for its server.

    What an answer that went on took before is added, from what its request knew: storing twice adds once.
    """
    earlier = end.request.earlier
    finish_answer(
        end.request.answer_id,
        status=end.status,
        error=end.error,
        content=end.content,
        tokens_in=_at_most(MOST_TOKENS, _sum(earlier.tokens_in, end.tokens_in)),
        tokens_out=_at_most(MOST_TOKENS, _sum(earlier.tokens_out, end.tokens_out)),
        cost=_at_most(MOST_COST, _sum(earlier.cost, _cost(end))),
        first_token_ms=end.first_token_ms if earlier.first_token_ms is None else earlier.first_token_ms,
        duration_ms=earlier.duration_ms + end.duration_ms,
        cut_short=end.cut_short,
    )
    if end.is_well is not None:
        note_call(end.request.provider_id, ok=end.is_well, first_token_ms=end.first_token_ms)


def _cost(end: AnswerEnd) -> Decimal | None:
    if end.tokens_in is None or end.tokens_out is None:
        return None
    model = Model.objects.filter(pk=end.request.model_id).first()
    cost = model.cost(end.tokens_in, end.tokens_out) if model else None
    # A server may count whatever it likes; what no column holds must not cost the answer itself.
    return cost if cost is not None and cost < MOST_COST else None


def _sum[T: (int, Decimal)](earlier: T | None, now: T | None) -> T | None:
    """What is known of both; None where nothing is."""
    if earlier is None or now is None:
        return now if earlier is None else earlier
    return earlier + now


def _at_most[T: (int, Decimal)](most: T, value: T | None) -> T | None:
    return None if value is None else min(most, value)
