"""What people send about second factors: codes, and why somebody's are reset."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.factors import recovery, totp
from accounts.factors.proof import Kind
from ui.forms import CharField
from ui.registry import Text


class CodeForm(forms.Form):
    """A code that proves somebody; what was refused is not shown again."""

    kind: Kind
    # The same for whatever was wrong with a code that could be one.
    refusal: Text

    def refuse(self, sentence: Text, *, field: str | None = None) -> None:
        self.add_error(field, sentence)
        self.data = {**self.data.dict(), "code": ""}  # type: ignore[attr-defined]  # bound to a QueryDict


class AppCodeForm(CodeForm):
    kind = Kind.APP
    refusal = _(
        "That code did not work. Codes last 30 seconds and work once: take the next one. If none works, see whether "
        "the phone sets its clock by itself. After many wrong codes none is taken for a quarter of an hour."
    )
    code = forms.CharField(
        label=_("Six-digit code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
                "class": "code-input",
            }
        ),
        help_text=_("From the authenticator app on your phone."),
    )

    def clean_code(self) -> str:
        code = totp.cleaned(self.cleaned_data["code"])
        if code is None:
            raise ValidationError(_("A code is six digits, from 0 to 9."), code="malformed")
        return code


class RecoveryCodeForm(CodeForm):
    kind = Kind.RECOVERY
    refusal = _(
        "That recovery code did not work. Each works once, and new ones replace the old. After many wrong codes none "
        "is taken for a quarter of an hour."
    )
    code = forms.CharField(
        label=_("Recovery code"),
        max_length=80,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
                "class": "mono",
            }
        ),
        help_text=_("One of those you kept when you set up your second factor. Each works once."),
    )

    def clean_code(self) -> str:
        code = recovery.cleaned(self.cleaned_data["code"])
        if code is None:
            raise ValidationError(
                _("A recovery code is sixteen letters and digits, in four groups of four."), code="malformed"
            )
        return code


class ResetFactorsForm(forms.Form):
    reason = CharField(label=_("Reason"), max_length=500, help_text=_("How you made sure that it is really them."))
