from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from ui.forms import normalise


class ConversationRenameForm(forms.Form):
    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=200,
        error_messages={"required": gettext_lazy("Give the conversation a title.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_title(self) -> str:
        return " ".join(normalise(self.cleaned_data["title"]).split())
