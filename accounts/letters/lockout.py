"""Letters about accounts that are locked."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.mail import Letter, absolute, letter
from accounts.models import User
from ui import moments


@letter("locked")
def locked(user: User, *, begun_at: str, until: str, device: str, address_there: str) -> Letter:
    return Letter(
        subject=_("Wrong passwords for your Gatehouse account"),
        paragraphs=[
            _(
                "%(name)s, on %(when)s somebody had given too many wrong passwords for your account, the last one with "
                "%(device)s from the address %(address)s."
            )
            % {
                "name": user.get_short_name(),
                "when": moments.exact(datetime.fromisoformat(begun_at)),
                "device": device,
                "address": address_there or "–",
            },
            _(
                "Until %(until)s no password is tried for it, not even the right one. An admin can let you in before. "
                "Where you are signed in already, nothing changes."
            )
            % {"until": moments.exact(datetime.fromisoformat(until))},
            _(
                "If that was not you, nobody got in. A password that you use nowhere else, and a second factor, keep "
                "it that way."
            ),
        ],
        label=_("Open your profile"),
        url=absolute(reverse("accounts:profile")),
    )
