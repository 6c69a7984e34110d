"""Settings of one's own: declared by an admin here, changed in their rules, retired and brought back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from settings_store import store, values
from settings_store.actions.setting import bump, lock_settings, protected_keys
from settings_store.audit import name_of, record
from settings_store.circumstances import Actor
from settings_store.crypto import CannotOpen
from settings_store.definitions import (
    KEY,
    KEY_LENGTH,
    LOCK_PREFIX,
    Definition,
    check_rules,
    declared,
    definitions,
    unknown,
)
from settings_store.models import OwnSetting, Proposal, Setting
from settings_store.values import TEXTUAL, SettingType

# What the form may change; key and type stay as they were made.
RULES = (
    "label",
    "category",
    "help",
    "default",
    "required",
    "minimum",
    "maximum",
    "max_length",
    "pattern",
    "pattern_help",
    "choices",
    "schema",
    "unit",
    "is_mutable",
)
# What decides which value holds or may be given; the others are words.
DECISIVE = frozenset(RULES) - {"label", "category", "help", "unit", "pattern_help"}
# Types whose readers expect a value at any time.
NEEDS_DEFAULT = frozenset({SettingType.INTEGER, SettingType.DECIMAL, SettingType.DURATION, SettingType.JSON})


@dataclass(eq=False)
class StaleDefinition(Exception):
    """Somebody else changed the rules meanwhile: the row as it is now."""

    row: OwnSetting

    def __str__(self) -> str:
        return f"the rules of {self.row} are at version {self.row.version} by now"


@dataclass(frozen=True, slots=True)
class Broken:
    """A value that would not hold under new rules."""

    environment: str
    shown: str
    sentence: str


@dataclass(eq=False)
class BreaksValues(Exception):
    """Values that are there would not hold under the new rules."""

    broken: list[Broken]

    def __str__(self) -> str:
        return f"{len(self.broken)} values break these rules"


@transaction.atomic
def create_definition(*, actor: Actor | None, definition: Definition) -> OwnSetting:
    """Declare a setting; raises ValidationError with one sentence for each field that is not right."""
    lock_settings()
    _check_key(definition.key)
    check_definition(definition)
    row = OwnSetting(key=definition.key, type=definition.type)
    row.created_by_id = None if actor is None else actor.pk
    row.created_by_name = name_of(actor)
    _take(row, definition)
    row.save(force_insert=True)
    bump()
    record("setting.created", actor=actor, target=row, after={"type": row.type} | _rules(row))
    return row


@transaction.atomic
def change_definition(
    *, actor: Actor | None, definition: Definition, expected_version: int | None, despite: bool = False
) -> OwnSetting:
    """Give a setting these rules; nothing happens where it has them.

    Raises StaleDefinition, ValidationError with one sentence for each field that is not right, UnknownSetting, or
    BreaksValues where values that are there would not hold, unless it is to be `despite` them.
    """
    lock_settings()
    row = _row(definition.key)
    check_definition(definition)
    before = _rules(row)
    _take(row, definition)
    after = _rules(row)
    if before == after:
        return row
    if any(before[name] != after[name] for name in DECISIVE) and protected_keys([row.key]):
        # Else one person alone could change the value that holds, by its default or by what breaks the rules.
        raise ValidationError(
            _("%(key)s is protected: take the protection away first, which somebody else approves.") % {"key": row.key}
        )
    if expected_version not in (None, row.version):
        row.refresh_from_db()
        raise StaleDefinition(row)
    broken = [] if despite else _broken_by(definition)
    if broken:
        raise BreaksValues(broken)
    row.version += 1
    row.save(update_fields=[*RULES, "version"])
    bump()
    changed = [name for name in RULES if before[name] != after[name]]
    record(
        "setting.rules_changed",
        actor=actor,
        target=row,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed} | {"version": row.version},
    )
    return row


@transaction.atomic
def retire_definition(*, actor: Actor | None, key: str) -> OwnSetting:
    """Let nobody read or change a setting any more; what it held and its history stay. Raises ValidationError."""
    lock_settings()
    row = _row(key)
    if protected_keys([key]):
        raise ValidationError(_("%(key)s is protected: its protection must be taken away first.") % {"key": key})
    if Proposal.objects.filter(key=key, status__in=Proposal.PENDING).exists():
        raise ValidationError(_("A change of %(key)s is pending: decide it or withdraw it first.") % {"key": key})
    if row.retired_at is None:
        row.retired_at = timezone.now()
        row.save(update_fields=["retired_at"])
        bump()
        record("setting.retired", actor=actor, target=row)
    return row


@transaction.atomic
def restore_definition(*, actor: Actor | None, key: str) -> OwnSetting:
    """Bring a retired setting back, with the values it had. Raises ValidationError where its name is taken by now."""
    lock_settings()
    row = _row(key)
    if row.retired_at is not None:
        _check_name(key)
        row.retired_at = None
        row.save(update_fields=["retired_at"])
        bump()
        record("setting.brought_back", actor=actor, target=row)
    return row


def _broken_by(definition: Definition) -> list[Broken]:
    """The values there are that these rules would not allow.

    Secrets are not tried: whoever may write rules could learn one by its answers, pattern after pattern.
    """
    if definition.is_secret:
        return []
    found = []
    for row in Setting.objects.filter(key=definition.key).order_by("environment"):
        if store.is_set(row):
            try:
                store.own_value(definition, row)
            except CannotOpen:
                continue
            except ValidationError as error:
                found.append(Broken(row.environment, _shown(definition, row.value), error.messages[0]))
    return found


def _shown(definition: Definition, kept: Any) -> str:
    try:
        return definition.shown(values.loaded(definition.type, kept))
    except ValidationError:
        return str(kept)


def _check_key(key: str) -> None:
    if not KEY.fullmatch(key) or len(key) > KEY_LENGTH:
        words = _("“%(key)s” is no name for a setting: use small letters, digits, _ and dots, such as team.greeting.")
        raise ValidationError({"key": words % {"key": key[:KEY_LENGTH]}})
    taken = OwnSetting.objects.filter(key=key).first()
    if taken is not None and taken.retired_at is not None:
        raise ValidationError({"key": _("%(key)s was retired. Bring it back instead.") % {"key": key}})
    if taken is not None or declared(key) is not None:
        raise ValidationError({"key": _("There is a setting %(key)s already.") % {"key": key}})
    _check_name(key)


def _check_name(key: str) -> None:
    prefix = key.partition(".")[0]
    if prefix in {app.label for app in apps.get_app_configs()} | {
        each.group for each in definitions() if not each.is_own
    }:
        words = _("%(key)s cannot be taken: names that begin with “%(prefix)s.” belong to the product itself.")
        raise ValidationError({"key": words % {"key": key, "prefix": prefix}})
    variable = _variable(key)
    others = {each.key for each in definitions()} | set(OwnSetting.objects.values_list("key", flat=True))
    other = next((other for other in sorted(others - {key}) if _variable(other) == variable), None)
    if other is not None:
        words = _("%(key)s would share its environment variable %(variable)s with %(other)s.")
        raise ValidationError({"key": words % {"key": key, "variable": variable, "other": other}})


def _variable(key: str) -> str:
    return LOCK_PREFIX + key.replace(".", "_").upper()


def check_definition(definition: Definition) -> None:
    """Raises ValidationError, by field, for rules that are none, or that the default itself breaks."""
    try:
        check_rules(definition)
    except ValidationError as error:
        # No type has both.
        raise ValidationError({"pattern" if definition.pattern else "schema": error.messages}) from error
    if definition.minimum is not None and definition.maximum is not None and definition.minimum > definition.maximum:
        raise ValidationError({"maximum": _("The highest value is below the lowest.")})
    if definition.type is SettingType.CHOICE and not definition.choices:
        raise ValidationError({"choices": _("Name what there is to choose from, one a line.")})
    if definition.is_secret and definition.default:
        raise ValidationError({"default": _("A secret has no default.")})
    if definition.default in ("", None):
        if definition.type in NEEDS_DEFAULT:
            raise ValidationError({"default": _("A setting of this type needs a default.")})
        return
    try:
        values.check(definition, definition.default)
    except ValidationError as error:
        raise ValidationError({"default": error.messages}) from error


def _take(row: OwnSetting, definition: Definition) -> None:
    for name in RULES:
        setattr(row, name, getattr(definition, name))
    row.choices = [choice for choice, _label in definition.choices]
    row.default = None if definition.default is None else definition.stored(definition.default)
    row.schema = None if definition.schema is None else dict(definition.schema)
    if definition.type in TEXTUAL and row.default is None:
        row.default = ""


def _rules(row: OwnSetting) -> dict[str, Any]:
    return {name: getattr(row, name) for name in RULES}


def _row(key: str) -> OwnSetting:
    row = OwnSetting.objects.select_for_update().filter(key=key).first()
    # Not every database tells small letters from capitals.
    if row is None or row.key != key or declared(key) is not None:
        raise unknown(key)
    return row
