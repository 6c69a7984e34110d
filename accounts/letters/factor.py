"""Letters about second factors: what came, what went, and codes that were tried."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.factors.recovery import FEW
from accounts.mail import Letter, absolute, letter
from accounts.models import User


@letter("factor_added")
def factor_added(user: User, *, factor: str, name: str) -> Letter:
    return _letter(
        user,
        _("Second factor added to your account"),
        _("%(factor)s was set up for your account.") % {"factor": _in_words(factor, name)},
        _others_out(),
    )


@letter("factor_replaced")
def factor_replaced(user: User, *, factor: str, name: str) -> Letter:
    return _letter(
        user,
        _("Second factor of your account replaced"),
        _("%(factor)s was set up in place of the one you had, which works no more.")
        % {"factor": _in_words(factor, name)},
        _others_out(),
    )


@letter("factor_removed")
def factor_removed(user: User, *, factor: str, name: str) -> Letter:
    return _letter(
        user,
        _("Second factor removed from your account"),
        _("%(factor)s was removed from your account.") % {"factor": _in_words(factor, name)},
        _others_out(),
    )


@letter("factors_reset")
def factors_reset(user: User) -> Letter:
    return _letter(
        user,
        _("Second factors of your account reset"),
        _("An admin removed all second factors from your account and signed you out everywhere."),
        _("You sign in with your password alone until you set one up again."),
        warning=_("If you did not ask for that, tell your admins at once."),
    )


@letter("recovery_codes_made")
def recovery_codes_made(user: User) -> Letter:
    return _letter(
        user,
        _("New recovery codes for your account"),
        _("New recovery codes were made for your account. The old ones work no more."),
        _others_out(),
    )


@letter("recovery_code_used")
def recovery_code_used(user: User, *, left: int) -> Letter:
    told = [_("A recovery code was used to get into your account.")]
    if left > FEW:
        told.append(ngettext("%(left)d is left.", "%(left)d are left.", left) % {"left": left})
    elif left:
        told.append(
            ngettext(
                "Only %(left)d is left. Make new ones before you need it.",
                "Only %(left)d are left. Make new ones before you need them.",
                left,
            )
            % {"left": left}
        )
    else:
        told.append(_("None is left. Make new ones now."))
    return _letter(user, _("Recovery code used"), *told)


@letter("codes_refused")
def codes_refused(user: User) -> Letter:
    return _letter(
        user,
        _("Wrong codes for your account"),
        _(
            "Somebody who knows your password, or sits at a browser you are signed in with, gave one wrong code after "
            "another. For a quarter of an hour no code of yours is taken, not even the right one."
        ),
        warning=_("If that was not you, change your password and look at your sessions."),
    )


def _letter(user: User, subject: str, *told: str, warning: str = "") -> Letter:
    paragraphs: Sequence[str] = [
        _("%(name)s, this is about your account at Gatehouse.") % {"name": user.get_short_name()},
        *told,
        warning or _("If that was not you, change your password at once and tell your admins."),
    ]
    return Letter(
        subject=subject,
        paragraphs=paragraphs,
        label=_("See the security of your account"),
        url=absolute(reverse("accounts:profile_security")),
    )


def _others_out() -> str:
    return _("All other sessions are signed out, and no device is remembered any more.")


def _in_words(factor: str, name: str) -> str:
    if factor == "app":
        return _("An authenticator app")
    return _("The passkey “%(name)s”") % {"name": name}
