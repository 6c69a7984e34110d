"""What is shown once to whoever made it: a one-time password, sealed, and whom they invited a moment ago."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from django.contrib.sessions.backends.base import SessionBase

from accounts.models import User, UserQuerySet
from settings_store import crypto

SESSION_KEY, INVITED_SESSION_KEY, ARRIVED_SESSION_KEY = "one_time_password", "invited", "arrived"


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


def keep_invited(session: SessionBase, people: Iterable[User]) -> None:
    """Keep whom this session invited; their links are made where they are shown."""
    session[INVITED_SESSION_KEY] = [str(person.public_id) for person in people]


def take_invited(session: SessionBase) -> UserQuerySet:
    """Whom this session invited, the first time it is asked for; nobody from then on."""
    return User.objects.active().filter(public_id__in=session.pop(INVITED_SESSION_KEY, [])).order_by("pk")


def keep_arrived(session: SessionBase, words: str, username: str) -> None:
    """Keep for the page to sign in what has just come true, and who signs in by it."""
    session[ARRIVED_SESSION_KEY] = [words, username]


def take_arrived(session: SessionBase) -> tuple[str, str]:
    """What is to be said at the door and the username, once; nothing from then on."""
    words, username = session.pop(ARRIVED_SESSION_KEY, ("", ""))
    return words, username


def _context(person: User) -> str:
    return f"one-time password:{person.public_id}"
