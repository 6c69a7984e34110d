"""What the page of a person shows of locks and of acting as them."""

from __future__ import annotations

from django import template
from django.template import Context

from accounts import rules
from accounts.acting import PERMISSION, refusal
from accounts.models import Lockout, User

register = template.Library()


@register.simple_tag(takes_context=True)
def may_act_as(context: Context, person: User) -> bool:
    """Whether the viewer may act as this person; asks no more than the right where that is missing."""
    request = context["request"]
    return (
        request.user.has_perm(PERMISSION)
        and getattr(request, "impersonator", None) is None
        and not refusal(request.user, person, request.session.row)
    )


@register.simple_tag(takes_context=True)
def refusal_of(context: Context, person: User, act: str) -> str:
    """Why the viewer may not do this to a person; empty where they may."""
    return rules.refusal(context["request"].user, person, act) or ""


@register.filter
def lock_of(person: User) -> Lockout | None:
    """The lock that holds for somebody at this moment; asked once for each page."""
    if not hasattr(person, "_lock_now"):
        person._lock_now = Lockout.objects.holding().filter(user=person).first()  # type: ignore[attr-defined]
    return person._lock_now  # type: ignore[attr-defined,no-any-return]
