"""Settings out to a file and in from one: all of a file's changes or none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from settings_store import audit, own
from settings_store.actions.setting import (
    ABOUT_REASON,
    Change,
    Place,
    ProtectedSetting,
    StaleSetting,
    make_changes,
    rows_of,
)
from settings_store.circumstances import Actor
from settings_store.crypto import seal
from settings_store.definitions import Definition, UnknownSetting
from settings_store.models import Setting, SettingImport
from settings_store.transfer.checking import (
    NAME_LENGTH,
    context_of,
    definitions_by_key,
    entries_of,
    state_of,
    troubles_of,
)
from settings_store.transfer.entries import Entry
from settings_store.transfer.passphrase import Passphrase, is_sealed, salt_of
from settings_store.transfer.writing import Taken, taken

# As many entries as are checked within one short request.
STEP = 1000
KEPT_FOR = timedelta(days=1)


@dataclass(eq=False)
class StaleImport(Exception):
    """A setting of the file was changed after its changes were shown."""


@dataclass(eq=False)
class RefusedImport(Exception):
    """A setting of the file cannot be changed any more as it says; its slips are named in the import."""


def export_settings(
    *,
    actor: Actor | None,
    environments: Sequence[str],
    own_only: bool,
    passphrase: Passphrase | None = None,
    format_: str,
) -> Taken:
    """The values for a file; secrets only under a passphrase."""
    # Sealed before the trail is written to, because the key of a passphrase takes its time and nobody else may wait.
    found = taken(own.every_definition(), environments, own_only=own_only, passphrase=passphrase)
    with transaction.atomic():
        audit.record(
            "settings.exported",
            actor=actor,
            target_type="settings_store.setting",
            after={
                "environments": list(environments),
                "format": format_,
                "what": "set there" if own_only else "what holds",
                "values": found.count,
                "secrets": found.secrets,
            },
        )
    return found


def start_import(
    *, actor: Actor, name: str, entries: Sequence[Entry], passphrase: Passphrase | None = None
) -> SettingImport:
    """Keep the entries of a file for their check; raises ValidationError where its secrets do not open."""
    forget_old_imports()
    definitions = definitions_by_key()
    opened = [_opened(entry, definitions.get(entry.key), passphrase) for entry in _of_one_file(entries)]
    row = SettingImport(
        name=name[:NAME_LENGTH] or _("pasted text"),
        author_id=actor.pk,
        author_name=str(actor)[:150],
        total=len(opened),
    )
    text = json.dumps([entry.as_list() for entry in opened], ensure_ascii=False, separators=(",", ":"))
    row.sealed = seal(text.encode(), context=context_of(row))
    row.save(force_insert=True)
    if row.total <= STEP:
        check_step(row)
    return row


def check_step(row: SettingImport) -> None:
    """Check the next entries of an import; two requests that do so at once count them once.

    Raises SettingImport.DoesNotExist where it was cancelled meanwhile.
    """
    entries = entries_of(row)[row.checked : row.checked + STEP]
    troubles = [*row.troubles, *troubles_of(entries, known=len(row.troubles))]
    mine = SettingImport.objects.filter(pk=row.pk, checked=row.checked)
    mine.update(checked=row.checked + len(entries), troubles=troubles)
    row.refresh_from_db()


def check_again(row: SettingImport) -> None:
    """Check all entries at once, where rules have changed; raises SettingImport.DoesNotExist as `check_step` does."""
    entries = entries_of(row)
    SettingImport.objects.filter(pk=row.pk).update(checked=len(entries), troubles=troubles_of(entries))
    row.refresh_from_db()


def apply_import(*, actor: Actor, row: SettingImport, seen: str, reason: str = "") -> int:
    """Make all changes of an import as its preview `seen` showed them, or none; answers how many they were.

    Raises ValidationError about the reason, StaleImport, RefusedImport, or SettingImport.DoesNotExist.
    """
    try:
        return _apply(actor, row, seen, reason)
    except StaleSetting:
        raise StaleImport from None
    except (ProtectedSetting, UnknownSetting):
        pass
    except ValidationError as error:
        if getattr(error, "code", None) == ABOUT_REASON:
            raise
    check_again(row)
    raise RefusedImport


@transaction.atomic
def _apply(actor: Actor, row: SettingImport, seen: str, reason: str) -> int:
    locked = SettingImport.objects.select_for_update().get(pk=row.pk)
    entries = entries_of(locked)
    rows = rows_of({entry.key for entry in entries})
    if state_of(entries, rows) != seen:
        raise StaleImport
    definitions = definitions_by_key()
    changes = []
    for entry in entries:
        if entry.key not in definitions:
            raise UnknownSetting(entry.key)
        changes.append(_change(entry, definitions[entry.key], rows))
    made = make_changes(actor=actor, changes=changes, reason=reason)
    count = len(made.entries)
    locked.delete()
    imported = audit.Entry(
        "settings.imported",
        actor=actor,
        target_type="settings_store.setting",
        target_name=locked.name,
        after={"values": len(entries), "changed": count},
        reason=reason,
    )
    audit.record_many([*made.entries, imported])
    return count


def cancel_import(row: SettingImport) -> None:
    """Forget an import; nothing of it was changed."""
    row.delete()


def forget_old_imports() -> None:
    """Forget what nobody finished within a day: there may be secrets in it, though sealed."""
    old = SettingImport.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    # Asked first, because SQLite lets one write at a time, even where nothing is to be deleted.
    if old.exists():
        old.delete()


def _change(entry: Entry, definition: Definition, rows: Mapping[Place, Setting]) -> Change:
    row = rows.get((entry.key, entry.environment))
    return Change(
        key=entry.key,
        environment=entry.environment,
        value=entry.text_for(definition),
        expected_version=row.version if row else 0,
    )


def _of_one_file(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries, where one key opens all secrets; each other one would cost as much again."""
    salts = {salt_of(entry.text) for entry in entries if entry.text is not None and is_sealed(entry.text)}
    if len(salts) > 1:
        raise ValidationError(_("The secrets come from several exports; import each one's file by itself."))
    return entries


def _opened(entry: Entry, definition: Definition | None, passphrase: Passphrase | None) -> Entry:
    if definition is None or not definition.is_secret:
        return entry
    if entry.text is None or not is_sealed(entry.text):
        # Never kept, not even sealed: the check names the line.
        return replace(entry, text=None, structure=None, was_open=True)
    if passphrase is None:
        raise ValidationError(_("The file holds sealed secrets; give the passphrase they were sealed with."))
    try:
        secret = passphrase.open(entry.text, key=entry.key, environment=entry.environment)
    except ValidationError as error:
        raise ValidationError(f"{entry.place}: {entry.key}: {error.messages[0]}") from None
    return replace(entry, text=secret, structure=None)
