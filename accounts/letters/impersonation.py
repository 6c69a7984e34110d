"""Letters about somebody who acts as another."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from accounts.mail import Letter, letter
from accounts.models import User
from ui import moments


@letter("impersonated")
def impersonated(user: User, *, by: str, reason: str, until: str) -> Letter:
    return Letter(
        subject=_("%(by)s acts as you in Gatehouse") % {"by": by},
        paragraphs=[
            _("%(name)s, from now until %(until)s at the latest, %(by)s sees and does in Gatehouse what you can.")
            % {"name": user.get_short_name(), "by": by, "until": moments.exact(datetime.fromisoformat(until))},
            _("The reason given: %(reason)s") % {"reason": reason},
            _(
                "Your password, second factors and sessions stay out of their reach, and the audit trail names them "
                "beside you in everything that is done. If you did not expect this, ask them."
            ),
        ],
    )
