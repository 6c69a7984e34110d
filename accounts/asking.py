"""How often somebody who is nobody yet may have letters sent: exact, for each address asked from and each one named."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts import mail
from accounts.names import key_of
from settings_store import limits
from settings_store.circumstances import current

SOURCE, NAMED = "accounts.letters.source", "accounts.letters.named"
SECONDS = 3600
# An office may share one address; one mailbox is one person's.
FROM_ONE_SOURCE, TO_ONE_NAME = 30, 5


def may_ask(name: str) -> bool:
    """Count one more letter asked for `name` from here; False where that is one too many. Not inside a transaction."""
    counters = ((SOURCE, current().source, FROM_ONE_SOURCE), (NAMED, key_of(name), TO_ONE_NAME))
    # Both are counted before either is looked at, so that a refusal by one does not spare the other.
    taken = [limits.reserve(scope, subject, limit=limit, seconds=SECONDS) for scope, subject, limit in counters]
    return all(each.allowed for each in taken)


def answered(sent: str) -> str:
    """What to say to whoever asked for a letter: `sent`, or where it lies if none leaves this machine."""
    return (
        sent if mail.is_sent() else _("A letter was written. This installation sends no mail: it lies on its server.")
    )


def too_often() -> str:
    return _("Letters were asked for too often. Look into the folder for spam, and try again in an hour.")
