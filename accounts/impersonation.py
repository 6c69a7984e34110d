"""Acting as somebody else: the session stays its admin's own, and each request is looked at through the other's eyes.

Both people and the right to it are asked anew at every request. Where it does not hold any more, nothing else is done
than to say so: what was meant to be done as one person must never be done as another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import structlog
from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from accounts import actions
from accounts.acting import LONGEST, refusal
from accounts.errands import present
from accounts.models import Session, User
from accounts.sessions import SessionStore
from settings_store import circumstances
from ui.guard import Access, refuse_program


@dataclass(frozen=True, slots=True)
class Impersonation:
    """An admin, whom they act as, and when that ends."""

    admin: User
    person: User
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Over:
    """One that does not hold any more: whom it was about, as far as they are known, and why it ended."""

    person: User | None
    why: str
    sentence: str


def look(admin: User, session: Session) -> Impersonation | Over | None:
    """Whom the session of `admin` acts as, by all that holds at this moment; None where it is about nobody else."""
    if session.acting_as_id is None or session.acting_since is None:
        return None
    person = present(session.acting_as_id)
    if person is None:
        gone = User.objects.filter(pk=session.acting_as_id).first()
        name = gone or _("somebody")
        return Over(gone, "person", _("You no longer act as %(person)s, who is deactivated.") % {"person": name})
    ends_at = session.acting_since + LONGEST
    if timezone.now() >= ends_at:
        words = _("You no longer act as %(person)s: an hour is the longest. You can begin again.")
        return Over(person, "time", words % {"person": person})
    if sentence := refusal(admin, person, session):
        return Over(person, "right", _("You no longer act as %(person)s.") % {"person": person} + f" {sentence}")
    return Impersonation(admin, person, ends_at)


def acts_as(session: Session) -> int | None:
    """The key of whom the person of a session acts as, asked outside its requests."""
    admin = present(session.user_id) if session.acting_as_id is not None and session.user_id is not None else None
    found = look(admin, session) if admin is not None else None
    return found.person.pk if isinstance(found, Impersonation) else None


class ImpersonationMiddleware(MiddlewareMixin):
    """Puts the person somebody acts as in the place of `request.user`; `request.impersonator` is who really asks.

    Like the user themselves it is looked up when first asked for: a page that needs nobody asks no database.
    """

    def process_request(self, request: HttpRequest) -> None:
        request.impersonator = None  # type: ignore[attr-defined]
        request.impersonation = None  # type: ignore[attr-defined]
        person: Any = SimpleLazyObject(lambda: _person_of(request))
        request.user = person

        async def auser() -> User | AnonymousUser:
            return await sync_to_async(_settled)(request, person)

        request.auser = auser

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        # Nothing here waits, so none of it needs the thread that the framework's own form would take.
        self.process_request(request)
        answer: Callable[[HttpRequest], Awaitable[HttpResponseBase]] = self.get_response  # type: ignore[assignment]  # Django types the sync half only
        return await answer(request)


def ended(request: HttpRequest, access: Access) -> HttpResponse | None:
    """The answer to whoever acted as somebody until just now; what they asked for is not done."""
    if not request.user.is_authenticated:
        return None
    found = request.impersonation  # type: ignore[attr-defined]
    if not isinstance(found, Over) or not isinstance(request.user, User):
        return None
    actions.end_impersonation(request=request, admin=request.user, person=found.person, why=found.why)
    if access.api:
        return refuse_program(found.sentence, status=403, dialect=access.api)
    messages.warning(request, found.sentence)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": resolve_url("home")})
    return redirect("home")


def _person_of(request: HttpRequest) -> User | AnonymousUser:
    who: Any = get_user(request)
    row = cast(SessionStore, request.session).row if who.is_authenticated else None
    found = look(who, row) if row is not None else None
    request.impersonation = found  # type: ignore[attr-defined]
    if not isinstance(found, Impersonation):
        return who  # type: ignore[no-any-return]
    request.impersonator = who  # type: ignore[attr-defined]
    circumstances.update(impersonator=who)
    structlog.contextvars.bind_contextvars(impersonator_id=who.pk)
    return found.person


def _settled(request: HttpRequest, person: Any) -> User | AnonymousUser:
    # Asking anything makes it look; what it found is the person themselves.
    return request.user if person.is_authenticated else AnonymousUser()
