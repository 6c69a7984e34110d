"""Links that prove something: signed, for one purpose, over by time, and dead once what they were made for has changed.

A token holds no secret, and nothing of it is kept: what it was made for is read back from the row it names.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from settings_store.store import get_setting

REGISTER, INVITATION, VERIFY, RESET = (
    "accounts.register",
    "accounts.invitation",
    "accounts.verify",
    "accounts.reset",
)
# Nothing that was signed here is longer, and nothing longer is looked at.
LENGTH = 2000


def link_life() -> timedelta:
    return timedelta(hours=int(get_setting("accounts.registration.link_hours")))


def reset_life() -> timedelta:
    return timedelta(minutes=int(get_setting("accounts.password.reset_minutes")))


def for_registration(email: str) -> str:
    return signing.dumps({"email": email}, salt=REGISTER)


def registering(token: str) -> str | None:
    """The address that whoever has this token proved to be theirs; None where it is no such token, or too old."""
    facts = _read(token, REGISTER, link_life())
    return str(facts["email"]) if facts else None


def for_invitation(user: User, *, proves_address: bool) -> str:
    """`proves_address` is for a token that leaves by mail alone; one that somebody hands over proves nothing."""
    return _for_person(user, INVITATION, mailed=proves_address)


@dataclass(frozen=True, slots=True)
class Invited:
    user: User
    proves_address: bool


def invited(token: str) -> Invited | None:
    """Whom this token invites; None where it is none, was used or withdrawn, or is over."""
    found = _person(token, INVITATION, None)
    if found is None:
        return None
    user, facts = found
    if user.invited_until is None or user.invited_until <= timezone.now():
        return None
    return Invited(user, bool(facts.get("mailed")))


def for_address(user: User, email: str) -> str:
    return _for_person(user, VERIFY, email=email)


def proving(token: str) -> tuple[User, str] | None:
    """Whose address this token proves, and which; None where it is none, too old, or theirs has changed since."""
    found = _person(token, VERIFY, link_life())
    return (found[0], str(found[1]["email"])) if found else None


def for_reset(user: User) -> str:
    return _for_person(user, RESET)


def resetting(token: str) -> User | None:
    """Who may choose a new password with this token; None where it is none, was used, or is too old."""
    found = _person(token, RESET, reset_life())
    return found[0] if found else None


def _for_person(user: User, purpose: str, **facts: Any) -> str:
    return signing.dumps({"user": user.public_id.hex, "state": _state(user, purpose), **facts}, salt=purpose)


def _person(token: str, purpose: str, life: timedelta | None) -> tuple[User, dict[str, Any]] | None:
    facts = _read(token, purpose, life)
    if facts is None:
        return None
    user = User.objects.active().filter(public_id=UUID(facts["user"])).first()
    if user is None or not constant_time_compare(facts["state"], _state(user, purpose)):
        return None
    return user, facts


def _read(token: str, purpose: str, life: timedelta | None) -> dict[str, Any] | None:
    if len(token) > LENGTH:
        return None
    try:
        facts = signing.loads(token, salt=purpose, max_age=life)
    except (signing.BadSignature, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def _state(user: User, purpose: str) -> str:
    """What a token was made for; anything of it changed, and the token is dead. Holds the password's hash, keyed."""
    parts = [str(user.pk), user.password, user.email, str(user.is_active)]
    match purpose:
        case "accounts.reset":
            parts.append(user.last_login.isoformat() if user.last_login else "")
        case "accounts.invitation":
            parts.append(user.invited_until.isoformat() if user.invited_until else "")
        case "accounts.verify":
            parts.append(str(user.is_verified))
    digest = salted_hmac(purpose, "\x00".join(parts), algorithm="sha256").digest()
    # 128 bits, for links are also copied by hand.
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
