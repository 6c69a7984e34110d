"""What an admin sends to declare a setting, or to change its rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settings_store import values
from settings_store.actions.definition import NEEDS_DEFAULT
from settings_store.definitions import KEY_LENGTH, Definition
from settings_store.forms.setting import VERSION_LIMIT
from settings_store.json_values import WHOLE_LIMIT
from settings_store.models import OwnSetting
from settings_store.rules import PATTERN_LENGTH, SCHEMA_DEPTH, SCHEMA_LENGTH
from settings_store.values import JSON_LENGTH, TEXTUAL, SettingType
from ui.forms import CharField

CHOICES, CHOICE_LENGTH = 200, 100
NUMBERS = frozenset({SettingType.INTEGER, SettingType.DECIMAL})
PATTERNED = TEXTUAL - {SettingType.CHOICE}

# In the order in which they are offered, each with what it is for.
TYPES = {
    SettingType.STRING: gettext_lazy("A line of text"),
    SettingType.TEXT: gettext_lazy("Text of several lines"),
    SettingType.INTEGER: gettext_lazy("A whole number"),
    SettingType.DECIMAL: gettext_lazy("A number with decimals, kept exactly"),
    SettingType.BOOLEAN: gettext_lazy("On or off"),
    SettingType.CHOICE: gettext_lazy("One of several words"),
    SettingType.DURATION: gettext_lazy("A length of time, such as 10 min"),
    SettingType.URL: gettext_lazy("A web address"),
    SettingType.EMAIL: gettext_lazy("An e-mail address"),
    SettingType.JSON: gettext_lazy("Lists and objects, held to a JSON Schema if you like"),
    SettingType.SECRET: gettext_lazy("A password or key: sealed, masked, one for each environment"),
}


class DefinitionForm(forms.Form):
    """Name and rules of a setting of one type; only the fields that fit the type are there."""

    key = CharField(
        label=gettext_lazy("Key"),
        max_length=KEY_LENGTH,
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=gettext_lazy("Small letters, digits and _ in parts joined by dots, such as team.greeting. It stays."),
    )
    label = CharField(label=gettext_lazy("Name"), max_length=120)
    category = CharField(
        label=gettext_lazy("Category"), max_length=60, widget=forms.TextInput(attrs={"list": "categories"})
    )
    help = CharField(
        label=gettext_lazy("Description"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )
    default = CharField(label=gettext_lazy("Default"), required=False, max_length=JSON_LENGTH * 2)
    required = forms.BooleanField(label=gettext_lazy("Needs a value: it cannot be saved empty"), required=False)
    minimum = CharField(label=gettext_lazy("At least"), required=False, max_length=40)
    maximum = CharField(label=gettext_lazy("At most"), required=False, max_length=40)
    unit = CharField(
        label=gettext_lazy("Unit"), required=False, max_length=20, help_text=gettext_lazy("Shown behind the number.")
    )
    max_length = forms.IntegerField(
        label=gettext_lazy("Longest"), min_value=1, max_value=JSON_LENGTH, help_text=gettext_lazy("In characters.")
    )
    pattern = CharField(
        label=gettext_lazy("Pattern"),
        required=False,
        max_length=PATTERN_LENGTH,
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false"}),
        help_text=gettext_lazy("A regular expression (RE2) that the whole text must match."),
    )
    pattern_help = CharField(
        label=gettext_lazy("The pattern in words"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("What people read whose text does not match."),
    )
    choices = CharField(
        label=gettext_lazy("Choices"),
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=CHOICES * (CHOICE_LENGTH + 2),
        help_text=gettext_lazy("One a line."),
    )
    schema = CharField(
        label=gettext_lazy("JSON Schema"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
        max_length=SCHEMA_LENGTH,
        help_text=gettext_lazy("Draft 2020-12, without references."),
    )
    is_mutable = forms.BooleanField(
        label=gettext_lazy("May be changed while running"),
        required=False,
        help_text=gettext_lazy("Where not, only its environment variable gives it another value than the default."),
    )
    version = forms.IntegerField(min_value=0, max_value=VERSION_LIMIT, widget=forms.HiddenInput)
    # Sent by the button that saves although values there are would not hold.
    despite = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, kind: SettingType, data: QueryDict | None = None, *, row: OwnSetting | None = None, category: str = ""
    ) -> None:
        self.kind, self.row = kind, row
        new = {"required": True, "is_mutable": True, "max_length": 500, "version": 0, "category": category}
        super().__init__(data, initial=new if row is None else _initial(row))
        for name in [name for name in self.fields if not _fits(name, kind, new=row is None)]:
            del self.fields[name]
        if kind is SettingType.BOOLEAN:
            self.fields["default"] = forms.BooleanField(label=_("On by default"), required=False)
        elif kind in (SettingType.TEXT, SettingType.JSON):
            mono = "mono" if kind is SettingType.JSON else ""
            self.fields["default"].widget = forms.Textarea(attrs={"rows": 8, "class": mono})

    @property
    def optional(self) -> set[str]:
        """The fields that may be left empty, which the form says beside their names."""
        needed = {"default"} if self.kind in NEEDS_DEFAULT else set()
        return {name for name, field in self.fields.items() if not field.required} - needed

    @property
    def own_fields(self) -> list[forms.BoundField]:
        """Those of this type, between what every setting has and whether it may be changed."""
        common = {"key", "label", "category", "help", "is_mutable", "version", "despite"}
        return [self[name] for name in self.fields if name not in common]

    def clean_minimum(self) -> int | None:
        return self._bound("minimum")

    def clean_maximum(self) -> int | None:
        return self._bound("maximum")

    def clean_choices(self) -> tuple[tuple[str, str], ...]:
        lines = [line.strip() for line in self.cleaned_data["choices"].split("\n")]
        found = list(filter(None, lines))
        if len(set(found)) < len(found):
            raise ValidationError(_("Each choice is there once."))
        if len(found) > CHOICES or any(len(choice) > CHOICE_LENGTH for choice in found):
            raise ValidationError(
                _("At most %(count)d choices of at most %(length)d characters each.")
                % {"count": CHOICES, "length": CHOICE_LENGTH}
            )
        return tuple((choice, choice) for choice in found)

    def clean_schema(self) -> Any:
        text = self.cleaned_data["schema"]
        # Each level of a schema is up to two of JSON: a word, and what it holds.
        return values.parse_json(text, depth=2 * SCHEMA_DEPTH) if text else None

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not self.errors:
            try:
                data["default"] = self._default()
            except ValidationError as error:
                self.add_error("default", error)
        return data

    def definition(self) -> Definition:
        """The setting as this form declares it; its rules are for the action to judge."""
        data = self.cleaned_data
        return Definition(
            key=self.row.key if self.row else data["key"],
            type=self.kind,
            default=data.get("default"),
            label=data["label"],
            category=data["category"],
            help=data["help"],
            required=data.get("required", True),
            minimum=data.get("minimum"),
            maximum=data.get("maximum"),
            max_length=data.get("max_length", 500),
            pattern=data.get("pattern", ""),
            pattern_help=data.get("pattern_help", ""),
            choices=data.get("choices", ()),
            schema=data.get("schema"),
            unit=data.get("unit", ""),
            is_mutable=data["is_mutable"],
            is_own=True,
        )

    def theirs(self) -> list[tuple[str, str, str]]:
        """Where the rules as they are now differ from what was sent: the field, theirs, yours."""
        return [
            (str(bound.label), str(bound.initial if bound.initial is not None else ""), str(bound.value() or ""))
            for bound in self.visible_fields()
            if bound.field.has_changed(bound.initial, bound.data)
        ]

    def _default(self) -> Any:
        value = self.cleaned_data.get("default")
        if value in ("", None):
            return "" if self.kind in TEXTUAL else None
        if isinstance(value, bool):
            return value
        return values.parse(Definition(key="", type=self.kind, default=None, label="", category=""), value)

    def _bound(self, name: str) -> int | None:
        text = self.cleaned_data[name]
        if not text:
            return None
        if self.kind is SettingType.DURATION:
            kind = Definition(key="", type=self.kind, default=None, label="", category="")
            return int(values.parse(kind, text).total_seconds())
        try:
            number = int(text.replace(",", ""))
        except ValueError:
            raise ValidationError(_("Write a whole number, in digits only.")) from None
        if abs(number) >= WHOLE_LIMIT:
            raise ValidationError(_("This number is too large."))
        return number


def _fits(name: str, kind: SettingType, *, new: bool) -> bool:
    match name:
        case "key":
            return new
        case "default":
            return kind is not SettingType.SECRET
        case "required":
            return kind in TEXTUAL
        case "minimum" | "maximum":
            return kind in NUMBERS or kind is SettingType.DURATION
        case "unit":
            return kind in NUMBERS
        case "max_length" | "pattern" | "pattern_help":
            return kind in PATTERNED
        case "choices":
            return kind is SettingType.CHOICE
        case "schema":
            return kind is SettingType.JSON
        case _:
            return True


def _initial(row: OwnSetting) -> dict[str, Any]:
    kind = SettingType(row.type)
    initial: dict[str, Any] = {name: getattr(row, name) for name in DefinitionForm.base_fields if hasattr(row, name)}
    if row.default is not None and not isinstance(row.default, bool):
        initial["default"] = values.written(kind, values.loaded(kind, row.default))
    initial["choices"] = "\n".join(row.choices)
    initial["schema"] = "" if row.schema is None else values.written(SettingType.JSON, row.schema)
    if kind is SettingType.DURATION:
        for name in ("minimum", "maximum"):
            bound = initial[name]
            initial[name] = None if bound is None else values.written(kind, values.loaded(kind, bound))
    return initial
