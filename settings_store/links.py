"""The way from the trail to the setting or flag an event is about."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from settings_store.definitions import KEY
from settings_store.flag.rules import KEY as FLAG_KEY
from settings_store.models import Flag, OwnSetting, Proposal, Setting
from settings_store.realms import Realm


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
    setting = Setting.objects.filter(Realm.SETTINGS.rows(), pk=number).first()
    if setting is None:
        return ""
    query = urlencode({"environment": setting.environment})
    return f"{reverse('settings_store:setting_edit', args=[setting.key])}?{query}"


def flag_page(request: HttpRequest, key: str) -> str:
    """The page of a flag, archived or not, for those who may read flags; else nothing."""
    if not (request.user.has_perm("flags.read") and FLAG_KEY.fullmatch(key)):
        return ""
    return reverse("settings_store:flag_edit", args=[key]) if Flag.objects.filter(key=key).exists() else ""


def proposal_page(request: HttpRequest, public_id: str) -> str:
    """The page of a proposal, for those who may read what it is about; else nothing."""
    try:
        proposal = Proposal.objects.filter(public_id=public_id).first()
    except ValidationError:
        return ""
    if proposal is None or not request.user.has_perm(proposal.realm.right("read")):
        return ""
    return reverse("settings_store:proposal_detail", args=[proposal.realm, public_id])


def protected_page(request: HttpRequest, key: str) -> str:
    """The page of a setting that was protected or is not any more, for those who may read settings; else nothing."""
    if not (request.user.has_perm("settings.read") and KEY.fullmatch(key)):
        return ""
    return reverse("settings_store:setting_edit", args=[key])
