"""What people send about their passkeys: what the browser made, and what they call it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ui.forms import CharField


class PasskeyNameForm(forms.Form):
    name = CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        help_text=gettext_lazy("By which you know the device or the password manager that keeps it."),
    )


class NewPasskeyForm(PasskeyNameForm):
    # Filled in by the browser; without scripts it stays empty.
    credential = forms.CharField(widget=forms.HiddenInput, required=False, strip=False)

    def clean(self) -> dict[str, Any]:
        if not self.cleaned_data.get("credential"):
            self.add_error(None, _("The browser has made no passkey. It needs scripts for that."))
        return self.cleaned_data
