"""How names of servers and prompts are compared."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.names import normalised

LENGTH = 80


def name_key(name: str) -> str:
    """The name without regard to case; raises ValidationError where folding makes it longer than is kept."""
    key = normalised(name)
    if len(key) > LENGTH:
        raise ValidationError({"name": _("This name is too long.")})
    return key
