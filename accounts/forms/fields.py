"""Fields that more than one form of people has."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.credentials import PASSWORD_LENGTH


def password_field(label: Any, *, autocomplete: str, autofocus: bool = False, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=PASSWORD_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete, "autofocus": autofocus}),
        **options,
    )
