from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from accounts.models import User
from chat.choices import prompts_for
from chat.models import SystemPrompt
from ui.forms import CharField


class FolderForm(forms.Form):
    name = CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        error_messages={"required": gettext_lazy("Give the folder a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    prompt = forms.ModelChoiceField(
        SystemPrompt.objects.none(),
        label=gettext_lazy("System prompt"),
        help_text=gettext_lazy("New conversations begun in this folder begin with it."),
        required=False,
        empty_label=gettext_lazy("As everywhere"),
        to_field_name="public_id",
        error_messages={"invalid_choice": gettext_lazy("This prompt is not there any more. Choose another.")},
    )

    def __init__(self, data: Any = None, *, user: User, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        cast(forms.ModelChoiceField[SystemPrompt], self.fields["prompt"]).queryset = prompts_for(user)

    def clean_name(self) -> str:
        # On one line, and without the signs that the search would take for its own.
        name = " ".join(self.cleaned_data["name"].replace('"', " ").split())
        if not name:
            raise ValidationError(self.fields["name"].error_messages["required"])
        return name
