"""The request as the house's views know it, and the person its address names."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django_htmx.middleware import HtmxDetails

from accounts.models import User, UserQuerySet
from accounts.sessions import SessionStore


class HtmxHttpRequest(HttpRequest):
    """A request behind a guard: its user is a person, and htmx says whether a fragment is wanted."""

    user: User
    session: SessionStore
    htmx: HtmxDetails


def visible_person(request: HtmxHttpRequest, user_id: UUID, people: UserQuerySet | None = None) -> User:
    """The person of the address, where the viewer may see them; a stranger is not there at all."""
    known = User.objects.all() if people is None else people
    return get_object_or_404(known.visible_to(request.user), public_id=user_id)
