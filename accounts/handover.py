"""A one-time password on its way to the one page that shows it: sealed, in the session of whoever made it."""

from __future__ import annotations

import base64

from django.contrib.sessions.backends.base import SessionBase

from accounts.models import User
from settings_store import crypto

SESSION_KEY = "one_time_password"


def keep(session: SessionBase, person: User, password: str) -> None:
    """Keep it for the next page; an older one that was never looked at is gone."""
    sealed = crypto.seal(password.encode(), context=_context(person))
    session[SESSION_KEY] = {"person": str(person.public_id), "sealed": base64.b64encode(sealed).decode()}


def take(session: SessionBase, person: User) -> str | None:
    """The password made for this person, the first time it is asked for; None from then on.

    Raises CannotOpen where it does not open any more, because its key was dropped in the moment between.
    """
    kept = session.get(SESSION_KEY)
    if kept is None or kept["person"] != str(person.public_id):
        return None
    del session[SESSION_KEY]
    return crypto.open_sealed(base64.b64decode(kept["sealed"]), context=_context(person)).decode()


def _context(person: User) -> str:
    return f"one-time password:{person.public_id}"
