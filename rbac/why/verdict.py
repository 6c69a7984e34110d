"""An answer: whether somebody may, what decides it, and the path to it, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from accounts.models import User
from rbac.models import Assignment, Role
from ui.registry import Permission


class Outcome(StrEnum):
    """What came of a step; programs read these words."""

    OK = "ok"
    DECIDES = "decides"
    # Nothing is refused, but something must be done before.
    FIRST = "first"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Held:
    """One assignment: where it stands, and whether it would give what is asked for."""

    row: Assignment
    state: Assignment.State
    grants: bool

    @property
    def counts(self) -> bool:
        return self.state == Assignment.State.COUNTING

    @property
    def since(self) -> datetime:
        return self.row.starts_at or self.row.assigned_at

    @property
    def ended(self) -> datetime | None:
        """When it ended or will end."""
        return self.row.ended_at or self.row.ends_at


@dataclass(frozen=True, slots=True)
class Route:
    """A permission with the roles it comes by: one held, its parent and so on; the last grants it itself."""

    roles: list[Role]
    permission: Permission


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the path, in words; what else is there to see of it stands beside them."""

    name: str
    title: str
    outcome: Outcome
    sentence: str
    notes: list[str] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    # Those who would give it, where no role of the person does.
    givers: list[Role] = field(default_factory=list)
    # From whom the object belongs to up to the person, or to the end; None is somebody out of sight.
    line: list[User | None] = field(default_factory=list)

    @property
    def is_told_above(self) -> bool:
        """Whether the sentence stands in that of the verdict already."""
        return self.outcome is Outcome.DECIDES


@dataclass(frozen=True, slots=True)
class Verdict:
    allowed: bool
    decided_by: str
    headline: str
    sentence: str
    steps: list[Step]
    # The permissions that were asked for.
    wanted: list[Permission]
    # Those that are missing.
    missing: list[Permission]

    @property
    def path(self) -> list[Step]:
        """The steps as people read them: what must be done before stands before what decides, where there is any."""
        first = [step for step in self.steps if step.name == "before" and (step.outcome is Outcome.FIRST or step.notes)]
        others = [step for step in self.steps if step.name != "before"]
        place = next((place for place, step in enumerate(others) if step.outcome is Outcome.DECIDES), 0)
        return [*others[:place], *first, *others[place:]]
