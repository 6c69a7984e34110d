"""The way from the trail to the person, the identity provider or the import an event is about."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import IdentityProvider, User, UserImport


def user_page(request: HttpRequest, public_id: str) -> str:
    """The page of a person, where this one may see them; else nothing."""
    viewer = request.user
    if not isinstance(viewer, User) or not viewer.has_perm("users.read"):
        return ""
    try:
        known = User.objects.visible_to(viewer).filter(public_id=public_id).exists()
    except ValidationError:
        return ""
    return reverse("accounts:user_detail", args=[public_id]) if known else ""


def identity_provider_page(request: HttpRequest, public_id: str) -> str:
    """The page of an identity provider, where there is one and this person may see them; else nothing."""
    if not request.user.has_perm("identities.read"):
        return ""
    try:
        provider = IdentityProvider.objects.filter(public_id=public_id).first()
    except ValidationError:
        return ""
    return reverse("accounts:identity_provider_detail", args=[provider.slug]) if provider else ""


def user_import_page(request: HttpRequest, public_id: str) -> str:
    """The page of an import, where it is kept and this person may see it; else nothing."""
    viewer = request.user
    if not isinstance(viewer, User) or not viewer.has_perm("users.write"):
        return ""
    try:
        known = UserImport.objects.visible_to(viewer).filter(public_id=public_id).exists()
    except ValidationError:
        return ""
    return reverse("accounts:user_import", args=[public_id]) if known else ""
