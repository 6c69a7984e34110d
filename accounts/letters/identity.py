"""Letters about the identity providers of an account."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.mail import Letter, absolute, letter
from accounts.models import User


@letter("identity_connected")
def identity_connected(user: User, *, provider: str) -> Letter:
    return Letter(
        subject=_("You can sign in to Gatehouse with %(provider)s") % {"provider": provider},
        paragraphs=[
            _("%(name)s, your account was connected with %(provider)s: from now on that signs you in.")
            % {"name": user.get_short_name(), "provider": provider},
            _("If that was not you, tell an admin at once."),
        ],
        label=_("See the security of your account"),
        url=absolute(reverse("accounts:profile_security")),
    )


@letter("identity_disconnected")
def identity_disconnected(user: User, *, provider: str) -> Letter:
    return Letter(
        subject=_("%(provider)s no longer signs you in to Gatehouse") % {"provider": provider},
        paragraphs=[
            _("%(name)s, your account is no longer connected with %(provider)s.")
            % {"name": user.get_short_name(), "provider": provider},
            _("All other sessions are signed out, and no device is remembered any more."),
            _("If that was not you, change your password and tell an admin at once."),
        ],
        label=_("See the security of your account"),
        url=absolute(reverse("accounts:profile_security")),
    )
