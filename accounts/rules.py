"""What higher floors have to say about acts upon a person: rank, and that somebody must stay who can act."""

from __future__ import annotations

from collections.abc import Callable, Collection

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from accounts.models import IdentityProvider, User, UserQuerySet
from ui.registry import Text

# Answers a sentence that refuses the act (the word each action gives to `ask`), or None.
# Asked inside the transaction of the act, before its rows are locked, so that a rule may lock its own first.
type UserRule = Callable[[User, User, str], str | None]

user_rules: list[UserRule] = []

# Answers a sentence that refuses to move these people, who go where the head of their team goes, or None.
type TeamRule = Callable[[User, UserQuerySet], str | None]

team_rules: list[TeamRule] = []

# Whether somebody holds, or was promised, what gives power over others; such people connect a provider in person.
type PowerRule = Callable[[User], bool]

power_rules: list[PowerRule] = []

# Answers a sentence that refuses this person to change an identity provider, or None.
type ProviderRule = Callable[[User, IdentityProvider], str | None]

provider_rules: list[ProviderRule] = []

# Locks what the rules may lock, in their one order; see `lock_roles`.
type RoleLock = Callable[[], None]

role_locks: list[RoleLock] = []

# Reads at once what the rules will ask about each of these people.
type ReadAhead = Callable[[Collection[User]], None]

ahead: list[ReadAhead] = []


def read_ahead(people: Collection[User]) -> None:
    """Before many refusals are asked for, so that these cost no queries; for pages, for it is what is true now."""
    for read in ahead:
        read(people)


# What nobody does to themselves here.
NOT_TO_ONESELF: dict[str, Text] = {
    "deactivate": gettext_lazy("You cannot deactivate yourself."),
    "reset_factors": gettext_lazy("You cannot reset your own factors here. Change them on your profile."),
    "impersonate": gettext_lazy("Nobody acts as themselves."),
}


def refusal(actor: User, target: User, act: str) -> str | None:
    """The first sentence that refuses `act`, or None."""
    if actor == target and act in NOT_TO_ONESELF:
        return str(NOT_TO_ONESELF[act])
    return next((sentence for rule in user_rules if (sentence := rule(actor, target, act))), None)


def ask(actor: User | None, target: User, act: str) -> None:
    """Raise ValidationError where a rule refuses; the system itself is never refused."""
    if actor is not None and (sentence := refusal(actor, target, act)):
        raise ValidationError(sentence, code="refused")


def team_refusal(actor: User, people: UserQuerySet) -> str | None:
    """The first sentence that refuses to move all of these people at once, or None; in a query for each rule."""
    return next((sentence for rule in team_rules if (sentence := rule(actor, people))), None)


def lock_roles() -> None:
    """Lock all roles, for an act that records more than once or makes people: first of all, before anybody's row.

    Whoever has recorded holds the end of the trail, and every act that waits for that one holds its rows already.
    """
    for lock in role_locks:
        lock()


def is_powerful(user: User) -> bool:
    return user.is_superuser or any(rule(user) for rule in power_rules)


def ask_provider(actor: User | None, provider: IdentityProvider) -> None:
    """Raise ValidationError where a rule refuses `actor` to change this provider."""
    if actor is None:
        return
    for rule in provider_rules:
        if sentence := rule(actor, provider):
            raise ValidationError(sentence, code="refused")
