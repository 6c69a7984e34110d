"""Which role inherits from which, as a tree: roles that inherit from none stand at the top."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from rbac.models import Role


@dataclass(frozen=True, slots=True)
class Branch:
    """A role in the order of a nested list, and what of the list opens or closes behind it.

    Told step by step, so that no depth of roles is too deep for a page.
    """

    role: Role
    has_heirs: bool
    # One for each list that ends with it.
    closes: range


def tree(roles: Iterable[Role]) -> list[Branch]:
    """Every role once, heirs behind the one they inherit from; should there be a circle, it hangs on its first role."""
    roles = list(roles)
    heirs: dict[int | None, list[Role]] = defaultdict(list)
    for role in roles:
        heirs[role.parent_id].append(role)
    seen: set[int] = set()
    placed: list[tuple[int, Role]] = []
    for top in [*heirs[None], *roles]:
        waiting = [(0, top)]
        while waiting:
            level, role = waiting.pop()
            if role.pk not in seen:
                seen.add(role.pk)
                placed.append((level, role))
                waiting += [(level + 1, heir) for heir in reversed(heirs[role.pk])]
    levels = [*(level for level, _role in placed), 0]
    return [
        Branch(role, has_heirs=after > level, closes=range(level - after))
        for (level, role), (_level, after) in zip(placed, pairwise(levels), strict=True)
    ]
