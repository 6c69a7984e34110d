"""What a new password must be, by the settings of this moment (accounts.password.*), and who may choose one here.

The validators stand in AUTH_PASSWORD_VALIDATORS, so forms, actions and commands all ask the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables
from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # the package has no types

from accounts.domains import is_listed
from accounts.hashing import hashing
from accounts.models import User
from settings_store.store import get_setting

# What is looked at of a password; what lies behind it makes no guess easier. Letters with many look-alikes, as 4 and @,
# cost far more than the square of their number: a third of a second at this length, ten seconds at 100.
LOOKED_AT = 40


@dataclass(frozen=True, slots=True)
class Strength:
    """How hard a password is to guess, from 0 to 4, and what would make it harder."""

    score: int
    advice: str

    @property
    def word(self) -> str:
        return (_("very weak"), _("weak"), _("fair"), _("good"), _("strong"))[self.score]


@sensitive_variables("password")
def strength_of(password: str, *known: str) -> Strength:
    """How hard this is to guess for somebody who knows the words of `known`, as the names of its owner."""
    words = [part for name in known for part in [name[:LOOKED_AT], *name[:LOOKED_AT].replace("@", " ").split()] if part]
    found = zxcvbn(password[:LOOKED_AT], user_inputs=words, max_length=LOOKED_AT)
    said = [found["feedback"]["warning"], *found["feedback"]["suggestions"]]
    return Strength(int(found["score"]), " ".join(_(sentence) for sentence in said if sentence))


def may_change_here(user: User) -> bool:
    """Whether this person chooses passwords here, or has an address whose passwords are kept elsewhere."""
    return not is_listed(user.email, str(get_setting("accounts.password.elsewhere")))


class LengthValidator:
    """At least accounts.password.min_length characters."""

    def validate(self, password: str, user: Any = None) -> None:
        shortest = int(get_setting("accounts.password.min_length"))
        if len(password) < shortest:
            raise ValidationError(
                ngettext(
                    "This password is too short: it must have at least %(count)d character.",
                    "This password is too short: it must have at least %(count)d characters.",
                    shortest,
                )
                % {"count": shortest},
                code="password_too_short",
            )

    def get_help_text(self) -> str:
        return rules_in_words()


class StrengthValidator:
    """At least accounts.password.min_score on the scale of zxcvbn, for somebody who knows the person's names."""

    def validate(self, password: str, user: Any = None) -> None:
        least = int(get_setting("accounts.password.min_score"))
        if not least:
            return
        names = (user.username, user.email, user.full_name) if isinstance(user, User) else ()
        # The dearest of passwords costs as much as a hash.
        with hashing():
            strength = strength_of(password, *names)
        if strength.score < least:
            sentence = _("This password is too easy to guess.")
            raise ValidationError(f"{sentence} {strength.advice}".strip(), code="password_too_weak")

    def get_help_text(self) -> str:
        # Said with the length already.
        return ""


def rules_in_words() -> str:
    """The rules of this moment, in a sentence or two for the help of a field."""
    shortest, least = int(get_setting("accounts.password.min_length")), int(get_setting("accounts.password.min_score"))
    rules = _("At least %(count)d characters; not a common password, not only digits, not like your name or address.")
    hard = _("Hard to guess: a few uncommon words do best.") if least else ""
    return f"{rules % {'count': shortest}} {hard}".strip()
