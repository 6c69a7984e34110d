"""Who has which factors, who may set one up, and what a session proved with them."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from accounts.domains import is_listed
from accounts.models import Passkey, RecoveryCode, Totp, User
from accounts.obstacles import FACTOR_SESSION_KEY
from settings_store.store import get_setting

# A remembered browser spares the second step; it proves nobody.
REMEMBERED = "device"


@dataclass(frozen=True, slots=True)
class Factors:
    """What somebody has to prove themselves with besides a password."""

    app: Totp | None
    passkeys: list[Passkey]
    codes_left: int

    @property
    def any(self) -> bool:
        return self.app is not None or bool(self.passkeys)


def factors_of(user: User) -> Factors:
    """In three queries."""
    return Factors(
        Totp.objects.filter(user=user).first(),
        list(Passkey.objects.filter(user=user).order_by("created_at", "pk")),
        RecoveryCode.objects.filter(user=user).unused().count(),
    )


def may_set_up(user: User) -> bool:
    """Whether this person may set up a factor: by their domain, or because a role asks for one."""
    domains = str(get_setting("accounts.second_factor.domains"))
    return not domains.strip() or is_listed(user.email, domains) or user.must_have_factor


def is_proved(request: HttpRequest) -> bool:
    """Whether a factor itself was given in this session, not only spared it by a remembered browser."""
    return request.session.get(FACTOR_SESSION_KEY, "") not in {"", REMEMBERED}
