"""Recovery codes: eighty random bits each, for the day the app or the passkey is lost.

Only their SHA-256 is kept; so many random bits need no slow hash. Between making and reading they lie sealed in the
session of their person.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from hashlib import sha256

from django.contrib.sessions.backends.base import SessionBase

from accounts.models import User
from settings_store import crypto

COUNT, LENGTH = 10, 16
# From this many on the person is reminded to make new ones.
FEW = 3
# Crockford's thirty-two: no letter that is mistaken for a digit when it is read or said aloud.
LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
SESSION_KEY, SHOWN_SECONDS = "recovery_codes", 600

_CODE = re.compile(rf"[{LETTERS}]{{{LENGTH}}}", re.ASCII)
_ALIKE = str.maketrans("oil", "011", "-")


def new_codes() -> list[str]:
    """A set of codes as they are shown: groups of four."""
    codes = ("".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in range(COUNT))
    return ["-".join(code[at : at + 4] for at in range(0, LENGTH, 4)) for code in codes]


def cleaned(typed: str) -> str | None:
    """The code that somebody typed, whatever is between its groups; None where it cannot be one."""
    code = "".join(typed.split()).lower().translate(_ALIKE)
    return code if _CODE.fullmatch(code) else None


def digest(user: User, code: str) -> str:
    """What is kept of a cleaned code; the same code of somebody else's leaves another."""
    return sha256(f"{user.public_id}:{code}".encode()).hexdigest()


def keep(session: SessionBase, user: User, codes: list[str]) -> None:
    """Keep new codes for the page that shows them to their person."""
    sealed = crypto.seal(json.dumps(codes).encode(), context=_context(user))
    session[SESSION_KEY] = {"sealed": base64.b64encode(sealed).decode(), "at": time.time()}


def kept(session: SessionBase, user: User) -> list[str]:
    """The codes made in this session a moment ago; none once they were put away, or after ten minutes.

    Raises CannotOpen where their key was dropped in between.
    """
    waiting = session.get(SESSION_KEY)
    if waiting is None or time.time() - waiting["at"] > SHOWN_SECONDS:
        return []
    codes: list[str] = json.loads(crypto.open_sealed(base64.b64decode(waiting["sealed"]), context=_context(user)))
    return codes


def put_away(session: SessionBase) -> None:
    session.pop(SESSION_KEY, None)


def _context(user: User) -> str:
    return f"recovery codes:{user.public_id}"
