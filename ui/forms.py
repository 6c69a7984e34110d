"""Forms of the house: no colon after labels, and text as people meant it."""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms


def normalise(text: str) -> str:
    """Text as it is kept: composed (NFC), newlines as LF, no space around it."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


class Form(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)


class ModelForm[M: Any](forms.ModelForm[M]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
