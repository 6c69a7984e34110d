"""The settings of the ground floor itself."""

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
