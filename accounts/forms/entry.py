"""What people send at the doors: to sign in, to prove themselves again, to change their password."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms.fields import password_field
from accounts.forms.password import NewPasswordForm
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


class PasswordChangeForm(NewPasswordForm):
    present = password_field(_("Current password"), autocomplete="current-password")
    field_order = ("present", "password", "repeated")
