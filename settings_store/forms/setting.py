"""What people send to change the value of a setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settings_store.definitions import Definition
from settings_store.forms.reason import reason_field
from settings_store.values import JSON_LENGTH, SettingType

VERSION_LIMIT = 2**31


class SettingForm(forms.Form):
    """The value of one setting in one environment, with the version it was read at and the reason."""

    value = forms.CharField(label=gettext_lazy("Value"), required=False, strip=False)
    reason = reason_field()
    apply_at = forms.DateTimeField(
        label=gettext_lazy("When"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    version = forms.IntegerField(min_value=0, max_value=VERSION_LIMIT, widget=forms.HiddenInput)

    def __init__(self, definition: Definition, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.definition = definition
        self.fields["value"] = value_field(definition)
        zone = {"zone": timezone.get_current_timezone_name()}
        self.fields["apply_at"].help_text = (
            _("In your time zone, %(zone)s. Left empty, it counts at once; with a time, it is scheduled.") % zone
        )

    def clean_value(self) -> str:
        """The value as text; the change reads it in the type of the setting."""
        value = self.cleaned_data["value"]
        text = ("true" if value else "false") if isinstance(value, bool) else str(value)
        if not (self.definition.is_secret and not text):
            self.definition.clean(text)
        if text and self.definition.suggestions and text not in self.suggestions:
            raise ValidationError(_("There is nothing of this name here. Take one of those offered."))
        return text

    @cached_property
    def suggestions(self) -> Sequence[str]:
        """What is proposed while the value is written."""
        return self.definition.suggestions() if self.definition.suggestions else ()


def value_field(definition: Definition) -> forms.Field:
    """The field that fits the type of the setting."""
    options: dict[str, Any] = {"label": _("Value"), "help_text": _help(definition), "required": False}
    if definition.type is SettingType.BOOLEAN:
        return forms.BooleanField(**(options | {"label": definition.label}), widget=forms.CheckboxInput(_SWITCH))
    if definition.type is SettingType.CHOICE:
        choices = list(definition.choices)
        return forms.ChoiceField(**options, choices=choices if definition.required else [("", "–"), *choices])
    widget: forms.Widget = forms.TextInput(attrs={"list": "suggestions"} if definition.suggestions else None)
    if definition.type is SettingType.SECRET:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "mono", "spellcheck": "false"})
    elif definition.type in (SettingType.TEXT, SettingType.JSON):
        widget = forms.Textarea(attrs={"rows": 8, "class": "mono" if definition.type is SettingType.JSON else ""})
    elif definition.type in (SettingType.INTEGER, SettingType.DECIMAL):
        widget = forms.TextInput(attrs={"inputmode": "decimal"})
    elif definition.type in (SettingType.URL, SettingType.EMAIL):
        # The kind of keyboard alone; the rules themselves answer in one place and one voice.
        widget = forms.TextInput(attrs={"inputmode": definition.type.value})
    # Longer than any rule allows, so that the rule's own sentence is the one that answers.
    return forms.CharField(
        **options, strip=False, max_length=max(JSON_LENGTH, definition.max_length) * 2, widget=widget
    )


_SWITCH = {"role": "switch"}


def _help(definition: Definition) -> str:
    words = []
    lowest, highest = definition.minimum, definition.maximum
    if definition.type is SettingType.DURATION:
        words.append(_("A length of time such as 30 s, 10 min, 12 h or 7 d."))
    elif lowest is not None and highest is not None:
        words.append(_("%(least)s to %(most)s.") % {"least": _number(lowest), "most": _number(highest)})
    elif lowest is not None:
        words.append(_("At least %(least)s.") % {"least": _number(lowest)})
    elif highest is not None:
        words.append(_("At most %(most)s.") % {"most": _number(highest)})
    if definition.is_secret:
        words.append(_("Leave it blank to keep the secret as it is."))
    return " ".join(words)


def _number(number: int) -> str:
    return f"{number:,}"
