"""What higher floors have to say about acts upon a person: rank, and that somebody must stay who can act."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError

from accounts.models import User

# Answers a sentence that refuses the act (the word each action gives to `ask`), or None.
# Asked inside the transaction of the act, before its rows are locked, so that a rule may lock its own first.
type UserRule = Callable[[User, User, str], str | None]

user_rules: list[UserRule] = []


def refusal(actor: User, target: User, act: str) -> str | None:
    """The first sentence that refuses `act`, or None."""
    return next((sentence for rule in user_rules if (sentence := rule(actor, target, act))), None)


def ask(actor: User | None, target: User, act: str) -> None:
    """Raise ValidationError where a rule refuses; the system itself is never refused."""
    if actor is not None and (sentence := refusal(actor, target, act)):
        raise ValidationError(sentence, code="refused")
