"""What pages show of settings: each key in each environment, with where its value comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from django.conf import settings
from django.utils.translation import gettext as _

from settings_store.actions.setting import protected_keys, rows_of
from settings_store.crypto import SealedElsewhere, key_name
from settings_store.definitions import Definition
from settings_store.fingerprints import fingerprint
from settings_store.holding import DEFAULT, PLACES, Held, Rows, held, is_set
from settings_store.models import SettingVersion
from settings_store.proposals import ProposedChange, pending
from settings_store.wording import version_in_words

# Which environments may be held against which.
PAIRS = tuple(combinations(PLACES, 2))


def sections_of(definitions: Iterable[Definition]) -> dict[str, str]:
    """The categories, by the name that stands for each in an address."""
    every = list(definitions)
    sections = {each.group: str(each.category) for each in every if not each.is_own}
    for each in every:
        name = section_of(each, sections)
        sections.setdefault(name, str(each.category))
    return dict(sorted(sections.items(), key=lambda item: item[1].casefold()))


def section_of(definition: Definition, sections: Mapping[str, str]) -> str:
    """The section a setting stands in: one of an admin's joins that of code whose category it names."""
    if not definition.is_own:
        return definition.group
    category = str(definition.category).casefold()
    return next((name for name, words in sections.items() if words.casefold() == category), category)


@dataclass(frozen=True, slots=True)
class Cell:
    """One setting in one environment as a page shows it."""

    environment: str
    held: Held
    shown: str
    # One sentence where something is wrong with the value.
    trouble: str = ""
    key_name: str = ""
    # That of a secret, by which two of them are told apart.
    fingerprint: str = ""
    # The version of the environment's own row, 0 where there never was one.
    version: int = 0
    # Whether that row holds a value, even one that is passed over.
    is_set: bool = False
    waiting: Sequence[ProposedChange] = ()

    @property
    def source(self) -> str:
        return self.held.source

    @property
    def is_own(self) -> bool:
        return self.source == "own"

    @property
    def is_locked(self) -> bool:
        return self.source == "environment"

    @property
    def is_here(self) -> bool:
        return bool(self.environment == settings.ENVIRONMENT)


@dataclass(frozen=True, slots=True)
class GridLine:
    definition: Definition
    cells: list[Cell]
    is_protected: bool = False

    @property
    def differs(self) -> bool:
        return any(cell.is_set or cell.is_locked for cell in self.cells)

    def unequal(self, left: str, right: str, *, prints: bool = False) -> bool:
        """Whether two environments have different values; what cannot be read here is equal to nothing.

        Secrets are compared for those who see fingerprints; for all others those that are set count as different.
        """
        one, other = self.at(left).held, self.at(right).held
        if self.definition.is_secret and not prints and not (one.is_unset and other.is_unset):
            return True
        return not one.equals(other)

    def at(self, environment: str) -> Cell:
        return next(cell for cell in self.cells if cell.environment == environment)

    def holds(self, words: str) -> bool:
        """Whether key, label, help or a value that may be read contains the words."""
        definition = self.definition
        texts = [definition.key, str(definition.label), str(definition.help)]
        if not definition.is_secret:
            texts += [cell.shown for cell in self.cells]
        everything = "\n".join(texts).casefold()
        return all(word in everything for word in words.casefold().split())


def lines_of(definitions: Sequence[Definition]) -> list[GridLine]:
    """These settings in all environments, with what waits for them, in a fixed number of queries."""
    keys = [definition.key for definition in definitions]
    rows, protected, waiting = rows_of(keys), protected_keys(keys), pending(keys)
    return [
        GridLine(
            definition,
            [
                replace(_cell(definition, place, rows), waiting=waiting.get((definition.key, place), ()))
                for place in PLACES
            ],
            definition.key in protected,
        )
        for definition in definitions
    ]


def _cell(definition: Definition, environment: str, rows: Rows) -> Cell:
    found, own = held(definition, environment, rows), rows.get((definition.key, environment))
    from_row = rows.get((definition.key, DEFAULT if found.source == "default" else environment))
    sealed = from_row.sealed if from_row is not None else None
    cell = Cell(
        environment,
        found,
        definition.shown(found.value),
        trouble=found.trouble,
        key_name=key_name(bytes(sealed))[:8] if sealed is not None else "",
        fingerprint=fingerprint(definition.key, found.value) if definition.is_secret and found.value else "",
        version=own.version if own is not None else 0,
        is_set=is_set(own),
    )
    if isinstance(found.error, SealedElsewhere):
        return replace(
            cell,
            shown=_("sealed elsewhere"),
            trouble=_("The key of this value is not here. Put it back as an older one, or give the secret anew."),
        )
    if found.error is not None:
        return replace(cell, shown=_("damaged"), trouble=_("This value does not open any more. Give the secret anew."))
    return cell


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One version of a setting with what it replaced, as the history shows it."""

    version: SettingVersion
    old: str
    new: str


def history(
    definition: Definition,
    versions: Sequence[SettingVersion],
    before: SettingVersion | None,
    *,
    prints: bool = False,
) -> list[HistoryLine]:
    """Versions, newest first, each beside the one it replaced; `before` is the one before the oldest of them."""
    return [
        HistoryLine(
            version,
            version_in_words(definition, previous, prints=prints),
            version_in_words(definition, version, prints=prints),
        )
        for version, previous in pairwise([*versions, before])
        if version is not None
    ]
