"""What pages show of settings: each key in each environment, with where its value comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from settings_store import store
from settings_store.audit import MASK
from settings_store.crypto import CannotOpen, SealedElsewhere, key_name
from settings_store.definitions import Definition
from settings_store.models import Setting, SettingVersion

# The common environment first, then those of the installation.
COLUMNS = (store.DEFAULT, *settings.ENVIRONMENTS)


@dataclass(frozen=True, slots=True)
class Cell:
    """One setting in one environment as a page shows it; `source` is code, default, own or environment."""

    environment: str
    shown: str
    source: str
    # One sentence where the value cannot be used as it stands.
    trouble: str = ""
    key_name: str = ""

    @property
    def is_own(self) -> bool:
        return self.source == "own"

    @property
    def is_here(self) -> bool:
        return bool(self.environment == settings.ENVIRONMENT)


@dataclass(frozen=True, slots=True)
class Line:
    definition: Definition
    cells: list[Cell]

    @property
    def differs(self) -> bool:
        return any(cell.source in ("own", "environment") for cell in self.cells)

    def holds(self, words: str) -> bool:
        """Whether key, label, help or a value that may be read contains the words."""
        definition = self.definition
        texts = [definition.key, str(definition.label), str(definition.help)]
        if not definition.is_secret:
            texts += [cell.shown for cell in self.cells]
        everything = "\n".join(texts).casefold()
        return all(word in everything for word in words.casefold().split())


type Rows = dict[tuple[str, str], Setting]


def rows_of(definitions: Iterable[Definition]) -> Rows:
    """The rows of these settings by key and environment, in one query."""
    keys = [definition.key for definition in definitions]
    return {(row.key, row.environment): row for row in Setting.objects.filter(key__in=keys)}


def line_of(definition: Definition, rows: Rows) -> Line:
    """One setting in all environments."""
    return Line(definition, [cell(definition, environment, rows) for environment in COLUMNS])


def cell(definition: Definition, environment: str, rows: Rows) -> Cell:
    locked = store.locked_value(definition) if environment == settings.ENVIRONMENT else None
    if locked is not None:
        return Cell(environment, definition.shown(definition.clean(locked)), "environment")
    for place in dict.fromkeys((environment, store.DEFAULT)):
        row = rows.get((definition.key, place))
        if row is not None and store.is_set(row):
            return _of_row(definition, environment, row)
    source = "code" if environment == store.DEFAULT else "default"
    return Cell(environment, definition.shown(definition.default), source)


def _of_row(definition: Definition, environment: str, row: Setting) -> Cell:
    source = "own" if row.environment == environment else "default"
    name = key_name(bytes(row.sealed))[:8] if row.sealed is not None else ""
    try:
        return Cell(environment, definition.shown(store.own_value(definition, row)), source, key_name=name)
    except SealedElsewhere:
        return Cell(environment, _("sealed elsewhere"), source, _("The key of this value is not here."), name)
    except CannotOpen:
        return Cell(environment, _("damaged"), source, _("This value does not open any more."), name)
    except ValidationError as error:
        return Cell(environment, str(row.value), source, error.messages[0])


@dataclass(frozen=True, slots=True)
class Change:
    """One version of a setting with what it replaced, as the history shows it."""

    version: SettingVersion
    old: str
    new: str


def history(definition: Definition, versions: Sequence[SettingVersion], before: SettingVersion | None) -> list[Change]:
    """Versions, newest first, each beside the one it replaced; `before` is the one before the oldest of them."""
    return [
        Change(version, _worded(definition, previous), _worded(definition, version))
        for version, previous in pairwise([*versions, before])
        if version is not None
    ]


def _worded(definition: Definition, version: SettingVersion | None) -> str:
    if version is None or version.cleared:
        return _("not set here")
    if definition.is_secret:
        return MASK
    return _shown_or_raw(definition, version.value)


def _shown_or_raw(definition: Definition, value: Any) -> str:
    try:
        return definition.shown(definition.loaded(value))
    except ValidationError:
        # Written under rules that held then.
        return str(value)
