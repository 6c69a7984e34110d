"""Changes of settings: each a new version that stays, sealed where it is secret, recorded in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from settings_store import audit, kept, store
from settings_store.circumstances import Actor, current
from settings_store.crypto import CannotOpen, NoKey, seal
from settings_store.definitions import Definition
from settings_store.flag.references import check_needs
from settings_store.models import Flag, Proposal, Protection, SealedVersion, Setting, SettingVersion, StoreVersion
from settings_store.realms import Realm, name_of_key, realm_of
from settings_store.setting_definitions import REASON_REQUIRED
from settings_store.values import SettingType, same

REASON_LENGTH = 500
REASON_LEAST = 10
# The code of a ValidationError about the reason, so that a form can show it there.
ABOUT_REASON = "reason"
# As many rows as one statement takes on every database.
BATCH = 500

type Place = tuple[str, str]


@dataclass(eq=False)
class StaleSetting(Exception):
    """Somebody else changed the setting meanwhile; both values as pages show them, secrets as dots."""

    setting: Setting
    theirs: str
    yours: str

    def __str__(self) -> str:
        return f"{self.setting} is at version {self.setting.version} by now"


@dataclass(eq=False)
class ProtectedSetting(Exception):
    """The setting changes only by a proposal that somebody else approves."""

    key: str

    def __str__(self) -> str:
        return f"{self.key} is protected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one setting is to become in one environment."""

    key: str
    environment: str
    # As a person writes it; None takes the environment's own value away, so that the default holds.
    value: str | None
    # The version the person saw (0 for none); None skips the comparison.
    expected_version: int | None = None
    # The version whose value comes back, where it is a rollback.
    rollback_to: int | None = None

    @property
    def place(self) -> Place:
        return self.key, self.environment


@dataclass(frozen=True, slots=True)
class Made:
    """What became of changes: their settings, as they are now, and what is still to be recorded of them."""

    settings: list[Setting]
    entries: list[audit.Entry]


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

    Raises as `change_settings` does.
    """
    change = Change(key=key, environment=environment, value=value, expected_version=expected_version)
    return change_settings(actor=actor, changes=[change], reason=reason)[0]


def clear_setting(
    *, actor: Actor | None, key: str, environment: str, reason: str = "", expected_version: int | None = None
) -> Setting:
    """Take an environment's own value away, so that the default holds again; nothing happens where there is none.

    Raises as `change_settings` does.
    """
    change = Change(key=key, environment=environment, value=None, expected_version=expected_version)
    return change_settings(actor=actor, changes=[change], reason=reason)[0]


@transaction.atomic
def change_settings(
    *,
    actor: Actor | None,
    changes: Sequence[Change],
    reason: str = "",
    despite_protection: bool = False,
) -> list[Setting]:
    """Make all of these changes or none; answers their settings, in the same order, as they are afterwards.

    A protected setting changes only `despite_protection`, for whoever holds the shell.
    Raises ValidationError with one sentence, StaleSetting, ProtectedSetting, or UnknownSetting.
    """
    made = make_changes(actor=actor, changes=changes, reason=reason, despite_protection=despite_protection)
    if made.entries:
        audit.record_many(made.entries)
    return made.settings


def make_changes(
    *,
    actor: Actor | None,
    changes: Sequence[Change],
    reason: str = "",
    proposal: Proposal | None = None,
    despite_protection: bool = False,
) -> Made:
    """The same within an action that does more, and records everything together as its last statement.

    A protected setting changes for its approved `proposal` too.
    """
    if proposal is None:
        # An approved one had its reason checked when it was made.
        check_reason(actor, reason)
    lock_settings()
    keys = list(dict.fromkeys(change.key for change in changes))
    definitions = kept.current_definitions(keys)
    if proposal is None and not despite_protection:
        refuse_protected(keys)
    batch = _Batch(actor, reason, proposal, rows_of(keys))
    before = {place: row.value for place, row in batch.rows.items()}
    if despite_protection:
        batch.overridden = protected_keys(keys)
    for change in changes:
        batch.add(definitions[change.key], change)
    entries = batch.write() if batch.versions else []
    if any(realm_of(key) is Realm.FLAGS for key in keys):
        check_needs({change.place for change in changes if realm_of(change.key) is Realm.FLAGS}, before)
    return Made([batch.rows[change.place] for change in changes], entries)


def text_of(definition: Definition, value: Any) -> str:
    """A value as the text that a Change takes, never longer than what somebody may write."""
    if definition.type in (SettingType.JSON, SettingType.FLAG):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return definition.written(value)


def check_change(definition: Definition, change: Change) -> Any:
    """The typed value of a change that the rules allow, None where it clears; raises ValidationError."""
    environment = change.environment
    if environment not in store.PLACES:
        raise ValidationError(_("There is no environment of this name."))
    if definition.is_secret and environment == store.DEFAULT:
        raise ValidationError(_("A secret belongs to one environment; it has no common value."))
    if environment == settings.ENVIRONMENT and store.locked_value(definition) is not None:
        raise ValidationError(
            _("This setting is locked by the environment variable %(variable)s.") % {"variable": definition.variable}
        )
    if not definition.is_mutable:
        raise ValidationError(
            _("This setting does not change while running; the environment variable %(variable)s sets it.")
            % {"variable": definition.variable}
        )
    if change.value is None:
        return None
    if definition.is_secret and change.rollback_to is not None:
        # Whoever may write rules could learn an old secret by the answers, so it comes back whatever they say by now.
        return change.value
    return definition.clean(change.value)


def takes_effect(definition: Definition, row: Setting, change: Change, typed: Any) -> bool:
    """Whether the row is not so already; raises StaleSetting where it has changed since the person saw it.

    A secret is given anew each time: nobody learns from the answer whether they guessed it.
    """
    had, clearing = store.is_set(row), change.value is None
    old = own_or_none(definition, row) if had and not definition.is_secret else None
    if (clearing and not had) or (had and not clearing and not definition.is_secret and same(old, typed)):
        return False
    if change.expected_version not in (None, row.version):
        theirs = _("not set")
        if had:
            theirs = definition.shown(audit.MASK if definition.is_secret else old)
        raise StaleSetting(row, theirs, _("back to default") if clearing else definition.shown(typed))
    return True


def noun(key: str) -> str:
    """What the trail calls that which a key is of."""
    return "flag" if realm_of(key) is Realm.FLAGS else "setting"


def about_flag(entry: audit.Entry, key: str) -> audit.Entry:
    """The same about the flag itself where the key is that of one, whatever row was changed; else as it is."""
    if realm_of(key) is not Realm.FLAGS:
        return entry
    return replace(
        entry,
        target_type=Flag._meta.label_lower,
        target_id=name_of_key(key),
        target_name=name_of_key(entry.target_name),
    )


def check_reason(actor: Actor | None, reason: str) -> None:
    """Raises ValidationError where the reason cannot be kept, or is asked for and missing."""
    if len(reason) > REASON_LENGTH or "\0" in reason:
        raise ValidationError(_("The reason is too long or holds characters that cannot be kept."), code=ABOUT_REASON)
    if actor is not None and len(reason.strip()) < REASON_LEAST and store.get_setting(REASON_REQUIRED.key):
        raise ValidationError(
            _("Say why in at least %(least)s characters; it stays in the history.") % {"least": REASON_LEAST},
            code=ABOUT_REASON,
        )


def refuse_protected(keys: Iterable[str]) -> None:
    """Raises ProtectedSetting for the first of these that changes only by approval."""
    for key in protected_keys(keys):
        raise ProtectedSetting(key)


def protected_keys(keys: Iterable[str]) -> set[str]:
    """Those of these settings that change only by approval."""
    return {
        key for some in _some(keys) for key in Protection.objects.filter(key__in=some).values_list("key", flat=True)
    }


def rows_of(keys: Iterable[str]) -> dict[Place, Setting]:
    """What these settings hold in every environment."""
    return {(row.key, row.environment): row for some in _some(keys) for row in Setting.objects.filter(key__in=some)}


def bump() -> None:
    """Tell every process to read all settings anew, once this transaction is committed."""
    StoreVersion.objects.filter(pk=1).update(version=F("version") + 1)
    store.written()


def _some(keys: Iterable[str]) -> Iterable[list[str]]:
    every = list(keys)
    return (every[start : start + BATCH] for start in range(0, len(every), BATCH))


def lock_settings() -> None:
    """Make every other change of settings wait for the end of this transaction, whatever its key."""
    # Locking the rows themselves would let two people who both give a setting its first value deadlock on MariaDB.
    StoreVersion.objects.select_for_update().get(pk=1)


@dataclass
class _Batch:
    """Changes put together under the lock, and written at once."""

    actor: Actor | None
    reason: str
    proposal: Proposal | None
    rows: dict[Place, Setting]
    # Protected settings that change all the same, which their events say.
    overridden: set[str] = field(default_factory=set)
    versions: list[SettingVersion] = field(default_factory=list)
    secrets: list[tuple[SettingVersion, bytes]] = field(default_factory=list)
    entries: list[tuple[Place, audit.Entry]] = field(default_factory=list)

    def add(self, definition: Definition, change: Change) -> None:
        typed = check_change(definition, change)
        row = self.rows.setdefault(change.place, Setting(key=change.key, environment=change.environment))
        if not takes_effect(definition, row, change, typed):
            return
        clearing = change.value is None
        before = (audit.MASK if definition.is_secret else row.value) if store.is_set(row) else None
        # Where an older row was put back past the product, after the newest of its history.
        row.version = max(row.version, row.last_version or 0) + 1
        row.value, row.sealed = None, None
        if not clearing and definition.is_secret:
            context = store.secret_context(row.key, row.version)
            row.sealed = sealed(typed, context=context, environment=row.environment)
        elif not clearing:
            row.value = definition.stored(typed)
        self._keep(row, change, before=before, after=audit.MASK if row.sealed else row.value)

    def _keep(self, row: Setting, change: Change, *, before: Any, after: Any) -> None:
        around = current()
        row.updated_by_id = None if self.actor is None else self.actor.pk
        row.updated_by_name = audit.name_of(self.actor)
        version = SettingVersion(
            setting=row,
            version=row.version,
            value=row.value,
            cleared=change.value is None,
            rollback_to=change.rollback_to,
            proposal=self.proposal,
            reason=self.reason,
            at=timezone.now(),
            actor_id=row.updated_by_id,
            actor_name=row.updated_by_name,
            address=around.address,
            user_agent=around.user_agent,
            request_id=around.request_id,
        )
        self.versions.append(version)
        if row.sealed is not None:
            self.secrets.append((version, bytes(row.sealed)))
        also: dict[str, Any] = {} if change.rollback_to is None else {"rolled_back_to": change.rollback_to}
        if change.key in self.overridden:
            also["despite_protection"] = True
        entry = audit.Entry(
            f"{noun(change.key)}.{'cleared' if change.value is None else 'changed'}",
            actor=self.actor,
            before={"value": before, "version": row.version - 1},
            after={"value": after, "version": row.version} | also,
            reason=self.reason,
        )
        self.entries.append((change.place, about_flag(entry, change.key)))

    def write(self) -> list[audit.Entry]:
        """Write all of it; answers what is to be recorded."""
        changed = {(version.setting.key, version.setting.environment): version.setting for version in self.versions}
        # One statement for many rows, whether they are new or not; what a row is now says its key, not its number.
        fields = ["version", "value", "sealed", "updated_at", "updated_by_id", "updated_by_name"]
        targets = ["key", "environment"] if connection.features.supports_update_conflicts_with_target else None
        Setting.objects.bulk_create(
            [_copy(row, fields) for row in changed.values()],
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=targets,
            update_fields=fields,
        )
        stored = rows_of(key for key, _environment in changed)
        self.rows |= {place: stored[place] for place in changed}
        for version in self.versions:
            version.setting = stored[version.setting.key, version.setting.environment]
        SettingVersion.objects.bulk_create(self.versions, batch_size=BATCH)
        self._write_secrets()
        bump()
        return [entry.about(stored[place]) for place, entry in self.entries]

    def _write_secrets(self) -> None:
        versions = [version for version, _sealed in self.secrets]
        # Not every database tells the numbers of many rows it was given at once.
        known = {} if all(version.pk for version in versions) else _numbers(versions)
        SealedVersion.objects.bulk_create(
            [
                SealedVersion(version_id=version.pk or known[version.setting_id, version.version], sealed=kept)
                for version, kept in self.secrets
            ],
            batch_size=BATCH,
        )


def _copy(row: Setting, fields: list[str]) -> Setting:
    return Setting(key=row.key, environment=row.environment, **{name: getattr(row, name) for name in fields})


def _numbers(versions: Iterable[SettingVersion]) -> dict[tuple[int, int], int]:
    """The primary keys of these versions, by setting and version."""
    wanted = {(version.setting_id, version.version) for version in versions}
    found = SettingVersion.objects.filter(
        setting__in={setting for setting, _version in wanted}, version__in={version for _setting, version in wanted}
    )
    return {(setting, version): pk for setting, version, pk in found.values_list("setting", "version", "pk")}


def sealed(secret: str, *, context: str, environment: str) -> bytes:
    """The secret sealed for its environment; raises ValidationError where there is no key to seal it with."""
    try:
        return seal(secret.encode(), context=context, environment=environment)
    except NoKey as error:
        raise ValidationError(str(error)) from error


def own_or_none(definition: Definition, row: Setting) -> Any:
    """What a row holds, or None where it cannot be read here: that is replaced like any other value."""
    try:
        return store.own_value(definition, row)
    except (CannotOpen, ValidationError):
        return None
