"""The composer, and what is said about single messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from chat.choices import default_model, newer_version, prompts_for, usable_models
from chat.forms.parameters import ParametersForm
from chat.models import Attachment, Conversation, Folder, Message, Model, SystemPrompt
from chat.parameters import PARAMETERS
from chat.uploads import ENDINGS, TextFile, read_files
from settings_store.store import get_setting
from ui.forms import CharField

MAX_CHARACTERS = 100_000


class ModelChoiceField(forms.ModelChoiceField[Model]):
    def label_from_instance(self, obj: Model) -> str:
        label = f"{obj}, {obj.provider.name}"
        return f"{label} ({_('demo model')})" if obj.provider.is_demo else label


class PromptChoiceField(forms.ModelChoiceField[SystemPrompt]):
    """Prompts with the number of the version that would be used; the one in use keeps its own."""

    # The prompt of the conversation, and the version it is held with.
    in_use: tuple[int | None, int | None] = (None, None)

    def label_from_instance(self, obj: SystemPrompt) -> str:
        pk, version = self.in_use
        # A version from before they were counted has no number.
        number = version if obj.pk == pk else obj.version
        label = _("%(name)s, version %(number)d") % {"name": obj.name, "number": number} if number else obj.name
        return f"{label} ({_('default')})" if obj.is_default else label


class FilesInput(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of text files, read."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[TextFile]:
        given: Sequence[UploadedFile[Any]] = data if isinstance(data, list) else [data] if data else []
        return read_files(given)


class SaidForm(forms.Form):
    """The words of a message."""

    message = CharField(
        label=gettext_lazy("Message"),
        strip=False,
        error_messages={
            "required": gettext_lazy("Write a message first."),
            "null_characters_not_allowed": gettext_lazy("The message holds characters that no text can have."),
        },
        widget=forms.Textarea(attrs={"rows": 1, "autocomplete": "off"}),
    )

    def clean_message(self) -> str:
        text: str = self.cleaned_data["message"]
        if len(text) > MAX_CHARACTERS:
            raise ValidationError(
                _("The message is too long: %(length)s of at most %(most)s characters.")
                % {"length": f"{len(text):,}", "most": f"{MAX_CHARACTERS:,}"}
            )
        return text


class MessageForm(SaidForm, ParametersForm):
    """What is said, with which files, to which model, under which prompt and parameters."""

    attached = FilesField(
        label=gettext_lazy("Attach text files"),
        required=False,
        widget=FilesInput(attrs={"multiple": True, "accept": ",".join(f".{ending}" for ending in sorted(ENDINGS))}),
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
    newest = forms.BooleanField(required=False)

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        user: User,
        conversation: Conversation | None = None,
        folder: Folder | None = None,
    ) -> None:
        parameters = conversation.parameters if conversation is not None else None
        super().__init__(data, files, auto_id="m-%s", parameters=parameters)
        self.user = user
        self.conversation = conversation
        # Where a new conversation is begun.
        self.folder = folder
        model = cast(ModelChoiceField, self.fields["model"])
        model.queryset = usable_models(user)
        model.choices = lambda: [(each.pk, model.label_from_instance(each)) for each in self.models]
        prompt = cast(PromptChoiceField, self.fields["prompt"])
        prompt.queryset = prompts_for(user)
        if conversation is not None:
            # The prompt of a conversation stays, also where nobody may begin with it any more.
            kept = Q(pk=conversation.system_prompt_id) | Q(pk__in=prompts_for(user).values("pk"))
            prompt.queryset = SystemPrompt.objects.filter(kept).order_by("name_key")
            prompt.in_use = (conversation.system_prompt_id, conversation.prompt_version)
        if not get_setting("chat.attachments_per_message"):
            del self.fields["attached"]
        newest = cast(forms.BooleanField, self.fields["newest"])
        newest.label = _("Use version %(number)d from now on") % {"number": self.newer or 0}

    @cached_property
    def models(self) -> list[Model]:
        return list(usable_models(self.user))

    @cached_property
    def model_in_use(self) -> Model | None:
        """The conversation's own model while it is there, else the default."""
        chosen = self.conversation.model if self.conversation is not None else None
        return chosen if chosen in self.models else default_model(self.models)

    @property
    def lost_model(self) -> Model | None:
        """The conversation's own model, where it cannot answer this person any more."""
        chosen = self.conversation.model if self.conversation is not None else None
        return chosen if chosen not in self.models else None

    @cached_property
    def prompt_in_use(self) -> SystemPrompt | None:
        """The one a new conversation begins with, or this one is held under."""
        if self.conversation is not None:
            return self.conversation.system_prompt
        if self.folder is not None and self.folder.prompt_id is not None:
            of_folder = prompts_for(self.user).filter(pk=self.folder.prompt_id).first()
            if of_folder is not None:
                return of_folder
        return prompts_for(self.user).filter(default_mark=True).first()

    @cached_property
    def newer(self) -> int | None:
        """The version of the conversation's prompt that is there now, where it was begun with an older one."""
        return newer_version(self.conversation) if self.conversation is not None else None

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        # Asked only where the form is shown: sending should wait for nothing it does not need.
        if field_name == "model":
            return self.model_in_use
        if field_name == "prompt":
            return self.prompt_in_use
        return super().get_initial_for_field(field, field_name)

    def clean(self) -> None:
        if "model" in self.errors and not self.models:
            self.errors["model"] = self.error_class([_("No model is connected.")])

    @property
    def parameters_have_errors(self) -> bool:
        return any(bound.errors for bound in self.parameter_fields)

    @property
    def asks_for_prompt(self) -> bool:
        """Whether the conversation is to go on under another prompt, or under a newer version of its own."""
        if self.conversation is None or "prompt" not in self.data:
            return False
        prompt: SystemPrompt | None = self.cleaned_data["prompt"]
        chosen = prompt.pk if prompt is not None else None
        return chosen != self.conversation.system_prompt_id or (chosen is not None and self.cleaned_data["newest"])

    @property
    def asked_parameters(self) -> dict[str, float | int] | None:
        """None where nothing was said about them, which is not the same as nothing being set."""
        return self.cleaned_parameters() if any(each.name in self.data for each in PARAMETERS) else None


class MessageEditForm(SaidForm):
    """A message in other words, with those of its files that stay."""

    def __init__(self, data: Any = None, *, message: Message, files: Sequence[Attachment]) -> None:
        super().__init__(data, auto_id=f"e-{message.public_id}-%s", initial={"message": message.content})
        if files:
            choices = [(str(file.public_id), file.name) for file in files]
            self.fields["kept"] = forms.MultipleChoiceField(
                label=_("Files that stay"),
                choices=choices,
                required=False,
                initial=[public_id for public_id, _name in choices],
                widget=forms.CheckboxSelectMultiple,
                error_messages={"invalid_choice": _("This file is not one of the message.")},
            )


class RatingForm(forms.Form):
    """Thumbs up, thumbs down or neither, and a word on why."""

    rating = forms.TypedChoiceField(
        choices=[("", ""), *((str(value), label) for value, label in Message.Rating.choices)],
        coerce=int,
        empty_value=None,
        required=False,
        error_messages={"invalid_choice": gettext_lazy("An answer is rated good, bad or not at all.")},
    )
    note = CharField(label=gettext_lazy("What was good or bad about it?"), max_length=1000, required=False)
