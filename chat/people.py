"""What the list of people shows of their conversations."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Count

from accounts.models import User
from chat.models import Conversation


def conversation_counts(people: Iterable[User]) -> dict[int, int]:
    """How many conversations each of these people has outside the bin, in one query."""
    owned = Conversation.objects.filter(owner__in=list(people), deleted_at__isnull=True)
    return dict(owned.order_by().values_list("owner_id").annotate(Count("pk")))
