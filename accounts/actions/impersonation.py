"""Beginning to act as somebody else, and ceasing to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.acting import LONGEST, refusal
from accounts.mail import send_later
from accounts.models import Session, User
from accounts.models.session import SessionQuerySet
from accounts.sessions import SessionStore
from settings_store import audit
from settings_store.circumstances import circumstances

REASON_LENGTH = 10


@transaction.atomic
def start_impersonation(*, actor: User, user: User, request: HttpRequest, reason: str) -> None:
    """Let the session of `actor`, who is signed in by `request`, look and act as `user`, who is told of it.

    Never as oneself, never within another, never as somebody of the actor's rank or above.
    """
    if getattr(request, "impersonator", None) is not None:
        raise ValidationError(_("You act as somebody already."), code="refused")
    if sentence := refusal(actor, user, cast(SessionStore, request.session).row):
        raise ValidationError(sentence, code="refused")
    reason = reason.strip()
    if len(reason) < REASON_LENGTH:
        raise ValidationError({"reason": _("Say in a few words why.")}, code="required")
    if not User.objects.select_for_update().get(pk=user.pk).is_active:
        raise ValidationError(_("%(person)s is deactivated.") % {"person": user}, code="refused")
    now = timezone.now()
    mine = _session(request).filter(user=actor, acting_as=None)
    if not mine.update(acting_as=user, acting_since=now):
        # Twice at once, or the session was ended meanwhile.
        raise ValidationError(_("You act as somebody already."), code="refused")
    # A form that was opened as one person must not be sent as the other.
    rotate_token(request)
    send_later("impersonated", to=user, by=str(actor), reason=reason, until=(now + LONGEST).isoformat())
    audit.record("impersonation.started", actor=actor, target=user, after={"until": now + LONGEST}, reason=reason)


@transaction.atomic
def end_impersonation(*, request: HttpRequest, admin: User, person: User | None, why: str) -> None:
    """Let the session of `admin` be their own again; `why` is "left", "signed out", "time", "person" or "right"."""
    if not _session(request).exclude(acting_as=None).update(acting_as=None, acting_since=None):
        return
    rotate_token(request)
    with circumstances(impersonator=None):
        audit.record("impersonation.ended", actor=admin, target=person, after={"why": why})


def record_over(sessions: Iterable[Session]) -> None:
    """Note that acting as somebody ended with these sessions, which are gone; last of all, for it locks the trail."""
    for session in sessions:
        if session.acting_as is not None and session.user is not None:
            facts = {"why": "signed out"}
            with circumstances(impersonator=None):
                audit.record("impersonation.ended", actor=session.user, target=session.acting_as, after=facts)


def _session(request: HttpRequest) -> SessionQuerySet:
    row = cast(SessionStore, request.session).row
    return Session.objects.get_queryset().filter(pk=row.pk if row else "")
