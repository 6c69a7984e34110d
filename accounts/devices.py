"""Browsers that people come back with: known by a cookie that holds nothing but a random token."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import Device, User
from settings_store.circumstances import current
from settings_store.store import get_setting

# A year after the last sign-in a browser is a stranger again.
COOKIE_SECONDS = 365 * 24 * 3600


def recognised(request: HttpRequest, user: User) -> Device | None:
    """The device row of this browser for this person, where they signed in from it before."""
    token = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    return Device.objects.filter(user=user, token_hash=_hashed(token)).first() if token else None


def is_remembered(request: HttpRequest, user: User) -> bool:
    """Whether this person asked, in this browser, to be spared the second step, and that time is not over."""
    token = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    return bool(token) and Device.objects.filter(user=user, token_hash=_hashed(token)).trusted().exists()


def see(request: HttpRequest, user: User, *, remember: bool = False) -> tuple[Device, str, bool]:
    """Note that this person signs in from this browser: its row, the token its cookie must hold, and whether it is new.

    With `remember` it spares them the second step for accounts.second_factor.remember_days.
    """
    here, now = current(), timezone.now()
    device = recognised(request, user)
    token = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    # A token that somebody made up, or that is no token, is never taken over.
    if device is None and not (token and Device.objects.filter(token_hash=_hashed(token)).exists()):
        token = secrets.token_urlsafe(32)
    is_new = device is None
    if device is None:
        device = Device(user=user, token_hash=_hashed(token), first_seen_at=now)
    device.user_agent, device.address, device.last_seen_at = here.user_agent, here.address, now
    if remember and (days := int(get_setting("accounts.second_factor.remember_days"))):
        device.trusted_since, device.trusted_until = now, now + timedelta(days=days)
    try:
        with transaction.atomic():
            device.save()
    except IntegrityError:
        # Of two sign-ins at once with one token, the second gets another.
        token = secrets.token_urlsafe(32)
        device.token_hash = _hashed(token)
        device.save()
    return device, token, is_new


def keep_cookie(response: HttpResponse, token: str) -> None:
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        token,
        max_age=COOKIE_SECONDS,
        secure=settings.HTTPS_ONLY,
        httponly=True,
        samesite="Lax",
    )


def _hashed(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
