"""What people and programs send about permissions of other programs, cleaned."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rbac.forms.fields import LineField
from rbac.models import CustomPermission
from rbac.permission_names import clean_permission_name
from ui.forms import CharField


class PermissionForm(forms.Form):
    """The name, which stays, and what is told about it."""

    name = CharField(
        label=gettext_lazy("Name"),
        max_length=81,
        help_text=gettext_lazy(
            "As the program asks for it: resource:action, such as document:create. It stays as it is."
        ),
    )
    label = LineField(
        label=gettext_lazy("What it allows"),
        max_length=150,
        help_text=gettext_lazy("In words, as it stands beside the box in a role: Create documents."),
    )
    program = LineField(
        label=gettext_lazy("Program"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Which program asks for it; permissions of one stand together."),
    )

    def __init__(self, data: Any = None, *, permission: CustomPermission | None = None) -> None:
        initial = {}
        if permission is not None:
            initial = {"name": str(permission), "label": permission.label, "program": permission.program}
        super().__init__(data, initial=initial)
        self.fields["name"].disabled = permission is not None

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not self.fields["name"].disabled:
            clean_permission_name(name)
        return name


class PermissionDeleteForm(forms.Form):
    """The number of roles that were told comes along; where people hold it, its name is typed."""

    roles = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=10**9)
    confirm = CharField(label=gettext_lazy("Name of the permission"), max_length=200)

    def __init__(self, data: Any = None, *, permission: CustomPermission, roles: int, people: int) -> None:
        super().__init__(data, initial={"roles": roles})
        self.permission = permission
        if not people:
            del self.fields["confirm"]
            return
        self.fields["confirm"].widget.attrs.update({"data-confirm": str(permission), "autocomplete": "off"})

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed != str(self.permission):
            raise ValidationError(_("Type “%(name)s” to confirm.") % {"name": self.permission})
        return typed
