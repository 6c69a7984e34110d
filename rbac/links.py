"""The way from the trail to the role an event is about."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from rbac.models import Role


def role_page(request: HttpRequest, public_id: str) -> str:
    """The page of a role, where there is one and this person may see roles; else nothing."""
    if not request.user.has_perm("roles.read"):
        return ""
    try:
        known = Role.objects.filter(public_id=public_id).exists()
    except ValidationError:
        return ""
    return reverse("rbac:role_detail", args=[public_id]) if known else ""
