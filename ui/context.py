"""What every page of the frame needs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def frame(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    preferences = getattr(user, "preferences", {})
    return {"environment": settings.ENVIRONMENT, "theme": preferences.get("theme", "")}
