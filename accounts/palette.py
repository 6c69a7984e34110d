"""People, as the palette finds them."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from ui.palette import FOUND
from ui.registry import PaletteItem, PalettePage, PaletteSource


def _people(request: HttpRequest, text: str) -> list[PaletteItem]:
    viewer = request.user
    if not isinstance(viewer, User):
        return []
    people = User.objects.visible_to(viewer).matching(text).order_by("name_key", "pk")
    return [
        PaletteItem(str(person), reverse("accounts:user_detail", args=[person.public_id]), "user", person.email)
        for person in people.only("public_id", "username", "full_name", "email")[:FOUND]
    ]


PEOPLE = PaletteSource("people", _("People"), _people, permission="users.read", order=20)
PAGES = [
    PalettePage(_("Create a person"), "accounts:user_create", "user-plus", 3010),
    PalettePage(_("Import people"), "accounts:user_import_new", "upload", 3011),
    PalettePage(_("Teams"), "accounts:team_tree", "users", 3012),
    PalettePage(_("Add an identity provider"), "accounts:identity_provider_create", "plus", 3030),
    PalettePage(_("Your profile"), "accounts:profile", "circle-user", 9010),
    PalettePage(_("Your security"), "accounts:profile_security", "shield-check", 9020),
    PalettePage(_("Your sessions"), "accounts:profile_sessions", "fingerprint", 9030),
    PalettePage(_("Change password"), "password_change", "key-round", 9040),
]
