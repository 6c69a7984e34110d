"""Changes of settings: each a new version that stays, sealed where it is secret, recorded in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from settings_store import audit, store
from settings_store.circumstances import Actor, current
from settings_store.crypto import CannotOpen, NoKey, seal
from settings_store.definitions import Definition, definition_of
from settings_store.models import Setting, SettingVersion, StoreVersion
from settings_store.setting_definitions import REASON_REQUIRED

REASON_LENGTH = 500
REASON_LEAST = 10
# The code of a ValidationError about the reason, so that a form can show it there.
ABOUT_REASON = "reason"


@dataclass(eq=False)
class StaleSetting(Exception):
    """Somebody else changed the setting meanwhile; both values as pages show them, secrets as dots."""

    setting: Setting
    theirs: str
    yours: str

    def __str__(self) -> str:
        return f"{self.setting} is at version {self.setting.version} by now"


@transaction.atomic
def change_setting(
    *,
    actor: Actor | None,
    key: str,
    environment: str,
    value: str,
    reason: str = "",
    expected_version: int | None = None,
) -> Setting:
    """Give a setting the value written as `value` in one environment; nothing happens where it has it already.

    `expected_version` is the version the person saw (0 for none); None skips the comparison. Raises ValidationError
    with one sentence, StaleSetting, or UnknownSetting.
    """
    definition = _changeable(actor, key, environment, reason)
    typed = definition.clean(value)
    _lock()
    setting, _created = Setting.objects.get_or_create(key=key, environment=environment)
    had = store.is_set(setting)
    old = _own_or_none(definition, setting) if had else None
    if had and old == typed and type(old) is type(typed):
        return setting
    _compare(definition, setting, expected_version, yours=definition.shown(typed))
    version = setting.version + 1
    sealed = None
    if definition.is_secret:
        try:
            sealed = seal(typed.encode(), context=store.secret_context(key, version), environment=environment)
        except NoKey as error:
            raise ValidationError(str(error)) from error
    stored = None if definition.is_secret else definition.stored(typed)
    return _keep(
        "setting.changed",
        actor=actor,
        setting=setting,
        stored=stored,
        sealed=sealed,
        reason=reason,
        before=_recorded(definition, setting) if had else None,
        after=audit.MASK if definition.is_secret else stored,
    )


@transaction.atomic
def clear_setting(
    *, actor: Actor | None, key: str, environment: str, reason: str = "", expected_version: int | None = None
) -> Setting | None:
    """Take an environment's own value away, so that the default holds again; nothing happens where there is none.

    Raises as `change_setting` does.
    """
    definition = _changeable(actor, key, environment, reason)
    _lock()
    setting = Setting.objects.filter(key=key, environment=environment).first()
    if setting is None or not store.is_set(setting):
        return setting
    _compare(definition, setting, expected_version, yours=_("back to default"))
    return _keep(
        "setting.cleared",
        actor=actor,
        setting=setting,
        stored=None,
        sealed=None,
        reason=reason,
        before=_recorded(definition, setting),
        after=None,
    )


def _changeable(actor: Actor | None, key: str, environment: str, reason: str) -> Definition:
    definition = definition_of(key)
    if environment not in (store.DEFAULT, *settings.ENVIRONMENTS):
        raise ValidationError(_("There is no environment of this name."))
    if definition.is_secret and environment == store.DEFAULT:
        raise ValidationError(_("A secret belongs to one environment; it has no common value."))
    if environment == settings.ENVIRONMENT and store.locked_value(definition) is not None:
        raise ValidationError(
            _("This setting is locked by the environment variable %(variable)s.") % {"variable": definition.variable}
        )
    if len(reason) > REASON_LENGTH or "\0" in reason:
        raise ValidationError(_("The reason is too long or holds characters that cannot be kept."), code=ABOUT_REASON)
    if actor is not None and len(reason.strip()) < REASON_LEAST and store.get_setting(REASON_REQUIRED.key):
        raise ValidationError(
            _("Say why in at least %(least)s characters; it stays in the history.") % {"least": REASON_LEAST},
            code=ABOUT_REASON,
        )
    return definition


def _lock() -> None:
    # One change of settings at a time, whatever the key: locking the rows themselves would let two people who both
    # give a setting its first value deadlock on MariaDB.
    StoreVersion.objects.select_for_update().get(pk=1)


def _own_or_none(definition: Definition, setting: Setting) -> Any:
    try:
        return store.own_value(definition, setting)
    except (CannotOpen, ValidationError):
        # What cannot be read here is replaced like any other value.
        return None


def _compare(definition: Definition, setting: Setting, expected: int | None, *, yours: str) -> None:
    if expected is not None and expected != setting.version:
        theirs = _("not set")
        if store.is_set(setting):
            theirs = definition.shown(audit.MASK if definition.is_secret else _own_or_none(definition, setting))
        raise StaleSetting(setting, theirs, yours)


def _recorded(definition: Definition, setting: Setting) -> Any:
    return audit.MASK if definition.is_secret else setting.value


def _keep(
    action: str,
    *,
    actor: Actor | None,
    setting: Setting,
    stored: Any,
    sealed: bytes | None,
    reason: str,
    before: Any,
    after: Any,
) -> Setting:
    around = current()
    setting.version += 1
    setting.value, setting.sealed = stored, sealed
    setting.updated_by_id = None if actor is None else actor.pk
    setting.updated_by_name = (audit.SYSTEM if actor is None else str(actor))[:150]
    setting.save(update_fields=["version", "value", "sealed", "updated_by_id", "updated_by_name", "updated_at"])
    SettingVersion.objects.create(
        setting=setting,
        version=setting.version,
        value=stored,
        sealed=sealed,
        cleared=stored is None and sealed is None,
        reason=reason,
        at=timezone.now(),
        actor_id=setting.updated_by_id,
        actor_name=setting.updated_by_name,
        address=around.address,
        user_agent=around.user_agent,
        request_id=around.request_id,
    )
    StoreVersion.objects.filter(pk=1).update(version=F("version") + 1)
    store.written()
    audit.record(
        action,
        actor=actor,
        target=setting,
        before={"value": before, "version": setting.version - 1},
        after={"value": after, "version": setting.version},
        reason=reason,
    )
    return setting
