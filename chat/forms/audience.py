"""The fields by which somebody says whom a model or a prompt is for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chat.models.audience import Audience
from rbac.models import Role


class AudienceForm(forms.Form):
    """For everybody, or for those of the roles that are ticked; to be mixed into other forms."""

    for_everybody = forms.BooleanField(label=gettext_lazy("For everybody"), required=False)
    roles = forms.ModelMultipleChoiceField(
        Role.objects.none(),
        label=gettext_lazy("Only for these roles"),
        required=False,
        to_field_name="public_id",
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("And for those that inherit from them. Counts where it is not for everybody."),
        error_messages={
            "invalid_choice": gettext_lazy("One of these roles is no longer there. Choose again."),
            "invalid_pk_value": gettext_lazy("One of these roles is no longer there. Choose again."),
        },
    )

    def __init__(self, *args: Any, audience: Audience | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].queryset = Role.objects.by_rank()  # type: ignore[attr-defined] # known by its class
        self.initial.setdefault("for_everybody", audience is None or audience.for_everybody)
        if audience is not None:
            self.initial.setdefault("roles", list(audience.roles.all()))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "roles" in data and not data["roles"] and not data.get("for_everybody"):
            self.add_error("roles", _("Choose a role, or make it for everybody."))
        return data
