"""The details of a person as the Django admin asks for them: what an edit may touch, and nothing that gives rights."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.profile import time_zones
from accounts.forms.user import UserForm
from accounts.models import User
from ui.forms import CharField


class AdminUserForm(UserForm):
    bio = CharField(
        label=gettext_lazy("About"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=time_zones)
    is_active = forms.BooleanField(label=gettext_lazy("Active"), required=False)
    # When what the form shows was last changed.
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def __init__(
        self, *args: Any, viewer: User, person: User | None = None, confirmed: bool = True, **kwargs: Any
    ) -> None:
        initial: dict[str, Any] = {"language": "en", "time_zone": "UTC", "is_active": True}
        if person is not None:
            names = ("username", "email", "full_name", "bio", "language", "time_zone", "is_active")
            initial = {name: getattr(person, name) for name in names}
            initial["supervisor"] = person.supervisor.username if person.supervisor else ""
            initial["seen"] = _moment(person.updated_at)
        super().__init__(*args, viewer=viewer, person=person, confirmed=confirmed, initial=initial, **kwargs)
        if not viewer.has_perm("users.delete") or person == viewer:
            self.fields["is_active"].disabled = True

    def clean_seen(self) -> str:
        seen: str = self.cleaned_data["seen"]
        if self.person is not None and seen != _moment(self.person.updated_at):
            raise ValidationError(_("Somebody changed this person after you opened the form. Open it once more."))
        return seen


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
