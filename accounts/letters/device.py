"""Letters about the browsers that people sign in from."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.mail import Letter, absolute, letter
from accounts.models import User


@letter("new_device")
def new_device(user: User, *, device: str, address_there: str) -> Letter:
    return Letter(
        subject=_("New sign-in to Gatehouse"),
        paragraphs=[
            _("%(name)s, somebody signed in to your account with %(device)s from the address %(address)s.")
            % {"name": user.get_short_name(), "device": device, "address": address_there or "–"},
            _("If that was you, there is nothing to do. If not, sign that session out and change your password."),
        ],
        label=_("See your sessions"),
        url=absolute(reverse("accounts:profile_sessions")),
    )
