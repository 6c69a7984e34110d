"""Whether a passkey is somebody's: the one place that looks, alone at the door, at the second step and at step-up.

Signatures cannot be guessed; what is counted, against the address, is the work and the noise of trying.
"""

from __future__ import annotations

from django.http import HttpRequest

from accounts import actions
from accounts.credentials import COUNTING_SECONDS
from accounts.models import Passkey, User
from accounts.webauthn import Refused, proved
from settings_store import limits
from settings_store.circumstances import current
from settings_store.store import get_setting

ADDRESS = "accounts.passkey.address"
COPIED, COPIED_SECONDS = "accounts.passkey.copied", 3600


def prove(request: HttpRequest, *, user: User | None) -> Passkey | None:
    """The passkey that this request proves, one of `user`'s or, where nobody is known yet, of anybody active; or None.

    A refusal is in the trail already; beyond the limit nothing is looked at or written. Not inside a transaction.
    """
    attempts, seconds = int(get_setting("accounts.lockout.attempts")), int(get_setting("accounts.lockout.seconds"))
    counter = (ADDRESS, current().source)
    if not limits.reserve(*counter, limit=attempts, seconds=COUNTING_SECONDS).allowed:
        return None
    alone, copied = user is None, None
    try:
        proof = proved(request, request.POST.get("credential", ""), user=user)
    except Refused as refused:
        why = str(refused)
    else:
        user = proof.passkey.user
        why = "copied" if user.is_active else "inactive"
        if user.is_active and actions.use_passkey(proof=proof):
            limits.release(*counter)
            return proof.passkey
        # One letter says it; whoever has the copy could ask for many.
        told = limits.reserve(COPIED, f"passkey:{proof.passkey.pk}", limit=1, seconds=COPIED_SECONDS)
        copied = proof.passkey if user.is_active and told.allowed else None
    limits.hold(*counter, limit=attempts, seconds=seconds)
    actions.record_refused_passkey(user=user, why=why, alone=alone, copied=copied)
    return None
