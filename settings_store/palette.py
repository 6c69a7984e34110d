"""Settings and flags by their keys and names, as the palette finds them."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from settings_store.definitions import definitions
from settings_store.models import Flag
from ui.palette import FOUND, best, holds
from ui.registry import PaletteItem, PalettePage, PaletteSource

# Of flags, which lie in the database, so many are looked at.
LOOKED_AT = 2000


def _settings(_request: HttpRequest, text: str) -> list[PaletteItem]:
    # By name first, for that is what pages show; a secret has a name like any other, and its value is not looked at.
    every = [(f"{each.label} {each.key}", each) for each in definitions()]
    return [
        PaletteItem(
            each.label, reverse("settings_store:setting_edit", args=[each.key]), "sliders-horizontal", each.name
        )
        for each in best(every, text)
    ]


def _flags(_request: HttpRequest, text: str) -> list[PaletteItem]:
    rows = Flag.objects.filter(archived_at__isnull=True).order_by("key").values_list("key", "label")[:LOOKED_AT]
    found = [(key, label) for key, label in rows if holds(f"{key} {label}", text)]
    return [
        PaletteItem(label or key, reverse("settings_store:flag_edit", args=[key]), "flag", key)
        for key, label in found[:FOUND]
    ]


SETTINGS = PaletteSource("settings", _("Settings"), _settings, permission="settings.read", order=70)
FLAGS = PaletteSource("flags", _("Flags"), _flags, permission="flags.read", order=80)
PAGES = [
    PalettePage(_("Declare a setting"), "settings_store:definition_create", "plus", 4011),
    PalettePage(_("Compare environments"), "settings_store:setting_compare", "git-compare", 4012),
    PalettePage(_("Create a flag"), "settings_store:flag_create", "plus", 4021),
]
