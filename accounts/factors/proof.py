"""Whether a code is somebody's: the one place that looks, at the second step, at step-up and where a role asks.

Each try is counted against the account and against the address before it is looked at, in counters of their own.
"""

from __future__ import annotations

from enum import StrEnum

from django.views.decorators.debug import sensitive_variables

from accounts import actions
from accounts.models import User
from settings_store import limits
from settings_store.circumstances import current
from settings_store.crypto import CannotOpen
from settings_store.store import get_setting

ACCOUNT, ADDRESS = "accounts.factor.account", "accounts.factor.address"
SECONDS = 900


class Kind(StrEnum):
    """What a code is of; sessions and the trail name it so."""

    APP = "app"
    RECOVERY = "recovery"


@sensitive_variables("code")
def give(user: User, kind: Kind, code: str) -> bool:
    """Whether this cleaned code is right and was not used before; from now on it is used.

    Raises CannotOpen where the key is gone that the secret of the app was sealed with.
    """
    attempts = int(get_setting("accounts.second_factor.attempts"))
    counters = ((ACCOUNT, f"user:{user.pk}"), (ADDRESS, current().source))
    # Both are reserved before either is read, so that a refusal by one does not spare the other.
    reservations = [limits.reserve(*counter, limit=attempts, seconds=SECONDS) for counter in counters]
    tried = all(each.allowed for each in reservations)
    if tried:
        use = actions.use_app_code if kind is Kind.APP else actions.use_recovery_code
        try:
            right = use(user=user, code=code)
        except CannotOpen:
            # Nothing was tried, so nothing is counted.
            for counter in counters:
                limits.release(*counter)
            raise
        if right:
            limits.reset(*counters[0])
            limits.release(*counters[1])
            return True
    # The last of the tries begins the lock, which is told of once; what is tried during it does not make it longer.
    locked = [
        reservation.allowed and limits.hold(*counter, limit=attempts, seconds=SECONDS)
        for counter, reservation in zip(counters, reservations, strict=True)
    ]
    # Beyond the limits nothing is written, so that a flood leaves no more than these.
    if tried or locked[0]:
        actions.record_refused_code(user=user, kind=kind, tell=locked[0])
    return False
