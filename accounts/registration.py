"""Who may make an account of their own, by the policy of this moment (accounts.registration.*)."""

from __future__ import annotations

from accounts.domains import is_listed
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
