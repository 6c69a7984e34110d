"""What is sent about roles by the claims of identity providers."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from rbac.forms.fields import GivingForm, LineField


class ClaimRoleForm(GivingForm):
    """A value of an identity provider's claim, and the role that it gives."""

    value = LineField(
        label=_("Value of the claim"),
        max_length=200,
        help_text=_("Exactly as the provider writes it, for example the name or the id of a group."),
    )
    field_order = ("value", "role")
