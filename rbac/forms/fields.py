"""What forms about roles and who holds them share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from rbac.models import Role
from rbac.rules import assignable_by
from ui.forms import CharField

# Moments beyond these are slips, and some have no name in every time zone.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)


class LineField(CharField):
    """One line of text without control characters."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value)
        if any(character.isspace() and character != " " for character in text) or not text.isprintable():
            raise ValidationError(_("Use letters, digits, signs and spaces only."), code="unprintable")
        return text


class RoleChoice(forms.ModelChoiceField[Role]):
    def to_python(self, value: Any) -> Role | None:
        # A key that is no number at all, or holds what no database takes, names no role.
        text = str(value) if value else ""
        return super().to_python(text if text.isascii() and text.isdigit() and len(text) < 19 else text and "0")


class PermissionsField(forms.MultipleChoiceField):
    """Names of permissions, of those there are; what is no such name is said as it was sent, made harmless."""

    def validate(self, value: Any) -> None:
        for name in value:
            if not self.valid_value(name):
                sent = "".join(letter if letter.isprintable() else "�" for letter in str(name)[:60])
                raise ValidationError(_("There is no permission “%(name)s”."), params={"name": sent}, code="unknown")


class MomentField(forms.DateTimeField):
    """A moment to the minute, in the time zone of whoever writes it."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    default_error_messages = {"invalid": _("Write a date and a time, such as 2030-01-31 09:00.")}

    def to_python(self, value: Any) -> datetime | None:
        try:
            moment = super().to_python(value)
        except OverflowError:
            moment = EARLIEST
        if moment is not None and not EARLIEST < moment < LATEST:
            raise ValidationError(_("Choose a year between 2000 and 2999."), code="far")
        return moment


class GivingForm(forms.Form):
    """Asks for a role among those that whoever sits at it may give."""

    role = RoleChoice(
        Role.objects.none(),
        label=_("Role"),
        empty_label=_("Choose a role"),
        error_messages={"invalid_choice": _("There is no such role, or it is not yours to give.")},
    )

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Field's own type knows no queryset.
        self.fields["role"].queryset = assignable_by(actor)  # type: ignore[attr-defined]
