"""Choosing a password, and asking for a link to choose one with."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.forms.fields import password_field
from accounts.models import User
from accounts.names import EMAIL_LENGTH
from accounts.password_policy import rules_in_words


class ForgottenForm(forms.Form):
    name = forms.CharField(
        label=_("Email or username"),
        max_length=EMAIL_LENGTH,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )


class NewPasswordForm(forms.Form):
    """A new password, twice; `person` is whose it is to be, as far as that is known."""

    password = password_field(_("New password"), autocomplete="new-password")
    repeated = password_field(_("New password again"), autocomplete="new-password")

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        self.fields["password"].help_text = rules_in_words()

    def clean(self) -> None:
        # After the other fields, for the names among them are what a password must not be like.
        if password := self.cleaned_data.get("password"):
            try:
                validate_password(password, self.owner())
            except ValidationError as error:
                self.add_error("password", error)
        # As it was typed: also where it is too short, both things are said at once.
        typed, repeated = self["password"].value(), self.cleaned_data.get("repeated")
        if typed and repeated and typed != repeated:
            self.add_error("repeated", _("The two new passwords differ."))

    def owner(self) -> User:
        return self.person
