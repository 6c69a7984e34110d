"""What the page of a person shows of locks."""

from __future__ import annotations

from django import template

from accounts.models import Lockout, User

register = template.Library()


@register.filter
def lock_of(person: User) -> Lockout | None:
    """The lock that holds for somebody at this moment; asked once for each page."""
    if not hasattr(person, "_lock_now"):
        person._lock_now = Lockout.objects.holding().filter(user=person).first()  # type: ignore[attr-defined]
    return person._lock_now  # type: ignore[attr-defined,no-any-return]
