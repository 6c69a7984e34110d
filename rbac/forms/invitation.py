"""What is sent to invite people into a role."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.actions.user import refuse_taken
from accounts.names import EMAIL_LENGTH, clean_email, key_of
from rbac.forms.fields import GivingForm, MomentField
from ui.forms import CharField


class InvitationForm(GivingForm):
    """Whom to invite, into which role, until when that counts, and how long their links are good."""

    MOST = 50

    emails = CharField(
        label=_("Email addresses"),
        max_length=MOST * (EMAIL_LENGTH + 2),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "none"}),
        help_text=_("One to a line, up to 50."),
    )
    ends_at = MomentField(label=_("Role until"), required=False, help_text=_("Empty: no end."))
    days = forms.IntegerField(label=_("Link good for"), min_value=1, max_value=90)
    field_order = ("emails", "role", "ends_at", "days")

    def clean_emails(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["emails"].splitlines() if line.strip()]
        if len(lines) > self.MOST:
            raise ValidationError(_("Invite 50 people at a time at most; these are %(count)d.") % {"count": len(lines)})
        found: dict[str, str] = {}
        wrong = []
        for line in lines:
            try:
                email = clean_email(line)
                refuse_taken(email=email)
            except ValidationError as error:
                wrong.append(f"{line[:80]}: {' '.join(error.messages)}")
            else:
                # Written twice, somebody is invited once.
                found.setdefault(key_of(email), email)
        if wrong:
            raise ValidationError(wrong)
        return list(found.values())

    def clean_ends_at(self) -> datetime | None:
        ends_at: datetime | None = self.cleaned_data["ends_at"]
        if ends_at and ends_at <= timezone.now():
            raise ValidationError(_("The end must lie in the future."))
        return ends_at
