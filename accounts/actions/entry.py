"""Coming in, going out, and proving oneself again."""

from __future__ import annotations

import time
from typing import cast

from django.contrib import auth
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import devices
from accounts.actions.factor import lock_factors, mark_session
from accounts.actions.impersonation import record_over
from accounts.actions.session import row_of
from accounts.mail import send_later
from accounts.models import Device, User, has_factor
from accounts.obstacles import FACTOR_SESSION_KEY
from accounts.sessions import SessionStore
from accounts.ways import BY_SESSION_KEY
from settings_store import audit, circumstances
from ui.guard import STEP_UP_SESSION_KEY


def sign_in(*, request: HttpRequest, user: User, by: str, factor: str = "", remember: bool = False) -> str:
    """Open a session for somebody who just proved who they are; whatever session the browser had is over.

    `by` is what they proved it with, `factor` the second proof where there was one. Answers the token for the cookie
    by which this browser is known again; `remember` lets it spare them the second step for a time.
    """
    SessionStore.sweep()
    with transaction.atomic():
        if factor:
            # Whoever takes their factors away at this moment is done by now, or ends this session too.
            lock_factors(user)
            if not has_factor(user):
                raise PermissionDenied
        session, row = cast(SessionStore, request.session), row_of(request)
        session.flush()
        circumstances.update(impersonator=None)
        auth.login(request, user)
        # Signing in is the freshest proof there is.
        session[STEP_UP_SESSION_KEY] = time.time()
        session[BY_SESSION_KEY] = by
        if factor:
            session[FACTOR_SESSION_KEY] = factor
        session.save()
        if session.row:
            circumstances.update(session_id=str(session.row.public_id))
        device, token, is_new = devices.see(request, user, remember=remember)
        if is_new and Device.objects.filter(user=user).exclude(pk=device.pk).exists():
            # The very first one is no news to anybody.
            send_later(
                "new_device",
                to=user,
                device=str(device),
                address_there=device.address or "",
                at=timezone.now().isoformat(),
                by=by,
                factor=factor,
            )
        if remember and device.trusted_until:
            until = device.trusted_until.isoformat()
            audit.record("device.remembered", actor=user, target=user, after={"device": str(device), "until": until})
        record_over([row] if row is not None else [])
        audit.record(
            "session.signed_in",
            actor=user,
            target=user,
            after={"by": by, "factor": factor, "device": str(device), "new_device": is_new},
        )
    return token


@transaction.atomic
def record_failed_sign_in(*, user: User | None) -> None:
    """Note that a password was refused; what was typed stays out, for people type passwords into the wrong field."""
    audit.record("session.sign_in_failed", actor=None, target=user)


@transaction.atomic
def sign_out(*, request: HttpRequest, user: User) -> None:
    """End the session of this browser."""
    auth.logout(request)
    circumstances.update(impersonator=None)
    audit.record("session.signed_out", actor=user, target=user)


@transaction.atomic
def step_up(*, request: HttpRequest, user: User, by: str, factor: str = "") -> None:
    """Note that this session's person proved themselves just now; its cookie changes, the old one is dead.

    `by` is what they proved it with; `factor` names it once more where that is a second factor.
    """
    mark_session(request, user, factor=factor)
    audit.record("session.stepped_up", actor=user, target=user, after={"by": by})
