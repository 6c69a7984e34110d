"""Whether a password is somebody's: the one place that looks, however the question arrives.

Every question costs one password hash, whether the account exists, is inactive, or is locked, so that neither the
answer nor its time tells which. What a guess may cost an account or an address is counted before it is looked at.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.contrib.auth.hashers import make_password
from django.db import connection
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from accounts.names import normalised, storable
from settings_store import limits
from settings_store.circumstances import current
from settings_store.store import get_setting

ACCOUNT, ADDRESS = "accounts.password.account", "accounts.password.address"
PASSWORD_LENGTH = 1000
# Wrong passwords further apart than this are no attack, and are not added up.
COUNTING_SECONDS = 900

# A hash takes most of a core for a tenth of a second and 100 MB: a crowd at the door waits here, not in swap.
turns = BoundedSemaphore(max(2, os.cpu_count() or 2))
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
    subject = f"user:{person.pk}" if person else f"name:{normalised(identifier)}"
    return person if _proved(person, subject, password) else None


@sensitive_variables("password")
def confirm(person: User, password: str) -> bool:
    """Whether this is the password of somebody already signed in; counts against the same limits as signing in."""
    return _proved(person, f"user:{person.pk}", password)


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
    if right:
        limits.reset(*counters[0])
        limits.release(*counters[1])
        return True
    for counter, reservation in zip(counters, reservations, strict=True):
        if reservation.allowed:
            # The last of the attempts begins the lock; guesses made during it do not make it longer.
            limits.hold(*counter, limit=attempts, seconds=seconds)
    return False
