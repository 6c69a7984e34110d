"""What every page of the frame needs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

THEMES = ("light", "dark")


def frame(request: HttpRequest) -> dict[str, Any]:
    """What this installation serves, and the person's theme: "light", "dark", or empty to follow the system."""
    preferences = getattr(getattr(request, "user", None), "preferences", None) or {}
    # Known once the person was asked for, which the line above did.
    impersonator = getattr(request, "impersonator", None)
    theme = preferences.get("theme", "")
    # Not `environment`: many pages are about one, which need not be this.
    return {"serves": settings.ENVIRONMENT, "theme": theme if theme in THEMES else "", "impersonator": impersonator}
