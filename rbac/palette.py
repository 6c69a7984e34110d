"""Roles, as the palette finds them."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from rbac.models import Role
from ui.palette import best
from ui.registry import PaletteItem, PalettePage, PaletteSource

# There are few of them; what is typed is looked for in so many.
LOOKED_AT = 500


def _roles(_request: HttpRequest, text: str) -> list[PaletteItem]:
    rows = Role.objects.by_rank().values_list("name", "public_id", "description")[:LOOKED_AT]
    return best(
        (
            (name, PaletteItem(name, reverse("rbac:role_detail", args=[public_id]), "shield", description))
            for name, public_id, description in rows
        ),
        text,
    )


ROLES = PaletteSource("roles", _("Roles"), _roles, permission="roles.read", order=30)
PAGES = [
    PalettePage(_("Invite somebody"), "rbac:invite", "user-plus", 3013),
    PalettePage(_("Create a role"), "rbac:role_create", "plus", 3021),
    PalettePage(_("Permissions"), "rbac:permission_list", "key-round", 3022),
    PalettePage(_("Access reviews"), "rbac:review_list", "stamp", 3023),
    PalettePage(_("Why? Who may?"), "rbac:why", "circle-question-mark", 3024),
]
