"""What people send to bring others in from a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.imports.columns import every_column
from accounts.imports.reading import decoded, guessed, parsed

INVITE, NOTHING = "invite", "nothing"
LEAVE, REFUSE = "leave", "refuse"


class UploadForm(forms.Form):
    """A CSV file, read: `text` once the form is valid."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        allow_empty_file=True,
        help_text=gettext_lazy("UTF-8, with headings in the first line; at most 2 MB and 10,000 people."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"required": gettext_lazy("Choose a file.")},
    )

    text: str

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        self.text = decoded(file.read())
        parsed(self.text)
        return file


class ColumnsForm(forms.Form):
    """Which heading is which column, and how people get in whose line has no password hash."""

    getting_in = forms.ChoiceField(
        label=gettext_lazy("Whoever has no password hash"),
        widget=forms.RadioSelect,
        choices=[
            (INVITE, gettext_lazy("is invited, and chooses a password")),
            (NOTHING, gettext_lazy("cannot sign in until an admin gives them a password or they use single sign-on")),
        ],
    )
    known = forms.ChoiceField(
        label=gettext_lazy("Whoever is here already"),
        widget=forms.RadioSelect,
        initial=REFUSE,
        choices=[
            (REFUSE, gettext_lazy("counts as a wrong line")),
            (LEAVE, gettext_lazy("is left as they are")),
        ],
    )

    def __init__(self, data: Any = None, *, headings: Sequence[str], may_invite: bool, **kwargs: Any) -> None:
        columns = every_column()
        initial = {f"column_{name}": str(number) for name, number in guessed(headings, columns).items()}
        initial |= {"getting_in": INVITE if may_invite else NOTHING, "known": REFUSE} | kwargs.pop("initial", {})
        super().__init__(data, initial=initial, **kwargs)
        self.columns, self.may_invite = columns, may_invite
        shown = [
            (str(number), heading or _("column %(number)d") % {"number": number + 1})
            for number, heading in enumerate(headings)
        ]
        for column in columns:
            empty = _("choose") if column.required else _("not in the file")
            self.fields[f"column_{column.name}"] = forms.ChoiceField(
                label=column.label,
                choices=[("", empty), *shown],
                required=column.required,
                error_messages={"required": gettext_lazy("Choose the column that holds it.")},
            )

    def clean_getting_in(self) -> str:
        chosen: str = self.cleaned_data["getting_in"]
        if chosen == INVITE and not self.may_invite:
            raise ValidationError(_("Invitations are switched off (accounts.registration.policy)."))
        return chosen

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        used = dict[str, str]()
        for column in self.columns:
            name = f"column_{column.name}"
            number = cleaned.get(name)
            if number and number in used:
                self.add_error(name, _("This column is %(label)s already.") % {"label": used[number]})
            elif number:
                used[number] = str(column.label)
        return cleaned

    @property
    def mapping(self) -> dict[str, int]:
        """The number of the heading by the name of the column, once the form is valid."""
        chosen = {column.name: self.cleaned_data[f"column_{column.name}"] for column in self.columns}
        return {name: int(number) for name, number in chosen.items() if number}

    @property
    def column_fields(self) -> list[forms.BoundField]:
        return [self[f"column_{column.name}"] for column in self.columns]


class RunForm(forms.Form):
    leave_out = forms.BooleanField(label=gettext_lazy("Leave out the wrong lines"), required=False)
