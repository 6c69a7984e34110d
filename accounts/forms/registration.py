"""What people send who come: the address they have, and the account they want."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.actions.user import refuse_taken
from accounts.forms.fields import as_of_one_field
from accounts.forms.password import NewPasswordForm
from accounts.models import User
from accounts.names import EMAIL_LENGTH, USERNAME_LENGTH, clean_email, clean_username
from ui.forms import CharField


class AddressForm(forms.Form):
    email = forms.CharField(
        label=_("Email address"),
        max_length=EMAIL_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autocapitalize": "none", "autofocus": True}),
    )

    def clean_email(self) -> str:
        return clean_email(self.cleaned_data["email"])


class AccountForm(NewPasswordForm):
    """Names and a password for a new account; `person` is the row made already, or one that holds but the address."""

    full_name = CharField(
        label=_("Full name"), max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    username = forms.CharField(
        label=_("Username"),
        max_length=USERNAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    field_order = ("full_name", "username", "password", "repeated")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].label, self.fields["repeated"].label = _("Password"), _("Password again")

    def clean_username(self) -> str:
        username = clean_username(self.cleaned_data["username"])
        with as_of_one_field():
            refuse_taken(username=username, besides=self.person if self.person.pk else None)
        return username

    def owner(self) -> User:
        names = {name: self.cleaned_data.get(name) or "" for name in ("username", "full_name")}
        return User(email=self.person.email, **names)
