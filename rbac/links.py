"""The way from the trail to the role, the access review or the permission an event is about."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User
from rbac.models import CustomPermission, Review, Role


def role_page(request: HttpRequest, public_id: str) -> str:
    """The page of a role, where there is one and this person may see roles; else nothing."""
    if not request.user.has_perm("roles.read"):
        return ""
    try:
        known = Role.objects.filter(public_id=public_id).exists()
    except ValidationError:
        return ""
    return reverse("rbac:role_detail", args=[public_id]) if known else ""


def review_page(request: HttpRequest, public_id: str) -> str:
    """The page of an access review, where this person may see it; else nothing."""
    viewer = request.user
    if not isinstance(viewer, User) or not viewer.has_perm("roles.read"):
        return ""
    try:
        known = Review.objects.visible_to(viewer).filter(public_id=public_id).exists()
    except ValidationError:
        return ""
    return reverse("rbac:review_detail", args=[public_id]) if known else ""


def permission_page(request: HttpRequest, key: str) -> str:
    """The line of another program's permission in their list, where there is one and this person may see it."""
    if not request.user.has_perm("roles.read") or not key.isdecimal() or len(key) > 18:
        return ""
    row = CustomPermission.objects.filter(pk=int(key)).first()
    return f"{reverse('rbac:permission_list')}#{row}" if row is not None else ""
