"""The settings of the ground floor itself."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from settings_store.store import define

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
