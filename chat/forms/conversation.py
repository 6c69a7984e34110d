"""What people write about their conversations: titles, descriptions, words, folders."""

from __future__ import annotations

import re
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.names import normalised
from chat.actions.tag import MOST_ON_ONE
from chat.models import Folder, Tag
from ui.forms import CharField

TAG_LENGTH = 40
# Suggested while one writes; nobody looks through more.
MOST_SUGGESTED = 200


class TitleField(CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=gettext_lazy("Title"),
            max_length=200,
            error_messages={"required": gettext_lazy("Give the conversation a title.")},
            **kwargs,
        )

    def to_python(self, value: Any) -> str:
        return " ".join(super().to_python(value).split())


class TagsField(CharField):
    """Words with commas between them, as a list; quotation marks are left out, because searching needs them."""

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        names: dict[str, str] = {}
        for part in re.split(r"[,\n]", text):
            name = " ".join(part.replace('"', " ").split()).removeprefix("#").strip()
            if not name:
                continue
            if max(len(name), len(normalised(name))) > TAG_LENGTH:
                raise ValidationError(
                    _("“%(name)s…” is too long for a tag: at most %(most)s characters.")
                    % {"name": name[:20], "most": TAG_LENGTH}
                )
            names.setdefault(normalised(name), name)
        if len(names) > MOST_ON_ONE:
            raise ValidationError(_("A conversation carries %(most)s tags at most.") % {"most": MOST_ON_ONE})
        if self.required and not names:
            raise ValidationError(self.error_messages["required"])
        return list(names.values())


class FolderChoiceField(forms.ModelChoiceField[Folder]):
    """One of the person's own folders, named in forms by its public id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            Folder.objects.none(),
            label=gettext_lazy("Folder"),
            required=False,
            empty_label=gettext_lazy("No folder"),
            to_field_name="public_id",
            error_messages={"invalid_choice": gettext_lazy("This folder is not there any more. Choose another.")},
            **kwargs,
        )


class ConversationRenameForm(forms.Form):
    title = TitleField(widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True, "data-select": ""}))


class ConversationDetailsForm(forms.Form):
    title = TitleField(widget=forms.TextInput(attrs={"autocomplete": "off"}))
    description = CharField(
        label=gettext_lazy("Description"),
        help_text=gettext_lazy("For yourself: no model reads it, your search does."),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    folder = FolderChoiceField()
    tags = TagsField(
        label=gettext_lazy("Tags"),
        help_text=gettext_lazy("With commas between them. Search for one with tag:word."),
        max_length=1000,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, user: User, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        cast(FolderChoiceField, self.fields["folder"]).queryset = own_folders(user)


class TagForm(forms.Form):
    """Words to put on one conversation, or on many."""

    tags = TagsField(
        label=gettext_lazy("Tag"),
        max_length=1000,
        error_messages={"required": gettext_lazy("Write a tag.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "own-tags"}),
    )


class OneTagForm(TagForm):
    def clean_tags(self) -> str:
        names: list[str] = self.cleaned_data["tags"]
        if len(names) != 1:
            raise ValidationError(_("One tag at a time."))
        return names[0]


class KnownTagForm(forms.Form):
    """One of the person's own tags, to be taken off many conversations."""

    tags = forms.ModelChoiceField(
        Tag.objects.none(),
        label=gettext_lazy("Tag"),
        to_field_name="name",
        error_messages={
            "required": gettext_lazy("Choose a tag."),
            "invalid_choice": gettext_lazy("No conversation of yours carries this tag any more."),
        },
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        cast(forms.ModelChoiceField[Tag], self.fields["tags"]).queryset = Tag.objects.filter(owner=user).order_by(
            "name_key"
        )


class FolderPickForm(forms.Form):
    """The folder that many conversations go into."""

    folder = FolderChoiceField()

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        cast(FolderChoiceField, self.fields["folder"]).queryset = own_folders(user)


def own_folders(user: User) -> Any:
    return Folder.objects.filter(owner=user).order_by("name_key")


def own_tag_names(user: User) -> list[str]:
    """What is suggested while a tag is written."""
    return list(Tag.objects.filter(owner=user).order_by("name_key").values_list("name", flat=True)[:MOST_SUGGESTED])
