"""What a value given as JSON may hold, so that every database keeps it and every page can show it."""

from __future__ import annotations

import math
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

JSON_DEPTH = 20
# Larger than any real limit or size, and within what every database keeps exactly.
WHOLE_LIMIT = 2**53


def check_json(value: Any, depth: int = JSON_DEPTH) -> None:
    """Raises ValidationError with one sentence for what could not be kept or shown."""
    if depth == 0:
        raise ValidationError(_("This is nested too deeply."))
    if isinstance(value, dict):
        for key, item in value.items():
            check_json(key, depth)
            check_json(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            check_json(item, depth - 1)
    elif isinstance(value, str):
        # Escapes in JSON can spell what the text itself may not hold.
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValidationError(_("The value holds characters that cannot be kept."))
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValidationError(_("NaN and infinity are no numbers."))
    elif isinstance(value, int | float) and abs(value) >= WHOLE_LIMIT:
        raise ValidationError(_("This number is too large."))
