"""Who may make an account of their own, by the policy of this moment (accounts.registration.*)."""

from __future__ import annotations

import re

from accounts.domains import is_listed
from accounts.models import User
from accounts.names import normalised
from settings_store.store import get_setting

OFF, INVITATION, DOMAINS, OPEN = "off", "invitation", "domains", "open"


def policy() -> str:
    return str(get_setting("accounts.registration.policy"))


def is_offered() -> bool:
    """Whether anybody at all may register by themselves."""
    return policy() in {DOMAINS, OPEN}


def may_register(email: str) -> bool:
    """Whether the owner of this address may make an account; that it is theirs is proved elsewhere."""
    match policy():
        case "open":
            return True
        case "domains":
            return is_listed(email, str(get_setting("accounts.registration.domains")))
        case _:
            return False


def may_invite() -> bool:
    """Whether people may be let in by the link of an invitation."""
    return policy() != OFF


def suggested_username(email: str) -> str:
    """A free username like the part of the address before the @; somebody else may still take it."""
    wanted = re.sub(r"[^\w.+-]", "", normalised(email.rpartition("@")[0])).lstrip(".+-")[:100] or "user"
    taken = set(
        User.objects.filter(username_key__startswith=normalised(wanted)).values_list("username_key", flat=True)[:1000]
    )
    numbered = (f"{wanted}{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *numbered) if normalised(name) not in taken)
