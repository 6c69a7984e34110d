"""What every request of somebody signed in leaves behind and brings along."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.deprecation import MiddlewareMixin

from accounts.hashing import Crowded
from accounts.models import Session, User
from accounts.sessions import idle_life
from settings_store import circumstances
from settings_store.disk import is_full
from ui.guard import Kind, View, access_of

# Activity is written down at most this often, so that reading pages hardly ever writes.
RESOLUTION = timedelta(minutes=1)


class ActivityMiddleware(MiddlewareMixin):
    """Notes that a session is in use, and shows times and words as its person likes them."""

    # Each middleware that could be asynchronous costs two hops between threads; one that cannot be, innermost, makes
    # Django run all of them on one thread.
    async_capable = False

    def process_view(self, request: HttpRequest, view: View, arguments: object, named: object) -> None:
        access = access_of(view)
        if access is not None and access.kind is Kind.PUBLIC:
            # Health is asked about even where the database is away, and the door knows nobody yet.
            return
        if SESSION_KEY not in request.session:
            return
        row: Session | None = request.session.row  # type: ignore[attr-defined]  # our SessionStore's
        if row is None or not request.user.is_authenticated:
            return
        circumstances.update(session_id=str(row.public_id))
        structlog.contextvars.bind_contextvars(user_id=request.user.pk)
        if access is None or not access.background:
            _note(row)
        _suit(request, request.user)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        # A thread serves somebody else next.
        timezone.deactivate()
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A crowd at the door is nobody's fault: it is asked to come again."""
        if not isinstance(exception, Crowded):
            return None
        answer = render(request, "accounts/crowded.html", status=503)
        answer["Retry-After"] = "10"
        return answer


def _note(row: Session) -> None:
    now = timezone.now()
    if now - row.last_activity < RESOLUTION:
        return
    row.last_activity, row.expire_date = now, min(now + idle_life(), row.ends_at)
    try:
        Session.objects.filter(pk=row.pk, last_activity__lte=now - RESOLUTION).update(
            last_activity=row.last_activity, expire_date=row.expire_date
        )
    except Error as error:
        # Where there is no room to note it, people can still read.
        if not is_full(error):
            raise


def _suit(request: HttpRequest, person: User) -> None:
    try:
        timezone.activate(ZoneInfo(person.time_zone))
    except (ZoneInfoNotFoundError, ValueError):
        timezone.deactivate()
    if person.language in dict(settings.LANGUAGES):
        translation.activate(person.language)
        request.LANGUAGE_CODE = person.language
