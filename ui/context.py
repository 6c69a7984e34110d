"""What every page of the frame needs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

THEMES = ("light", "dark")


def frame(request: HttpRequest) -> dict[str, Any]:
    """The environment for the badge, and the person's theme: "light", "dark", or empty to follow the system."""
    preferences = getattr(getattr(request, "user", None), "preferences", None) or {}
    theme = preferences.get("theme", "")
    return {"environment": settings.ENVIRONMENT, "theme": theme if theme in THEMES else ""}
