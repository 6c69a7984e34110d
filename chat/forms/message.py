"""The composer."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from chat.choices import default_model, prompts_for, usable_models
from chat.models import Conversation, Model, SystemPrompt
from ui.forms import CharField

MAX_CHARACTERS = 100_000


class ModelChoiceField(forms.ModelChoiceField[Model]):
    def label_from_instance(self, obj: Model) -> str:
        label = f"{obj}, {obj.provider.name}"
        return f"{label} ({_('demo model')})" if obj.provider.is_demo else label


class PromptChoiceField(forms.ModelChoiceField[SystemPrompt]):
    def label_from_instance(self, obj: SystemPrompt) -> str:
        return f"{obj.name} ({_('default')})" if obj.is_default else obj.name


class MessageForm(forms.Form):
    """What is said, to which model, and in a new conversation under which prompt."""

    message = CharField(
        label=gettext_lazy("Message"),
        strip=False,
        error_messages={
            "required": gettext_lazy("Write a message first."),
            "null_characters_not_allowed": gettext_lazy("The message holds characters that no text can have."),
        },
        widget=forms.Textarea(attrs={"rows": 1, "data-enter-submits": "", "autocomplete": "off"}),
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
    prompt = PromptChoiceField(
        label=gettext_lazy("System prompt"),
        queryset=SystemPrompt.objects.none(),
        required=False,
        empty_label=gettext_lazy("None"),
        error_messages={"invalid_choice": gettext_lazy("This prompt is not there any more. Choose another.")},
    )

    def __init__(self, data: Any = None, *, user: User, conversation: Conversation | None = None) -> None:
        super().__init__(data, auto_id="m-%s")
        self.user = user
        self.conversation = conversation
        cast(ModelChoiceField, self.fields["model"]).queryset = usable_models(user)
        if conversation is not None:
            del self.fields["prompt"]
        else:
            cast(PromptChoiceField, self.fields["prompt"]).queryset = prompts_for(user)

    @cached_property
    def models(self) -> list[Model]:
        return list(usable_models(self.user))

    @cached_property
    def model_in_use(self) -> Model | None:
        """The conversation's own model while it is there, else the default."""
        chosen = self.conversation.model if self.conversation is not None else None
        return chosen if chosen in self.models else default_model(self.models)

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        # Asked only where the form is shown: sending should wait for nothing it does not need.
        if field_name == "model":
            return self.model_in_use
        if field_name == "prompt":
            return prompts_for(self.user).filter(default_mark=True).first()
        return super().get_initial_for_field(field, field_name)

    def clean(self) -> None:
        if "model" in self.errors and not self.models:
            self.errors["model"] = self.error_class([_("No model is connected.")])

    def clean_message(self) -> str:
        text: str = self.cleaned_data["message"]
        if len(text) > MAX_CHARACTERS:
            raise ValidationError(
                _("The message is too long: %(length)s of at most %(most)s characters.")
                % {"length": f"{len(text):,}", "most": f"{MAX_CHARACTERS:,}"}
            )
        return text
