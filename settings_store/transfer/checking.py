"""What a file on its way in would do: its slips with their places, or its changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from settings_store import audit, own, store
from settings_store.actions.setting import Change, Place, check_change, own_or_none, protected_keys, rows_of
from settings_store.crypto import NoKey, keyring, open_sealed
from settings_store.definitions import Definition, UnknownSetting
from settings_store.models import Setting, SettingImport
from settings_store.transfer.entries import Entry
from settings_store.transfer.passphrase import is_sealed
from settings_store.values import same
from settings_store.wording import default_in_words

# More slips than this are counted, not listed.
MOST_TROUBLES = 100
NEAR_NAMES = 10
NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class ImportLine:
    """One change that an import would make, as a page shows it."""

    definition: Definition
    environment: str
    old: str
    new: str


@dataclass
class Preview:
    """What an import would do as things stand; `seen` names the state it was made of."""

    seen: str
    lines: list[ImportLine] = field(default_factory=list)
    unchanged: int = 0


def entries_of(row: SettingImport) -> list[Entry]:
    """What stands in the file; raises CannotOpen where it was kept under a key that is gone."""
    return [Entry.from_list(parts) for parts in json.loads(open_sealed(bytes(row.sealed), context=context_of(row)))]


def context_of(row: SettingImport) -> str:
    """What the entries of an import are bound to."""
    return f"import:{row.public_id}"


def has_secrets(entries: Iterable[Entry]) -> bool:
    definitions = definitions_by_key()
    return any(entry.key in definitions and definitions[entry.key].is_secret for entry in entries)


def preview(entries: Sequence[Entry]) -> Preview:
    """What these entries, all of them well, would change."""
    definitions = definitions_by_key()
    rows = rows_of({entry.key for entry in entries})
    found = Preview(state_of(entries, rows))
    for entry in entries:
        definition = definitions[entry.key]
        row = rows.get((entry.key, entry.environment))
        had = row is not None and store.is_set(row)
        old = own_or_none(definition, row) if row is not None and had and not definition.is_secret else None
        new = definition.clean(entry.text_for(definition))
        # A secret is given anew each time, so that nobody learns here whether they guessed it.
        if had and not definition.is_secret and same(old, new):
            found.unchanged += 1
            continue
        if had:
            was = definition.shown(audit.MASK if definition.is_secret else old)
        else:
            was = default_in_words(definition, entry.environment, rows)
        found.lines.append(ImportLine(definition, entry.environment, was, definition.shown(new)))
    return found


def state_of(entries: Sequence[Entry], rows: Mapping[Place, Setting]) -> str:
    """A name for the versions that the settings of a file are at."""
    digest = hashlib.sha256()
    for key, environment in sorted({(entry.key, entry.environment) for entry in entries}):
        row = rows.get((key, environment))
        digest.update(f"{key}\0{environment}\0{row.version if row else 0}\n".encode())
    return digest.hexdigest()


def troubles_of(entries: Sequence[Entry], *, known: int = 0) -> list[list[str]]:
    """Each slip as its place and a sentence; beyond the most that are listed only that there are more."""
    definitions = definitions_by_key()
    protected = protected_keys({entry.key for entry in entries})
    found: list[list[str]] = []
    unknown = 0
    for entry in entries:
        if known + len(found) >= MOST_TROUBLES:
            break
        definition = definitions.get(entry.key)
        if definition is None:
            unknown += 1
            # Looking for names near it takes its time where there are many settings.
            sentence = _unknown(entry.key) if unknown <= NEAR_NAMES else _("There is no setting of this name.")
        else:
            sentence = _trouble(entry, definition, protected)
        if sentence:
            found.append([entry.place, f"{entry.key[:NAME_LENGTH]}: {sentence}"])
    return found


def definitions_by_key() -> dict[str, Definition]:
    return {definition.key: definition for definition in own.every_definition()}


def _unknown(key: str) -> str:
    try:
        own.current_definition(key)
    except UnknownSetting as error:
        return str(error)
    # Declared a moment ago.
    return ""


def _trouble(entry: Entry, definition: Definition, protected: set[str]) -> str:
    try:
        if entry.key in protected:
            return _("This setting is protected; propose the change on its page, for somebody else to approve.")
        if not definition.is_secret and entry.text is not None and is_sealed(entry.text):
            return _("This setting is no secret, but its value is sealed like one.")
        text = entry.text_for(definition)
        if definition.is_secret:
            _check_secret(definition, text)
        check_change(definition, Change(key=entry.key, environment=entry.environment, value=text))
        if definition.is_secret:
            keyring(entry.environment).newest  # noqa: B018 - raises where it has none
    except NoKey as error:
        return str(error)
    except ValidationError as error:
        return str(error.messages[0])
    return ""


def _check_secret(definition: Definition, text: str) -> None:
    try:
        definition.clean(text)
    except ValidationError:
        # Which rule it breaks would tell something of a secret that came sealed.
        raise ValidationError(_("This secret does not hold to the rules of its setting.")) from None
