"""What somebody signed in must do before anything else is reachable; asked anew at each request, without a query."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.password_policy import may_change_here
from ui.registry import Obstacle

# How this session proved more than a password; missing where it did not.
FACTOR_SESSION_KEY = "factor"
FACTOR, PASSWORD_CHANGE = "factor", "password_change"
ALL_OBSTACLES = frozenset({FACTOR, PASSWORD_CHANGE})


def factor_due(request: HttpRequest) -> bool:
    """Whether a role asks for a second factor that this session has not proved."""
    person: Any = request.user
    # Whoever acts as somebody else proved their own.
    if getattr(request, "impersonator", None) is not None:
        return False
    return person.must_have_factor and not request.session.get(FACTOR_SESSION_KEY)


def password_change_due(request: HttpRequest) -> bool:
    """Whether the password was given by somebody else, who therefore knows it, and another can be chosen here."""
    if getattr(request, "impersonator", None) is not None:
        return False
    person: Any = request.user
    return bool(getattr(person, "must_change_password", False)) and may_change_here(person)


OBSTACLES = [
    Obstacle(FACTOR, "factor_due", _("A second factor must be given first."), factor_due),
    Obstacle(PASSWORD_CHANGE, "password_change", _("The password must be changed first."), password_change_due),
]
