"""The sections of Home that the roof itself puts there, because each looks at more than one floor."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.models import User
from chat.models import Conversation, Model, Provider
from settings_store.health import unopened_settings
from settings_store.models import AuditEvent
from ui.registry import HomeCard

LINES = 8
READINGS = ("conversation.opened", "provider.checked")


def attention(request: HttpRequest) -> dict[str, Any] | None:
    """What somebody should do something about; nothing where all is well."""
    user = request.user
    failing: list[Provider] = []
    if user.has_perm("models.read"):
        failing = list(Provider.objects.filter(is_enabled=True).exclude(trouble="").order_by("name")[:LINES])
    found = {
        "failing": failing,
        "no_model": user.has_perm("models.write") and not Model.objects.usable().exists(),
        "unopened": unopened_settings(LINES) if user.has_perm("settings.read") else [],
    }
    return found if any(found.values()) else None


def recent_conversations(request: HttpRequest) -> dict[str, Any] | None:
    """The person's own newest conversations."""
    user = request.user
    if not isinstance(user, User) or not user.has_perm("chat.use"):
        return None
    own = Conversation.objects.owned_by(user)
    return {"conversations": own.select_related("model").order_by("-last_message_at", "-id")[:LINES]}


def recent_changes(request: HttpRequest) -> dict[str, Any] | None:
    """The newest changes in the trail; comings, goings and readings are left out."""
    if not request.user.has_perm("audit.read"):
        return None
    changes = AuditEvent.objects.exclude(action__startswith="session.").exclude(action__in=READINGS)
    return {"events": changes.order_by("-sequence")[:LINES]}


CARDS = [
    HomeCard("config/home.html#attention", attention, order=10, wide=True),
    HomeCard("config/home.html#conversations", recent_conversations, order=20),
    HomeCard("config/home.html#changes", recent_changes, order=30),
]
