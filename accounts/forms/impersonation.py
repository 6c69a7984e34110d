"""What somebody says before they act as somebody else."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.actions.impersonation import REASON_LENGTH


class ImpersonateForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        min_length=REASON_LENGTH,
        max_length=500,
        help_text=_("Stands in the audit trail and in the letter to the person, such as the number of a request."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"min_length": _("Say in a few words why.")},
    )
