"""A token of a link, between the address it came in and the form it is for.

It moves from the address into the session at once, so that it stands in no history, and under a new session key, so
that whoever planted the old one has nothing.
"""

from __future__ import annotations

from django.http import HttpRequest

REGISTER, INVITATION, RESET = "register", "invitation", "reset"
ALL = (REGISTER, INVITATION, RESET)


def keep(request: HttpRequest, kind: str, token: str) -> None:
    request.session.cycle_key()
    request.session[_key(kind)] = token


def kept(request: HttpRequest, kind: str) -> str:
    """The token this browser came with, or nothing; whether it works is for accounts.tokens to say."""
    return str(request.session.get(_key(kind), ""))


def forget(request: HttpRequest, kind: str) -> None:
    request.session.pop(_key(kind), None)


def is_choosing(request: HttpRequest) -> bool:
    """Whether this browser came by a link at whose end a password is chosen."""
    return any(_key(kind) in request.session for kind in ALL)


def _key(kind: str) -> str:
    return f"link:{kind}"
