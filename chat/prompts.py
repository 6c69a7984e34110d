"""Questions about many prompts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from accounts.names import normalised
from chat.models import Conversation, SystemPrompt
from chat.models.prompt import SystemPromptQuerySet

# Counting on would cost more than the page.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Use:
    """How many conversations go on under a prompt; `more` where there are more than were counted."""

    number: int
    more: bool = False


def matching(prompts: SystemPromptQuerySet, words: str) -> SystemPromptQuerySet:
    """Those in whose name, description or content each of the words occurs."""
    for word in words.split():
        key = normalised(word)
        prompts = prompts.filter(
            Q(name_key__contains=key) | Q(description__icontains=word) | Q(content__icontains=word)
        )
    return prompts


def uses_of(prompts: Sequence[SystemPrompt]) -> dict[int, Use]:
    """For each of them, in two queries that read no more than so many rows of each."""
    keys = [prompt.pk for prompt in prompts]
    under = Conversation.objects.filter(deleted_at__isnull=True)
    beyond = under.filter(system_prompt=OuterRef("pk")).order_by("pk")[MOST_COUNTED : MOST_COUNTED + 1]
    many = set(SystemPrompt.objects.filter(Exists(beyond), pk__in=keys).values_list("pk", flat=True))
    counted = under.filter(system_prompt__in=[key for key in keys if key not in many])
    numbers = dict(counted.values_list("system_prompt").annotate(number=Count("pk")).order_by())
    return {key: Use(MOST_COUNTED, more=True) if key in many else Use(numbers.get(key, 0)) for key in keys}
