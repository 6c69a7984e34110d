"""What people send at the doors: to sign in, to prove themselves again, to change their password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from accounts.forms.fields import password_field
from accounts.models import User
from accounts.names import EMAIL_LENGTH


class SignInForm(forms.Form):
    username = forms.CharField(
        label=_("Email or username"),
        max_length=EMAIL_LENGTH,
        widget=forms.TextInput(
            attrs={
                # The second word lets browsers offer passkeys among what they fill in.
                "autocomplete": "username webauthn",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )
    password = password_field(_("Password"), autocomplete="current-password")


class StepUpForm(forms.Form):
    password = password_field(_("Password"), autocomplete="current-password", autofocus=True)


class PasswordChangeForm(forms.Form):
    present = password_field(_("Present password"), autocomplete="current-password")
    password = password_field(
        _("New password"),
        autocomplete="new-password",
        help_text=_("At least 12 characters; not a common password, not only digits, not like your name or address."),
    )
    repeated = password_field(_("New password again"), autocomplete="new-password")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password

    def clean(self) -> None:
        # As it was typed: also where it is too short, both things are said at once.
        password, repeated = self["password"].value(), self.cleaned_data.get("repeated")
        if password and repeated and password != repeated:
            self.add_error("repeated", _("The two new passwords differ."))
