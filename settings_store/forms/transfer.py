"""What people send to take settings out and in."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settings_store import own
from settings_store.forms.reason import reason_field
from settings_store.holding import PLACES
from settings_store.transfer import passphrase, reading
from settings_store.transfer.entries import Entry
from settings_store.transfer.passphrase import Passphrase

FORMATS = (("yaml", "YAML"), ("json", "JSON"), ("env", ".env"))


def _passphrase_field(help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Passphrase"),
        required=False,
        strip=False,
        max_length=passphrase.MOST_CHARACTERS,
        help_text=help_text,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class ExportForm(forms.Form):
    """What goes into a file, and in which format."""

    environments = forms.MultipleChoiceField(
        label=gettext_lazy("Environments"),
        choices=[(name, name.capitalize()) for name in PLACES],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one environment.")},
    )
    what = forms.ChoiceField(
        label=gettext_lazy("Values"),
        choices=[
            ("own", gettext_lazy("Only what is set there")),
            ("held", gettext_lazy("Everything that holds there, defaults included")),
        ],
        widget=forms.RadioSelect,
        initial="own",
    )
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=FORMATS,
        initial="yaml",
        help_text=gettext_lazy("A .env file has room for one environment."),
    )
    passphrase = _passphrase_field(
        gettext_lazy("For secrets alone: each is sealed under it, and opens only with it. Without one they stay out.")
    )

    def clean_passphrase(self) -> Passphrase | None:
        text = self.cleaned_data["passphrase"]
        if not text:
            return None
        if len(text) < passphrase.LEAST_CHARACTERS:
            raise ValidationError(_("At least %(least)d characters.") % {"least": passphrase.LEAST_CHARACTERS})
        return Passphrase(text)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("format") == "env" and len(cleaned.get("environments", ())) > 1:
            self.add_error("environments", _("A .env file has room for one environment; choose one."))
        return cleaned


class ImportForm(forms.Form):
    """A file or its text, read: `entries` once the form is valid."""

    file = forms.FileField(
        label=gettext_lazy("File"), required=False, allow_empty_file=True, help_text=gettext_lazy("At most 2 MB.")
    )
    text = forms.CharField(
        label=gettext_lazy("Or its text"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, "class": "mono", "spellcheck": "false"}),
    )
    format = forms.ChoiceField(
        label=gettext_lazy("Format"), choices=[("", gettext_lazy("As it looks")), *FORMATS], required=False
    )
    environment = forms.ChoiceField(
        label=gettext_lazy("Environment"),
        choices=[(name, name.capitalize()) for name in PLACES],
        initial=settings.ENVIRONMENT,
        help_text=gettext_lazy("For files that name none, as every .env file."),
    )
    passphrase = _passphrase_field(gettext_lazy("Where the file holds sealed secrets."))

    entries: list[Entry]

    def clean_passphrase(self) -> Passphrase | None:
        text = self.cleaned_data["passphrase"]
        return Passphrase(text) if text else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if self.errors:
            return cleaned
        if bool(file) == bool(text.strip()):
            self.add_error("file", _("Choose a file or paste its text, one of the two."))
            return cleaned
        try:
            if file:
                text = reading.decoded(file.read())
            name = self.name
            form = cleaned.get("format") or reading.guessed_format(name, text)
            self.entries = reading.read(text, form, environment=cleaned["environment"])
        except ValidationError as error:
            self.add_error("file" if file else "text", error)
        return cleaned

    def withhold_secrets(self) -> None:
        """Take pasted text out of a form that is refused, unless no secret stands there in the clear."""
        if self.is_bound and self.errors and _names_open_secret(self.data.get("text", "")):
            self.add_error("text", _("The text is not shown again, because it names a secret that is not sealed."))
            self.data = {**self.data, "text": ""}

    @property
    def name(self) -> str:
        """The name of the file, empty for pasted text."""
        file = self.cleaned_data.get("file")
        return str(file.name) if file else ""


def _names_open_secret(text: str) -> bool:
    """Whether a secret's name stands in a text without a sealed value behind it, however broken the text is."""
    # A name in quotes may be spelt with escapes.
    plain = re.sub(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U0*([0-9a-fA-F]{4}))", _unescaped, text).lower()
    sealed = rf"[\"']?\s*[:=]\s*[\"']?{passphrase.PREFIX}"
    names = [name for each in own.every_definition() if each.is_secret for name in (each.key, each.variable.lower())]
    return any(
        re.search(rf"(?<![a-z0-9_.]){re.escape(name)}(?![a-z0-9_.]|{sealed})", plain) for name in names if name in plain
    )


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(next(filter(None, found.groups())), 16))


class ApplyForm(forms.Form):
    """That the changes shown are wanted, and why."""

    seen = forms.RegexField(r"\A[0-9a-f]{64}\Z", widget=forms.HiddenInput)
    reason = reason_field()
