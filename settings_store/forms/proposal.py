"""What people send to decide about proposals and to take a protection away."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from settings_store.actions import REASON_LENGTH
from settings_store.forms.reason import reason_field
from ui.forms import CharField


class DecisionForm(forms.Form):
    """The note that goes with a yes or a no."""

    note = CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Its author reads it. Needed to decline."),
    )


class ReasonForm(forms.Form):
    """Why something is wanted; whether it must be said is for the action to know."""

    reason = reason_field()
