"""The way from the trail to what an event is about, where the reader may go there."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User
from chat.models import Conversation, Model, Provider, SystemPrompt


def conversation_page(request: HttpRequest, public_id: str) -> str:
    viewer = request.user
    if not isinstance(viewer, User) or not viewer.has_perm("conversations.oversee"):
        return ""
    return _page(Conversation.objects.visible_to(viewer), public_id, "chat:conversation_read")


def prompt_page(request: HttpRequest, public_id: str) -> str:
    viewer = request.user
    if not isinstance(viewer, User) or not viewer.has_perm("prompts.read"):
        return ""
    return _page(SystemPrompt.objects.usable_by(viewer), public_id, "chat:prompt_detail")


def provider_page(request: HttpRequest, public_id: str) -> str:
    may = request.user.has_perm("models.write")
    return _page(Provider.objects.all(), public_id, "chat:provider_edit") if may else ""


def model_page(request: HttpRequest, public_id: str) -> str:
    if not request.user.has_perm("models.write"):
        return ""
    try:
        server = Model.objects.filter(public_id=public_id).values_list("provider__public_id", flat=True).first()
    except ValidationError:
        return ""
    return reverse("chat:model_edit", args=[server, public_id]) if server else ""


def _page(rows: QuerySet[Any], public_id: str, name: str) -> str:
    try:
        known = rows.filter(public_id=public_id).exists()
    except ValidationError:
        return ""
    return reverse(name, args=[public_id]) if known else ""
