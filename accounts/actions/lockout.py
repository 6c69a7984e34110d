"""Who is locked out: noted once for each lock, told to the person alone, and ended before its time by an admin."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts import rules
from accounts.mail import send_later
from accounts.models import Lockout, User
from settings_store import audit, limits
from settings_store.circumstances import current
from ui.devices import device_in_words

# What wrong passwords of an account are counted in, and how many of its locks followed one another.
ACCOUNT, LOCKS = "accounts.password.account", "accounts.password.locks"


def subject_of(user: User) -> str:
    return f"user:{user.pk}"


def forget_wrong(user: User) -> None:
    """Begin anew with somebody: no wrong password counts any more, and no lock of theirs holds."""
    limits.reset(ACCOUNT, subject_of(user), also=[LOCKS])
    Lockout.objects.filter(user=user).delete()


@transaction.atomic
def record_lock(*, user: User, begun_at: datetime, until: datetime, strikes: int) -> None:
    """Note that too many wrong passwords locked somebody out until then, for the `strikes`th time in a row."""
    here = current()
    facts = {"begun_at": begun_at, "until": until, "strikes": strikes, "address": here.address}
    Lockout.objects.update_or_create(user=user, defaults=facts)
    send_later(
        "locked",
        to=user,
        begun_at=begun_at.isoformat(),
        until=until.isoformat(),
        device=device_in_words(here.user_agent),
        address_there=here.address or "",
    )
    audit.record("user.locked", actor=None, target=user, after={"until": until, "locks_in_a_row": strikes})


@transaction.atomic
def unlock_user(*, actor: User | None, user: User) -> bool:
    """Let somebody try again at once, as if no password had been wrong; answers whether they were locked out.

    An address from which the wrong ones came stays locked for its time.
    """
    rules.ask(actor, user, "unlock")
    lockout = Lockout.objects.select_for_update().holding().filter(user=user).first()
    if lockout is None:
        # Wrong passwords that locked nobody out are forgotten by none but the right one.
        return False
    forget_wrong(user)
    audit.record(
        "user.unlocked",
        actor=actor,
        target=user,
        before={"until": lockout.until, "locks_in_a_row": lockout.strikes},
    )
    return True
