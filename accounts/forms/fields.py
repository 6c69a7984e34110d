"""Fields that more than one form of people has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.credentials import PASSWORD_LENGTH


def password_field(label: Any, *, autocomplete: str, autofocus: bool = False, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=PASSWORD_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete, "autofocus": autofocus}),
        **options,
    )


@contextmanager
def as_of_one_field() -> Iterator[None]:
    """Actions say which field is wrong; the method that cleans a field may only say what is."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError([message for messages in error.message_dict.values() for message in messages]) from error
