"""What forms of every floor share; Django's own forms do the rest, and `{% field %}` their look."""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_http_methods

# For a view whose page holds the form that is sent back to it.
require_page_methods = require_http_methods(["GET", "HEAD", "POST"])


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: all that was sent, also where that is nothing, or None where the page is only shown."""
    return request.POST if request.method == "POST" else None


def form_status(form: forms.BaseForm) -> int:
    """The status of a page with this form: 422 where what was sent must be put right, else 200."""
    return 422 if form.is_bound and form.errors else 200


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
