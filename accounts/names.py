"""How names are compared: two spellings that people take for one must never be two accounts."""

from __future__ import annotations

import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_email
from django.utils.translation import gettext_lazy as _

USERNAME_LENGTH = 150
EMAIL_LENGTH = 254

username_validator = RegexValidator(
    r"\A\w[\w.+-]*\Z", _("Use letters, digits and . + - _ only, beginning with a letter or digit.")
)


def normalised(name: str) -> str:
    """The form in which e-mail addresses and usernames are compared: NFKC and case-folded (Unicode TR 36)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def storable(text: str) -> bool:
    """Whether every database takes this text: no NUL, and no lone surrogates, which UTF-8 cannot carry."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def clean_username(value: str) -> str:
    """A username in the form it is kept in; ValidationError with a sentence where it cannot be one."""
    name = unicodedata.normalize("NFKC", value).strip()
    if not storable(name):
        raise ValidationError(_("This contains a character that cannot be kept."))
    username_validator(name)
    # Folding can lengthen a name: one letter ß becomes two.
    if max(len(name), len(normalised(name))) > USERNAME_LENGTH:
        raise ValidationError(_("Use %(limit)s characters at most."), params={"limit": USERNAME_LENGTH})
    return name


def clean_email(value: str) -> str:
    """An e-mail address in the form it is kept in; ValidationError with a sentence where it cannot be one."""
    address = unicodedata.normalize("NFKC", value).strip()
    if not storable(address):
        raise ValidationError(_("This contains a character that cannot be kept."))
    if max(len(address), len(normalised(address))) > EMAIL_LENGTH:
        raise ValidationError(_("Use %(limit)s characters at most."), params={"limit": EMAIL_LENGTH})
    validate_email(address)
    return address
