"""On the way in: who has proved what, between the first step and the session.

Every door — password, passkey, identity provider — ends in `welcome`. Between the steps the browser has a session of
nobody that names the person; the password is not in it, and it is over after ten minutes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare

from accounts import actions, devices
from accounts.errands import present
from accounts.factors.policy import REMEMBERED
from accounts.models import User, has_factor

SESSION_KEY = "arrival"
SECONDS = 600


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody whose first proof was right, and who owes the second."""

    user: User
    # What the first proof was: "password", or the short name of an identity provider.
    by: str
    next: str


def welcome(request: HttpRequest, user: User, *, by: str, next_url: str, factor: str = "") -> HttpResponse:
    """Go on with somebody whose proof `by` was just right: to where they wanted, or to the second step they owe.

    `factor` names what counts as a second proof already, as a passkey that verified its person does.
    """
    if not factor and has_factor(user):
        if not devices.is_remembered(request, user):
            # Whatever session the browser had is over; a planted id does not live on as the one between the steps.
            actions.drop_session(request=request)
            request.session[SESSION_KEY] = {
                "user": user.pk,
                "by": by,
                "next": next_url,
                "at": time.time(),
                "hash": user.get_session_auth_hash(),
            }
            return redirect("login_factor")
        factor = REMEMBERED
    return _let_in(request, user, by=by, factor=factor, next_url=next_url)


def pending(request: HttpRequest) -> Arrival | None:
    """Who is between the steps in this browser: still active, with the same password, and not for too long."""
    kept = request.session.get(SESSION_KEY)
    if kept is None or time.time() - kept["at"] > SECONDS:
        return None
    user = present(kept["user"])
    if user is None or not constant_time_compare(kept["hash"], user.get_session_auth_hash()):
        return None
    return Arrival(user, kept["by"], kept["next"])


def complete(request: HttpRequest, arrival: Arrival, *, factor: str, remember: bool = False) -> HttpResponse:
    """Let somebody in whose second proof `factor` was right; `remember` spares them it in this browser for a time."""
    return _let_in(request, arrival.user, by=arrival.by, factor=factor, next_url=arrival.next, remember=remember)


def _let_in(
    request: HttpRequest, user: User, *, by: str, factor: str, next_url: str, remember: bool = False
) -> HttpResponse:
    token = actions.sign_in(request=request, user=user, by=by, factor=factor, remember=remember)
    response = redirect(next_url)
    devices.keep_cookie(response, token)
    return response
