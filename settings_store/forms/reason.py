"""The field in which people say why; whether they must is for the action to know."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from settings_store.actions import REASON_LENGTH
from ui.forms import CharField


def reason_field() -> CharField:
    return CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Stays in the history."),
    )
