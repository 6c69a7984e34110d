"""The settings of sign-in and sessions."""

from django.utils.translation import gettext_lazy as _

from settings_store.store import define

define(
    "accounts.session.idle_minutes",
    type="integer",
    default=720,
    label=_("Idle time before sign-out"),
    help=_("A session that does nothing for this long ends."),
    category=_("Accounts"),
    minimum=5,
    maximum=43_200,
    unit=_("minutes"),
)
define(
    "accounts.session.absolute_hours",
    type="integer",
    default=168,
    label=_("Longest session"),
    help=_("However busy a session is, it ends this long after the person signed in."),
    category=_("Accounts"),
    minimum=1,
    maximum=720,
    unit=_("hours"),
)
define(
    "accounts.lockout.attempts",
    type="integer",
    default=10,
    label=_("Wrong passwords before a lock"),
    help=_("Counted for each account and for each address."),
    category=_("Accounts"),
    minimum=3,
    maximum=100,
)
define(
    "accounts.lockout.seconds",
    type="integer",
    default=60,
    label=_("Length of the lock"),
    help=_("How long no password is tried after that many wrong ones."),
    category=_("Accounts"),
    minimum=10,
    maximum=86_400,
    unit=_("seconds"),
)
