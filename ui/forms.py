"""What forms of every floor share; Django's own forms do the rest, and `{% field %}` their look."""

from __future__ import annotations

import unicodedata
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, QueryDict
from django.shortcuts import resolve_url
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_http_methods

from ui.guard import IN_PERSON

# For a view whose page holds the form that is sent back to it.
require_page_methods = require_http_methods(["GET", "HEAD", "POST"])


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: all that was sent, also where that is nothing, or None where the page is only shown."""
    return request.POST if request.method == "POST" else None


def form_status(form: forms.BaseForm) -> int:
    """The status of a page with this form: 422 where what was sent must be put right, else 200."""
    return 422 if form.is_bound and form.errors else 200


def sentence_of(refusal: PermissionDenied | ValidationError) -> str:
    """Why somebody was refused, in one line."""
    return " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal)


def uuid_of(text: str) -> UUID | None:
    """The id that an address or a field names; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def ask_step_up_first(request: HttpRequest, form: forms.BaseForm) -> None:
    """Send nobody away from a form that needs a fresh proof: it says so, and is shown again with all that was sent.

    The step-up is in another tab, for what was typed would not survive the way there and back.
    """
    if getattr(request, "impersonator", None) is not None:
        raise PermissionDenied(IN_PERSON)
    link = format_html(
        '<a href="{}" target="_blank" rel="noopener">{}</a>', resolve_url("step_up"), _("Confirm that it is you")
    )
    form.add_error(None, format_html(_("{link} in a new tab, then try again."), link=link))


def normalise(text: str) -> str:
    """Text as it is kept: composed (NFC), newlines as LF, no space around it."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


class CharField(forms.CharField):
    """Text as it is kept, measured as it is kept: composing can lengthen what was sent."""

    default_error_messages = {
        "max_length": ngettext_lazy(
            "At most %(limit_value)d character; these are %(show_value)d.",
            "At most %(limit_value)d characters; these are %(show_value)d.",
            "limit_value",
        ),
    }

    def to_python(self, value: Any) -> str:
        return normalise(super().to_python(value) or "")
