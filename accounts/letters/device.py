"""Letters about the browsers that people sign in from."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mail import Letter, absolute, letter
from accounts.models import User
from accounts.ways import provider_names, way_in_words
from ui.moments import exact


@letter("new_device")
def new_device(user: User, *, device: str, address_there: str, at: str = "", by: str = "", factor: str = "") -> Letter:
    moment = datetime.fromisoformat(at) if at else timezone.now()
    way = way_in_words(by, factor, provider_names()) or "–"
    return Letter(
        subject=_("New sign-in to Gatehouse"),
        paragraphs=[
            _("%(name)s, somebody signed in to your account with %(device)s from the address %(address)s.")
            % {"name": user.get_short_name(), "device": device, "address": address_there or "–"},
            _("When: %(moment)s (%(zone)s). How: %(way)s.")
            % {"moment": exact(moment), "zone": user.time_zone, "way": way},
            _("If that was you, there is nothing to do. If not, sign that session out and change your password."),
        ],
        label=_("See your sessions"),
        url=absolute(reverse("accounts:profile_sessions")),
    )
