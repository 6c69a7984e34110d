"""What the list of people was asked for: words, filters and how they read, for the page, its acts and its export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict

from accounts.http import HtmxHttpRequest
from accounts.models import User, UserQuerySet
from ui.registry import Text, UserFilter, registry

MOST_WORDS = 200
# Filters of this order and beyond are asked for less often.
FURTHER = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter as offered to whoever looks, and which of its values was chosen."""

    filter: UserFilter
    choices: Sequence[tuple[str, Text]]
    value: str

    @property
    def word(self) -> Text:
        return next((word for value, word in self.choices if value == self.value), "")


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the address of the list without it."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Listing:
    people: UserQuerySet
    words: str
    choices: Sequence[Choice]
    # What was asked for and makes sense, as an address has it.
    query: QueryDict

    @property
    def is_filtered(self) -> bool:
        return bool(self.words or self.chips)

    @property
    def first(self) -> list[Choice]:
        """The filters that are always to be seen."""
        return [choice for choice in self.choices if choice.filter.order < FURTHER]

    @property
    def further(self) -> list[Choice]:
        """Those that are folded away, unless one of them is set."""
        return [choice for choice in self.choices if choice.filter.order >= FURTHER]

    @property
    def is_further(self) -> bool:
        return any(choice.value for choice in self.further)

    @property
    def chips(self) -> list[Chip]:
        chips = []
        for choice in self.choices:
            if choice.value:
                rest = self.query.copy()
                del rest[choice.filter.name]
                chips.append(Chip(f"{choice.filter.label}: {choice.word}", f"?{rest.urlencode()}"))
        return chips

    @property
    def filters(self) -> dict[str, str]:
        """What the trail keeps of the question; words that were typed and the values of the filters."""
        return {name: str(value) for name, value in self.query.items() if name != "sort"}


def listing(request: HtmxHttpRequest, asked: QueryDict | None = None) -> Listing:
    """The people in the viewer's sight that `asked` (the address of the request) narrows down; nonsense does not."""
    asked = request.GET if asked is None else asked
    people: UserQuerySet = User.objects.visible_to(request.user)
    query = QueryDict(mutable=True)
    if words := asked.get("q", "").strip()[:MOST_WORDS]:
        people = people.matching(words)
        query["q"] = words
    choices = []
    for each in sorted(registry.user_filters, key=lambda each: each.order):
        offered, value = list(each.choices(request)), asked.get(each.name, "")
        if value not in {known for known, _word in offered}:
            value = ""
        if value:
            people = each.narrow(people, value)
            query[each.name] = value
        choices.append(Choice(each, offered, value))
    if sort := asked.get("sort", ""):
        query["sort"] = sort[:40]
    return Listing(people, words, choices, query)
