"""The settings of the ground floor itself."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from settings_store.store import define

# What a list of them holds, each with the space after it. A network that is none is in no list: it lets nobody in.
_HOST = r"((\*\.)?[^\s*/:@?#]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(\s+|$)"
_NETWORK = r"(((25[0-5]|2[0-4]\d|1?\d?\d)[./]){4}([12]?\d|3[0-2])|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/1?\d?\d)(\s+|$)"

REASON_REQUIRED = define(
    "settings_store.reason_required",
    type="boolean",
    default=False,
    label=_("Ask why a setting is changed"),
    help=_("A change then needs a reason of at least 10 characters; it stays in the history."),
    category=_("Settings"),
)

FLAGS_STALE_AFTER = define(
    "flags.stale_after",
    type="duration",
    default=timedelta(days=30),
    label=_("Flags go stale after"),
    help=_("A flag that nobody evaluated for so long, or that decided the same for everybody, is marked in the list."),
    category=_("Flags"),
    minimum=86_400,
)

OUTBOUND_HOSTS = define(
    "outbound.allowed_hosts",
    type="text",
    default="",
    label=_("Public servers that may be called"),
    help=_(
        "One to a line: names such as api.example.org, *.example.org for all below it, or addresses. Empty lets model "
        "servers and identity providers be anywhere in public."
    ),
    category=_("Outbound"),
    required=False,
    pattern=rf"\s*({_HOST})*",
    pattern_help=_("Write one name or address to a line, such as api.example.org or *.example.org."),
    max_length=5000,
)
OUTBOUND_NETWORKS = define(
    "outbound.private_networks",
    type="text",
    default="10.0.0.0/8\n172.16.0.0/12\n192.168.0.0/16\n127.0.0.0/8\n100.64.0.0/10\n::1/128\nfc00::/7",
    label=_("Private networks that may be reached"),
    help=_(
        "One to a line, as 10.0.0.0/8. Only servers that were let into private networks reach them at all; empty, none "
        "does. What no list allows: addresses where clouds tell about the machine itself."
    ),
    category=_("Outbound"),
    required=False,
    pattern=rf"\s*({_NETWORK})*",
    pattern_help=_("Write one network to a line, such as 10.20.0.0/16 or fd00::/8."),
    max_length=5000,
)
