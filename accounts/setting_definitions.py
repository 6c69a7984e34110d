"""The settings of sign-in, registration, passwords, second factors and sessions."""

from django.utils.translation import gettext_lazy as _

from settings_store.store import define

# One domain to a line, each with dots and no @; a star in front stands for all below it.
DOMAINS = r"\s*((\*\.)?[\w-]+(\.[\w-]+)+\s*)*"

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
    "accounts.registration.policy",
    type="choice",
    default="invitation",
    label=_("Who may register"),
    help=_(
        "Off: accounts are made by admins alone. By invitation: also by the link of an invitation. Listed domains: "
        "also whoever has an address in one of them. Open: everybody with an email address."
    ),
    category=_("Accounts"),
    choices=(
        ("off", _("Off")),
        ("invitation", _("By invitation")),
        ("domains", _("Listed domains")),
        ("open", _("Open")),
    ),
)
define(
    "accounts.registration.domains",
    type="text",
    default="",
    label=_("Domains that may register"),
    help=_(
        "One to a line, such as example.org; *.example.org stands for all below it. Counts where listed domains may "
        "register."
    ),
    category=_("Accounts"),
    required=False,
    pattern=DOMAINS,
    pattern_help=_("Write one domain to a line, such as example.org or *.example.org."),
    max_length=5000,
)
define(
    "accounts.registration.link_hours",
    type="integer",
    default=24,
    label=_("Life of a registration link"),
    help=_("How long the link works that proves an email address."),
    category=_("Accounts"),
    minimum=1,
    maximum=168,
    unit=_("hours"),
)
define(
    "accounts.registration.invitation_days",
    type="integer",
    default=7,
    label=_("Life of an invitation"),
    help=_("How long its link works, unless the invitation itself says otherwise."),
    category=_("Accounts"),
    minimum=1,
    maximum=90,
    unit=_("days"),
)
define(
    "accounts.password.min_length",
    type="integer",
    default=12,
    label=_("Shortest password"),
    help=_("Counts for passwords chosen from now on."),
    category=_("Accounts"),
    minimum=12,
    maximum=64,
    unit=_("characters"),
)
define(
    "accounts.password.min_score",
    type="integer",
    default=2,
    label=_("Weakest password"),
    help=_(
        "How hard a new password must be to guess, from 0 (anything long enough) to 4 (very hard); what the meter "
        "beside the field shows."
    ),
    category=_("Accounts"),
    minimum=0,
    maximum=4,
)
define(
    "accounts.password.reset_minutes",
    type="integer",
    default=60,
    label=_("Life of a reset link"),
    help=_("How long the link of a forgotten password works."),
    category=_("Accounts"),
    minimum=5,
    maximum=1440,
    unit=_("minutes"),
)
define(
    "accounts.password.elsewhere",
    type="text",
    default="",
    label=_("Domains whose passwords are kept elsewhere"),
    help=_(
        "One to a line. Whoever has an address in one of them neither changes nor resets a password here; they sign in "
        "with their identity provider, or with what an admin gives them."
    ),
    category=_("Accounts"),
    required=False,
    pattern=DOMAINS,
    pattern_help=_("Write one domain to a line, such as example.org or *.example.org."),
    max_length=5000,
)
define(
    "accounts.second_factor.domains",
    type="text",
    default="",
    label=_("Domains that may set up second factors"),
    help=_("One to a line; empty for everybody. People whose role asks for a second factor may always set one up."),
    category=_("Accounts"),
    required=False,
    pattern=DOMAINS,
    pattern_help=_("Write one domain to a line, such as example.org or *.example.org."),
    max_length=5000,
)
define(
    "accounts.second_factor.attempts",
    type="integer",
    default=5,
    label=_("Wrong codes before a lock"),
    help=_("Counted for each account and for each address, within a quarter of an hour."),
    category=_("Accounts"),
    minimum=3,
    maximum=20,
)
define(
    "accounts.second_factor.remember_days",
    type="integer",
    default=30,
    label=_("Remember a device"),
    help=_("How long a browser spares its person the second step where they ask for it; 0 never offers it."),
    category=_("Accounts"),
    minimum=0,
    maximum=90,
    unit=_("days"),
)
define(
    "accounts.second_factor.passkey_sign_in",
    type="boolean",
    default=True,
    label=_("Sign in with a passkey alone"),
    help=_("A passkey that verified its person stands for password and second factor."),
    category=_("Accounts"),
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
    label=_("Length of the first lock"),
    help=_("How long no password is tried after that many wrong ones. Each further lock takes twice as long."),
    category=_("Accounts"),
    minimum=10,
    maximum=86_400,
    unit=_("seconds"),
)
define(
    "accounts.lockout.longest_seconds",
    type="integer",
    default=3600,
    label=_("Longest lock"),
    help=_("However many locks follow one another, none takes longer. A day without wrong passwords begins anew."),
    category=_("Accounts"),
    minimum=10,
    maximum=86_400,
    unit=_("seconds"),
)
