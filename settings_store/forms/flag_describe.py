"""What people send to switch a flag, to create one, and to describe it."""

from __future__ import annotations

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from settings_store.actions import Description, Seen
from settings_store.flag.rules import KEY_LENGTH, FlagType
from settings_store.forms.reason import reason_field
from settings_store.forms.setting import VERSION_LIMIT
from settings_store.models import Flag
from ui.forms import CharField

TYPES = (
    (FlagType.BOOLEAN, gettext_lazy("On or off")),
    (FlagType.STRING, gettext_lazy("Text: everybody for whom it is on gets one of several texts")),
    (FlagType.NUMBER, gettext_lazy("A number: one of several")),
    (FlagType.JSON, gettext_lazy("JSON: one of several lists or objects")),
)


class SwitchForm(forms.Form):
    """On or off, with the versions of the rules that were seen."""

    on = forms.TypedChoiceField(
        choices=[("1", "on"), ("0", "off")], coerce=lambda text: text == "1", widget=forms.HiddenInput
    )
    version = forms.IntegerField(min_value=0, max_value=VERSION_LIMIT, widget=forms.HiddenInput)
    common = forms.IntegerField(min_value=0, max_value=VERSION_LIMIT, widget=forms.HiddenInput)
    reason = reason_field()

    @property
    def seen(self) -> Seen:
        return Seen(self.cleaned_data["version"], self.cleaned_data["common"])


class UndoForm(forms.Form):
    """The version that is to be taken back."""

    version = forms.IntegerField(min_value=1, max_value=VERSION_LIMIT)


class DescriptionForm(forms.Form):
    """What a flag is called, and whether it is meant to stay."""

    label = CharField(label=gettext_lazy("Name"), max_length=120)
    description = CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("What it is for, and when it can go."),
    )
    is_permanent = forms.BooleanField(
        label=gettext_lazy("Permanent"),
        required=False,
        help_text=gettext_lazy("Meant to stay, as a switch for emergencies is: it is never marked as stale."),
    )
    version = forms.IntegerField(min_value=0, max_value=VERSION_LIMIT, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, row: Flag) -> None:
        super().__init__(data, initial={name: getattr(row, name) for name in self.base_fields})
        self.row = row

    def words(self) -> Description:
        data = self.cleaned_data
        return Description(label=data["label"], description=data["description"], is_permanent=data["is_permanent"])

    def theirs(self) -> list[tuple[str, str, str]]:
        """Where the words as they are now differ from what was sent: the field, theirs, yours."""
        return [
            (str(bound.label), str(bound.initial or ""), str(bound.value() or ""))
            for bound in self.visible_fields()
            if bound.field.has_changed(bound.initial, bound.data)
        ]


class FlagForm(DescriptionForm):
    """A new flag."""

    key = CharField(
        label=gettext_lazy("Key"),
        # Longer than a key may be: the action says what is wrong with one.
        max_length=KEY_LENGTH * 4,
        widget=forms.TextInput(
            attrs={"class": "mono", "autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
        ),
        help_text=gettext_lazy("What programs ask for, such as new-search. Small letters, digits, - _ and dots."),
    )
    type = forms.ChoiceField(
        label=gettext_lazy("What it gives"),
        choices=TYPES,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("Key and type stay; all else can be changed later."),
    )
    field_order = ("key", "label", "type", "description", "is_permanent")

    def __init__(self, data: QueryDict | None = None, *, key: str = "") -> None:
        super().__init__(data, row=Flag(key=key, type=FlagType.BOOLEAN))
        del self.fields["version"]

    @property
    def kind(self) -> FlagType:
        return FlagType(self.cleaned_data["type"])
