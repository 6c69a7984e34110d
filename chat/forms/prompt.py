"""What people send about system prompts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chat.models import SystemPrompt
from ui.forms import CharField


class PromptForm(forms.Form):
    name = CharField(label=_("Name"), max_length=80)
    description = CharField(
        label=_("Description"),
        max_length=300,
        required=False,
        help_text=_("One line for those who choose among prompts."),
    )
    content = CharField(
        label=_("Content"),
        max_length=32_000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("What the model is told before the first message. Conversations already begun keep the old text."),
    )


class PromptDeleteForm(forms.Form):
    """Asks for the next default only where the prompt to delete is the default and others exist."""

    new_default = forms.ModelChoiceField(
        label=_("New default"),
        queryset=SystemPrompt.objects.none(),
        to_field_name="public_id",
        empty_label=None,
        help_text=_("New conversations begin with this prompt afterwards."),
    )

    def __init__(self, *args: Any, prompt: SystemPrompt, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = SystemPrompt.objects.live().exclude(pk=prompt.pk).order_by("name_key")
        if prompt.is_default and others.exists():
            self.fields["new_default"].queryset = others  # type: ignore[attr-defined]
        else:
            del self.fields["new_default"]
