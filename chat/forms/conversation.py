from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from ui.forms import CharField


class ConversationRenameForm(forms.Form):
    title = CharField(
        label=gettext_lazy("Title"),
        max_length=200,
        error_messages={"required": gettext_lazy("Give the conversation a title.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True, "data-select": ""}),
    )

    def clean_title(self) -> str:
        return " ".join(self.cleaned_data["title"].split())
