"""What the list of people shows of roles."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.models import User
from rbac.models import Assignment


def role_names(people: Iterable[User]) -> dict[int, list[str]]:
    """The roles that count now for each of these people by their keys, highest first, in one query."""
    people = list(people)
    names: dict[int, list[str]] = {person.pk: [] for person in people}
    held = Assignment.objects.counting().filter(user__in=people).order_by("-role__priority", "role__name_key")
    for user_id, name in held.values_list("user_id", "role__name"):
        names[user_id].append(name)
    return names
