"""What a browser's session keeps while its person is at a provider: single use, ten minutes, bound to that session."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy

from accounts.oidc.errors import AT_FAULT
from accounts.oidc.flow import Asked
from settings_store import limits

SESSION_KEY, TROUBLE_KEY, CONNECTING_KEY = "oidc", "oidc_trouble", "oidc_connecting"
# What may go wrong before there is a session: a word of the address stands for its sentence, and leaves no row behind.
UNASKED, TOO_MANY, FAILED = "unasked", "too-many", "failed"
TROUBLES = {
    UNASKED: gettext_lazy("This answer was not asked for, or came too late. Begin again."),
    TOO_MANY: gettext_lazy("Too many sign-ins were begun from your address. Wait a while."),
    FAILED: AT_FAULT,
}
SECONDS = 600
# Tabs in which somebody may be on the way at once; the oldest gives way.
TABS = 5

SIGN_IN, CONNECT, STEP_UP = "sign in", "connect", "step up"


@dataclass(frozen=True, slots=True)
class Errand:
    """Why somebody went to a provider, and where they wanted to go in the end."""

    purpose: str
    next: str
    asked: Asked


def keep(session: SessionBase, slug: str, state: str, errand: Errand) -> None:
    on_the_way = dict(list(session.get(SESSION_KEY, {}).items())[-TABS + 1 :])
    on_the_way[state] = {
        "provider": slug,
        "purpose": errand.purpose,
        "next": errand.next,
        "asked": asdict(errand.asked),
    }
    session[SESSION_KEY] = on_the_way


def take(session: SessionBase, slug: str, state: str) -> Errand | None:
    """The errand that this browser began with this provider and state, the first time it is asked for.

    Exactly once, also for two requests at the same moment. Not inside a transaction.
    """
    on_the_way = dict(session.get(SESSION_KEY, {}))
    found = next((known for known in on_the_way if constant_time_compare(known, state)), None)
    if found is None:
        return None
    kept = on_the_way.pop(found)
    session[SESSION_KEY] = on_the_way
    asked = Asked(**kept["asked"])
    if kept["provider"] != slug or time.time() - asked.at > SECONDS:
        return None
    if not limits.reserve("accounts.oidc.state", found, limit=1, seconds=SECONDS).allowed:
        return None
    return Errand(kept["purpose"], kept["next"], asked)


def connecting(session: SessionBase, slug: str) -> tuple[str, str] | None:
    """Subject and address that somebody proved at this provider and has yet to say yes to."""
    kept = session.get(CONNECTING_KEY)
    if not kept or kept["provider"] != slug or time.time() - kept["at"] > SECONDS:
        return None
    return kept["subject"], kept["email"]


def keep_connecting(session: SessionBase, slug: str, subject: str, email: str) -> None:
    session[CONNECTING_KEY] = {"provider": slug, "subject": subject, "email": email, "at": time.time()}
