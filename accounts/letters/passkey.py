"""Letters about passkeys."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.mail import Letter, absolute, letter
from accounts.models import User


@letter("passkey_copied")
def passkey_copied(user: User, *, name: str) -> Letter:
    return Letter(
        subject=_("A passkey of your account may have been copied"),
        paragraphs=[
            _("%(name)s, this is about your account at Gatehouse.") % {"name": user.get_short_name()},
            _(
                "Somebody gave your passkey “%(name)s”, and it had counted fewer signatures than when it was used "
                "before. That happens where a passkey was copied. It was refused."
            )
            % {"name": name},
            _("Remove that passkey, set up a new one, and tell your admins."),
        ],
        label=_("See the security of your account"),
        url=absolute(reverse("accounts:profile_security")),
    )
