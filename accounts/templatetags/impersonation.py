"""What the page of a person shows of acting as them."""

from __future__ import annotations

from django import template
from django.template import Context

from accounts import rules
from accounts.acting import PERMISSION, refusal
from accounts.models import User

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
