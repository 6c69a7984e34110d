"""What people send about settings and ask of the trail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settings_store.actions import REASON_LENGTH
from settings_store.addresses import parse_address
from settings_store.definitions import Definition
from settings_store.values import JSON_LENGTH, SettingType
from ui.forms import CharField

VERSION_LIMIT = 2**31


class SettingForm(forms.Form):
    """The value of one setting in one environment, with the version it was read at and the reason."""

    value = forms.CharField(label=gettext_lazy("Value"), required=False, strip=False)
    reason = CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Stays in the history."),
    )
    version = forms.IntegerField(min_value=0, max_value=VERSION_LIMIT, widget=forms.HiddenInput)

    def __init__(self, definition: Definition, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.definition = definition
        self.fields["value"] = value_field(definition)

    def clean_value(self) -> str:
        """The value as text; `change_setting` reads it in the type of the setting."""
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


class AuditFilter(forms.Form):
    """What the trail is asked for, from its address; an empty field asks nothing."""

    q = forms.CharField(required=False, max_length=200, label=gettext_lazy("Search the trail"))
    actor = forms.CharField(required=False, max_length=150, label=gettext_lazy("Who"))
    action = forms.CharField(required=False, max_length=80, label=gettext_lazy("Act"))
    since = forms.DateField(
        required=False, label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        required=False, label=gettext_lazy("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    address = forms.CharField(required=False, max_length=60, label=gettext_lazy("Address"))
    # Links alone set these.
    actor_id = forms.IntegerField(required=False, min_value=0, max_value=2**62)
    target_type = forms.CharField(required=False, max_length=60)
    target_id = forms.CharField(required=False, max_length=64)
    request = forms.CharField(required=False, max_length=64)

    def clean_address(self) -> str:
        text = self.cleaned_data["address"]
        address = parse_address(text) if text else None
        if text and address is None:
            raise ValidationError(_("This is not an address of a network, such as 192.0.2.7."))
        return str(address or "")

    def clean_since(self) -> datetime | None:
        return _midnight(self.cleaned_data["since"])

    def clean_until(self) -> datetime | None:
        day = self.cleaned_data["until"]
        # The day itself is meant to be in.
        return _midnight(day + timedelta(days=1)) if day and day < date.max else _midnight(day)


def _midnight(day: date | None) -> datetime | None:
    if day is None:
        return None
    try:
        return timezone.make_aware(datetime.combine(day, time.min))
    except (OverflowError, ValueError):
        raise ValidationError(_("This day is out of range.")) from None
