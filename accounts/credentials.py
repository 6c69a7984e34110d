"""Whether a password is somebody's: the one place that looks, however the question arrives.

Every question costs one password hash, whether the account exists, is inactive, or is locked, and every refusal at the
door comes at the same moment, so that neither the answer nor its time tells which. What a guess may cost an account or
an address is counted before it is looked at. Each lock of an account that follows another takes twice as long, also
where nobody has the name.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import BoundedSemaphore

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.models import Lockout, User
from accounts.names import normalised, storable
from settings_store import limits
from settings_store.circumstances import current
from settings_store.store import get_setting

ACCOUNT, ADDRESS = "accounts.password.account", "accounts.password.address"
# How many locks of an account followed one another.
LOCKS = "accounts.password.locks"
PASSWORD_LENGTH = 1000
# Wrong passwords further apart than this are no attack, and are not added up.
COUNTING_SECONDS = 900
# After so long without a wrong password the next lock is a first one again.
LOCKS_SECONDS = 24 * 3600

# A hash takes a tenth of a second of processor time or two, and 100 MB: a crowd at the door waits here, not in swap,
# and half of the cores stay with those who are inside.
turns = BoundedSemaphore(max(1, (os.cpu_count() or 2) // 2))
# Browsers and proxies wait longer than this, and people hardly.
WAIT_SECONDS = 10


class Crowded(Exception):
    """So many passwords are being checked that the turn of this one did not come."""


@contextmanager
def hashing() -> Iterator[None]:
    """A turn at hashing; whoever must wait for it leaves their connection to those who can use it."""
    if not turns.acquire(blocking=False):
        if not connection.in_atomic_block:
            connection.close()
        if not turns.acquire(timeout=WAIT_SECONDS):
            raise Crowded
    try:
        yield
    finally:
        turns.release()


@sensitive_variables("password")
def check(identifier: str, password: str) -> User | None:
    """The active person with this e-mail address or username and password, else None."""
    person = User.objects.named(identifier).first()
    subject = _subject(person) if person else f"name:{normalised(identifier)}"
    return person if _proved(person, subject, password) else None


@sensitive_variables("password")
def confirm(person: User, password: str) -> bool:
    """Whether this is the password of somebody already signed in; counts against the same limits as signing in."""
    return _proved(person, _subject(person), password)


def wait_out_refusal() -> None:
    """Return at the next multiple of REFUSAL_SECONDS since the request came: the last thing before a refusal is said.

    How long a hash of an older kind takes, or what had to be written down, is then in no answer.
    """
    pause, came = settings.REFUSAL_SECONDS, current().came
    if not pause or came is None:
        return
    if not connection.in_atomic_block:
        # Others can use it meanwhile.
        connection.close()
    time.sleep((came - time.monotonic()) % pause)


def forget_wrong(person: User) -> None:
    """Begin anew with somebody: no wrong password counts any more, and no lock of theirs holds."""
    limits.reset(ACCOUNT, _subject(person), also=[LOCKS])
    Lockout.objects.filter(user=person).delete()


def one_time_password() -> str:
    """A random password to hand over once: 100 bits in groups that can be read out."""
    # Nobody mistakes one of these for another, also when read aloud.
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


@sensitive_variables("password")
def _proved(person: User | None, subject: str, password: str) -> bool:
    attempts, seconds = get_setting("accounts.lockout.attempts"), get_setting("accounts.lockout.seconds")
    counters = ((ACCOUNT, subject), (ADDRESS, current().address or "unknown"))
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
    return False


def _lock(person: User | None, subject: str, seconds: int) -> None:
    """Make the lock that has just begun as long as it must be, and tell its person; called once for each lock."""
    from accounts.actions.lockout import record_lock  # actions hash passwords, and so need this module first

    locks = limits.tally(LOCKS, subject, seconds=LOCKS_SECONDS)
    # Beyond thirty doublings every length is the longest.
    length = min(seconds * 2 ** min(locks - 1, 30), int(get_setting("accounts.lockout.longest_seconds")))
    now = timezone.now()
    limits.prolong(ACCOUNT, subject, seconds=length)
    if person is not None and person.is_active:
        record_lock(user=person, begun_at=now, until=now + timedelta(seconds=length), strikes=locks)


def _subject(person: User) -> str:
    return f"user:{person.pk}"
