"""A plan of rolling back: what each place would become, and what stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from settings_store.actions.setting import Change
from settings_store.definitions import Definition
from settings_store.realms import name_of_key
from settings_store.trail.differences import Difference


@dataclass(frozen=True, slots=True)
class Conflict:
    """A change by somebody else, or at another time, that rolling back would undo too."""

    version: int
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reversal:
    """One setting, or the rules of one flag, in one environment that would go back."""

    key: str
    environment: str
    definition: Definition | None
    # The version it is at now, and the one whose value comes back; 0 is the time before the first.
    version: int
    target: int
    # What comes back, as a Change takes it; None where it was not set.
    value: str | None = field(repr=False)
    old: str
    new: str
    # Who changed it last, and when.
    name: str
    at: datetime
    conflicts: tuple[Conflict, ...] = ()
    # One sentence where it cannot be rolled back.
    obstacle: str = ""
    is_protected: bool = False
    # Of a flag its rules now and then, line by line.
    lines: Sequence[Difference] = ()

    @property
    def title(self) -> str:
        """The key as people write it."""
        return name_of_key(self.key)

    @property
    def place(self) -> str:
        """Key, environment and version in one, as the preview sends it back."""
        return f"{self.key}@{self.environment}:{self.version}"

    @property
    def is_secret(self) -> bool:
        return self.definition is not None and self.definition.is_secret

    @property
    def is_taken(self) -> bool:
        """Whether the preview proposes to take it along."""
        return not self.obstacle and not self.conflicts

    @property
    def undone(self) -> int:
        """How many changes it takes back."""
        return self.version - self.target

    @property
    def change(self) -> Change:
        return Change(
            key=self.key,
            environment=self.environment,
            value=self.value,
            expected_version=self.version,
            rollback_to=self.target,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    lines: list[Reversal]
    # There is more than one page of it.
    is_cut: bool = False

    @property
    def possible(self) -> list[Reversal]:
        return [line for line in self.lines if not line.obstacle]

    @property
    def impossible(self) -> list[Reversal]:
        return [line for line in self.lines if line.obstacle]
