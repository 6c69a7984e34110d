"""Letters to those who come: by registration, by invitation, with another address."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import mail, tokens
from accounts.mail import Letter, absolute, letter, link
from accounts.models import User
from accounts.registration import may_register
from ui.moments import exact


def hours_in_words() -> str:
    hours = int(tokens.link_life().total_seconds() // 3600)
    return ngettext("The link works for %(count)d hour.", "The link works for %(count)d hours.", hours) % {
        "count": hours
    }


@letter("registration")
def registration(_nobody: None, *, email: str) -> Letter | None:
    # Asked again: between the question and the letter the policy may have changed, or somebody have come.
    if not may_register(email) or User.objects.named(email).exists():
        return None
    return Letter(
        subject=_("Your account on Gatehouse"),
        paragraphs=[
            _("You asked for an account with this email address. Choose a name and a password to have it made."),
            f"{hours_in_words()} {_('If you did not ask, there is nothing to do.')}",
        ],
        label=_("Make the account"),
        url=link("register_confirm", tokens.for_registration(email)),
    )


@letter("registered_already")
def registered_already(user: User) -> Letter:
    return Letter(
        subject=_("You have an account on Gatehouse"),
        paragraphs=[
            _(
                "%(name)s, somebody asked for an account with this email address, and you have one: your username is "
                "%(username)s."
            )
            % {"name": user.get_short_name(), "username": user.username},
            _("Sign in with it. If you forgot the password, the page to sign in offers a new one."),
        ],
        label=_("Sign in"),
        url=absolute(reverse("login")),
    )


@letter("invitation")
def invitation(user: User) -> Letter | None:
    if user.invited_until is None or not user.is_active:
        return None
    host = str(user.created_by) if user.created_by else "Gatehouse"
    return Letter(
        subject=_("%(host)s invites you to Gatehouse") % {"host": host[:60]},
        paragraphs=[
            _("%(host)s invites you to an account. Choose a name and a password to accept.") % {"host": host},
            _("The link works until %(moment)s (%(zone)s).")
            % {"moment": exact(user.invited_until), "zone": user.time_zone},
        ],
        label=_("Accept the invitation"),
        url=link("invitation", tokens.for_invitation(user, proves_address=mail.is_sent())),
    )


@letter("verify_address")
def verify_address(user: User, *, email: str) -> Letter | None:
    if not user.is_active or (user.is_verified and user.email == email):
        return None
    return Letter(
        subject=_("Confirm your email address"),
        paragraphs=[
            _("%(name)s, confirm that this is the email address of your account on Gatehouse.")
            % {"name": user.get_short_name()},
            _("You must be signed in as %(username)s. If you did not ask for this, do not use the link.")
            % {"username": user.username},
            hours_in_words(),
        ],
        label=_("Confirm the address"),
        url=link("accounts:email_verify", tokens.for_address(user, email)),
    )


@letter("address_asked")
def address_asked(user: User, *, wanted: str) -> Letter:
    return Letter(
        subject=_("Your email address is to be changed"),
        paragraphs=[
            _(
                "%(name)s, somebody signed in as you wants to change the email address of your account to %(wanted)s. "
                "It changes once that address is confirmed."
            )
            % {"name": user.get_short_name(), "wanted": wanted},
            _("If that was not you, change your password now and sign out the other sessions."),
        ],
        label=_("Change the password"),
        url=absolute(reverse("password_change")),
    )


@letter("address_changed")
def address_changed(user: User) -> Letter:
    return Letter(
        subject=_("Your email address was changed"),
        paragraphs=[
            _("%(name)s, the email address of your account on Gatehouse is %(email)s from now on.")
            % {"name": user.get_short_name(), "email": user.email},
            _("If that was not you, turn to somebody who manages users at once."),
        ],
    )
