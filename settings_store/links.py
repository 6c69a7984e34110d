"""The way from the trail to the setting an event is about."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from settings_store.definitions import KEY
from settings_store.models import OwnSetting, Proposal, Setting


def own_setting_page(request: HttpRequest, number: str) -> str:
    """The page of a setting that an admin declared, retired or not, for those who may read settings."""
    if not (request.user.has_perm("settings.read") and number.isascii() and number.isdigit() and len(number) < 19):
        return ""
    setting = OwnSetting.objects.filter(pk=number).first()
    return reverse("settings_store:setting_edit", args=[setting.key]) if setting else ""


def setting_page(request: HttpRequest, number: str) -> str:
    """The page of a setting in its environment, for those who may read settings; else nothing."""
    if not (request.user.has_perm("settings.read") and number.isascii() and number.isdigit() and len(number) < 19):
        return ""
    setting = Setting.objects.filter(pk=number).first()
    if setting is None:
        return ""
    query = urlencode({"environment": setting.environment})
    return f"{reverse('settings_store:setting_edit', args=[setting.key])}?{query}"


def proposal_page(request: HttpRequest, public_id: str) -> str:
    """The page of a proposal, for those who may read settings; else nothing."""
    if not request.user.has_perm("settings.read"):
        return ""
    try:
        found = Proposal.objects.filter(public_id=public_id).exists()
    except ValidationError:
        return ""
    return reverse("settings_store:proposal_detail", args=[public_id]) if found else ""


def protected_page(request: HttpRequest, key: str) -> str:
    """The page of a setting that was protected or is not any more, for those who may read settings; else nothing."""
    if not (request.user.has_perm("settings.read") and KEY.fullmatch(key)):
        return ""
    return reverse("settings_store:setting_edit", args=[key])
