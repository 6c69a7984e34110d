"""What people send about system prompts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from chat.actions.prompt import state_of
from chat.choices import default_model, usable_models
from chat.forms.audience import AudienceForm
from chat.forms.message import ModelChoiceField
from chat.models import Model, SystemPrompt
from chat.variables import VARIABLES, check
from ui.forms import CharField

CONTENT_LENGTH = 32_000
# Longer than what anybody tries a prompt with, and short enough to be asked twice.
TRIED_LENGTH = 8_000
# What the text below stands for where versions are chosen.
DRAFT = "draft"


class PromptForm(AudienceForm):
    """A prompt; whom it is for is not asked of the default, which is for everybody."""

    field_order = ("name", "description", "content", "note", "for_everybody", "roles")

    name = CharField(label=gettext_lazy("Name"), max_length=80)
    description = CharField(
        label=gettext_lazy("Description"),
        max_length=300,
        required=False,
        help_text=gettext_lazy("One line for those who choose among prompts."),
    )
    content = CharField(
        label=gettext_lazy("Content"),
        max_length=CONTENT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy(
            "What the model is told before the first message. Conversations already begun keep the old text."
        ),
    )
    note = CharField(
        label=gettext_lazy("What changed, and why"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("A line beside the new version. Optional."),
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(self, data: Any = None, *, prompt: SystemPrompt | None = None, content: str | None = None) -> None:
        initial = {}
        if prompt is not None:
            initial = {"name": prompt.name, "description": prompt.description, "content": prompt.content}
            initial |= {"seen": state_of(prompt)}
        if content is not None:
            initial |= {"content": content}
        super().__init__(data, audience=prompt, initial=initial)
        becomes_default = prompt is None and not SystemPrompt.objects.live().exists()
        if becomes_default or (prompt is not None and prompt.is_default):
            del self.fields["for_everybody"], self.fields["roles"]

    @property
    def asks_for_whom(self) -> bool:
        return "roles" in self.fields

    @property
    def variables(self) -> list[tuple[str, Any]]:
        """What can stand in the content, and what each stands for."""
        return [(f"{{{{{name}}}}}", variable.help) for name, variable in VARIABLES.items()]

    def given(self) -> dict[str, Any]:
        """What the actions are to make of it."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen"}


class PromptDeleteForm(forms.Form):
    """Asks for the next default only where the prompt to delete is the default and others could be it."""

    new_default = forms.ModelChoiceField(
        label=gettext_lazy("New default"),
        queryset=SystemPrompt.objects.none(),
        to_field_name="public_id",
        empty_label=None,
        help_text=gettext_lazy("New conversations begin with this prompt afterwards."),
    )

    def __init__(self, *args: Any, prompt: SystemPrompt, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = SystemPrompt.objects.live().exclude(pk=prompt.pk)
        heirs = others.filter(for_everybody=True).order_by("name_key")
        # The default with others beside it, none of which is for everybody: it stays until one of them is.
        self.stays = prompt.is_default and others.exists() and not heirs.exists()
        if prompt.is_default and heirs.exists():
            self.fields["new_default"].queryset = heirs  # type: ignore[attr-defined]
        else:
            del self.fields["new_default"]


class PromptTryForm(forms.Form):
    """A message to try two texts of a prompt with: versions of it, or the text that stands in the form."""

    message = CharField(
        label=gettext_lazy("Message"),
        max_length=TRIED_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": gettext_lazy("Write a message first.")},
    )
    model = ModelChoiceField(
        label=gettext_lazy("Model"),
        queryset=Model.objects.none(),
        empty_label=None,
        error_messages={
            "required": gettext_lazy("Choose a model."),
            "invalid_choice": gettext_lazy("This model is not there any more. Choose another."),
        },
    )
    left = forms.ChoiceField(label=gettext_lazy("Left"))
    right = forms.ChoiceField(label=gettext_lazy("Right"))
    content = CharField(
        label=gettext_lazy("Your text"),
        max_length=CONTENT_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy("Tried as it stands here; saved only where you save it."),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        user: User,
        prompt: SystemPrompt,
        numbers: list[int],
        initial: dict[str, Any] | None = None,
    ) -> None:
        models = list(usable_models(user))
        chosen = {
            "model": default_model(models),
            "left": str(prompt.version),
            "right": DRAFT,
            "content": prompt.content,
        }
        super().__init__(data, initial=chosen | (initial or {}), auto_id="try-%s")
        self.fields["model"].queryset = usable_models(user)  # type: ignore[attr-defined]
        self.has_models = bool(models)
        for side in ("left", "right"):
            self.fields[side].choices = _texts(prompt, numbers)  # type: ignore[attr-defined]

    def clean_content(self) -> str:
        content: str = self.cleaned_data["content"]
        if DRAFT in (self.data.get("left"), self.data.get("right")):
            if not content:
                raise ValidationError(_("Write the text that is to be tried."))
            check(content)
        return content


def _texts(prompt: SystemPrompt, numbers: list[int]) -> list[tuple[str, str]]:
    named = [(str(number), _("Version %(number)s") % {"number": number}) for number in numbers]
    live = (str(prompt.version), _("Version %(number)s, live") % {"number": prompt.version})
    return [(DRAFT, _("Your text")), live, *(each for each in named if each[0] != live[0])]
