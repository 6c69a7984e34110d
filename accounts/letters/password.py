"""Letters about passwords: a new one is asked for, or has been chosen."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import tokens
from accounts.mail import Letter, absolute, letter, link
from accounts.models import User
from accounts.password_policy import may_change_here


@letter("password_reset")
def password_reset(user: User) -> Letter | None:
    if not user.is_active:
        return None
    if user.invited_until is not None:
        return _no_reset(
            user,
            _("You have been invited and have not accepted yet, so there is no password to replace."),
            _("Use the link of the invitation. Where it is over, ask whoever invited you for another one."),
        )
    if not may_change_here(user):
        return _no_reset(
            user,
            _("Passwords of your email domain are not kept here."),
            _("Sign in with your identity provider, or ask somebody who manages users."),
        )
    minutes = int(tokens.reset_life().total_seconds() // 60)
    works = ngettext("The link works for %(count)d minute.", "The link works for %(count)d minutes.", minutes)
    return Letter(
        subject=_("Choose a new password"),
        paragraphs=[
            _("%(name)s, somebody asked for a new password for your account %(username)s on Gatehouse.")
            % {"name": user.get_short_name(), "username": user.username},
            works % {"count": minutes},
            _("If you did not ask, there is nothing to do: the old password stays."),
        ],
        label=_("Choose a new password"),
        url=link("password_reset", tokens.for_reset(user)),
    )


@letter("password_changed")
def password_changed(user: User, *, by: str = "", is_claimed: bool = False) -> Letter:
    """`by` is who gave a password to somebody else; `is_claimed` where all other ways in were removed with it."""
    if by:
        happened = _("%(name)s, %(actor)s gave your account on Gatehouse a one-time password.")
        then = _("You choose your own when you sign in with it. If you do not know of this, ask them.")
    else:
        happened = _("%(name)s, the password of your account on Gatehouse was changed.")
        then = _("If that was not you, choose a new one now and tell somebody who manages users.")
    removed = _(
        "Until now nobody had proved that this email address is theirs, so the identity providers, passkeys and the "
        "authenticator app of the account were removed."
    )
    return Letter(
        subject=_("Your password was changed"),
        paragraphs=[
            happened % {"name": user.get_short_name(), "actor": by},
            _("All other sessions were signed out and remembered devices forgotten."),
            *([removed] if is_claimed else []),
            then,
        ],
        label="" if by else _("Choose a new password"),
        url="" if by else absolute(reverse("password_forgotten")),
    )


def _no_reset(user: User, why: str, then: str) -> Letter:
    asked = _("%(name)s, somebody asked for a new password for your account on Gatehouse.")
    return Letter(
        subject=_("No new password can be chosen here"),
        paragraphs=[asked % {"name": user.get_short_name()}, why, then],
    )
