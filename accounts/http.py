"""The request as the house's views know it."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from accounts.sessions import SessionStore


class HtmxHttpRequest(HttpRequest):
    """A request behind a guard: its user is a person, and htmx says whether a fragment is wanted."""

    user: User
    session: SessionStore
    htmx: HtmxDetails
