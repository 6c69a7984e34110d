"""Whether a password is somebody's: the one place that looks, however the question arrives.

Every question costs one password hash, whether the account exists, is inactive, or is locked, and every refusal at the
door comes at the same moment, so that neither the answer nor its time tells which. What a guess may cost an account or
an address is counted before it is looked at. Each lock of an account that follows another takes twice as long, also
where nobody has the name.
"""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.actions.entry import record_failed_sign_in
from accounts.actions.lockout import ACCOUNT, LOCKS, forget_wrong, record_lock, subject_of
from accounts.hashing import Crowded, hashing
from accounts.models import User
from accounts.names import normalised, storable
from settings_store import limits
from settings_store.circumstances import current
from settings_store.database import close_connections
from settings_store.store import get_setting

ADDRESS = "accounts.password.address"
PASSWORD_LENGTH = 1000
# Wrong passwords further apart than this are no attack, and are not added up.
COUNTING_SECONDS = 900
# After so long without a wrong password the next lock is a first one again.
LOCKS_SECONDS = 24 * 3600


@sensitive_variables("password")
def check(identifier: str, password: str) -> User | None:
    """The active person with this e-mail address or username and password, else None.

    A wrong one is in the trail already; beyond the limits nothing is written, for a flood would never end.
    """
    person = User.objects.named(identifier).first()
    subject = subject_of(person) if person else f"name:{normalised(identifier)}"
    proved = _proved(person, subject, password)
    if proved is False:
        record_failed_sign_in(user=person)
    return person if proved else None


@sensitive_variables("password")
def confirm(person: User, password: str) -> bool:
    """Whether this is the password of somebody already signed in; counts against the same limits as signing in."""
    return bool(_proved(person, subject_of(person), password))


def wait_out_refusal() -> None:
    """Return at the next multiple of REFUSAL_SECONDS since the request came: the last thing before a refusal is said.

    How long a hash of an older kind takes, or what had to be written down, is then in no answer.
    """
    pause, came = settings.REFUSAL_SECONDS, current().came
    if not pause or came is None:
        return
    # Others can use it meanwhile.
    close_connections()
    time.sleep((came - time.monotonic()) % pause)


def one_time_password() -> str:
    """A random password to hand over once: 100 bits in groups that can be read out."""
    # Nobody mistakes one of these for another, also when read aloud.
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


@sensitive_variables("password")
def _proved(person: User | None, subject: str, password: str) -> bool | None:
    """Whether it is theirs; None where a limit kept it from being looked at."""
    attempts, seconds = get_setting("accounts.lockout.attempts"), get_setting("accounts.lockout.seconds")
    counters = ((ACCOUNT, subject), (ADDRESS, current().source))
    # Both are reserved before either is read, so that a refusal by one does not spare the other.
    reservations = [limits.reserve(*counter, limit=attempts, seconds=COUNTING_SECONDS) for counter in counters]
    allowed = all(reservation.allowed for reservation in reservations) and storable(password)
    try:
        with hashing():
            if person is None or not allowed:
                make_password(password if storable(password) else "")
                right = False
            else:
                # Also hashes for somebody inactive or without a password; an older kind of hash is renewed where it
                # fits.
                right = person.check_password(password) and person.is_active
    except Crowded:
        # Nothing was tried, so nothing is counted.
        for counter, reservation in zip(counters, reservations, strict=True):
            if reservation.allowed:
                limits.release(*counter)
        raise
    if right and person is not None:
        forget_wrong(person)
        limits.release(*counters[1])
        return True
    account, address = reservations
    if address.allowed:
        limits.hold(*counters[1], limit=attempts, seconds=seconds)
    if account.allowed:
        limits.prolong(LOCKS, subject, seconds=LOCKS_SECONDS)
        # The last of the attempts begins the lock; guesses made during it do not make it longer.
        if limits.hold(*counters[0], limit=attempts, seconds=seconds):
            _lock(person, subject, seconds)
    return False if all(reservation.allowed for reservation in reservations) else None


def _lock(person: User | None, subject: str, seconds: int) -> None:
    """Make the lock that has just begun as long as it must be, and tell its person; called once for each lock."""
    locks = limits.tally(LOCKS, subject, seconds=LOCKS_SECONDS)
    # Beyond thirty doublings every length is the longest.
    length = min(seconds * 2 ** min(locks - 1, 30), int(get_setting("accounts.lockout.longest_seconds")))
    now = timezone.now()
    limits.prolong(ACCOUNT, subject, seconds=length)
    if person is not None and person.is_active:
        record_lock(user=person, begun_at=now, until=now + timedelta(seconds=length), strikes=locks)
