"""What accounts puts on Home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from accounts import rules
from accounts.models import Lockout, User
from ui.registry import HomeCard

LINES = 8


@dataclass(frozen=True, slots=True)
class Line:
    lock: Lockout
    may_unlock: bool


def locked_out(request: HttpRequest) -> dict[str, Any] | None:
    """Who is locked out at this moment, for those who may let them in again; nothing where nobody is."""
    viewer = request.user
    if not isinstance(viewer, User) or not viewer.has_perm("users.write"):
        return None
    people = User.objects.visible_to(viewer).values("pk")
    locks = list(
        Lockout.objects.holding().filter(user__in=people).select_related("user").order_by("-begun_at")[: LINES + 1]
    )
    if not locks:
        return None
    rules.read_ahead([lock.user for lock in locks])
    lines = [Line(lock, rules.refusal(viewer, lock.user, "unlock") is None) for lock in locks[:LINES]]
    return {"lines": lines, "more": len(locks) > LINES}


CARDS = [HomeCard("accounts/home_locked.html", locked_out, order=15, wide=True)]
