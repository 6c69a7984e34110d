"""Random histories of settings beside a plain model of them: values, versions, rollbacks and proposals must agree."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from settings_store import audit, rollback, store
from settings_store.actions import (
    apply_due,
    approve,
    decline,
    propose_unprotect,
    protect,
    roll_back,
    submit_change,
    withdraw,
)
from settings_store.crypto import open_sealed
from settings_store.models import Proposal, Protection, Setting, SettingVersion, StoreVersion
from settings_store.reversal import Plan
from settings_store.store import secret_context
from tests.factories import make_user

type Place = tuple[str, str]

PLACES: list[Place] = [
    ("suite.integer", "production"),
    ("suite.integer", "staging"),
    ("suite.string", "production"),
    ("suite.string", "default"),
    ("suite.secret", "production"),
]
KEYS = sorted({key for key, _environment in PLACES})
# One is left alone, so that there are always changes at once too.
PROTECTED = ["suite.string", "suite.secret"]
DEFAULTS = {"suite.integer": "60", "suite.string": "quiet", "suite.secret": ""}

places, people = st.sampled_from(PLACES), st.sampled_from(["ana", "ben"])
values = st.sampled_from([1, 2, 3])
anywhere = st.integers(0, 99)


@dataclass
class Version:
    """What the model remembers of one version."""

    value: str | None
    actor: str
    back: int | None = None


@dataclass
class Waiting:
    pk: int
    key: str
    place: Place | None
    value: str | None
    author: str
    base: int
    status: str
    apply_at: datetime | None = None
    back: int | None = None
    decided: bool = False


@dataclass
class Mark:
    """A moment, and how many versions each place had then."""

    at: datetime
    counts: dict[Place, int]


@dataclass
class Model:
    history: dict[Place, list[Version]] = field(default_factory=lambda: {place: [] for place in PLACES})
    waiting: list[Waiting] = field(default_factory=list)
    protected: set[str] = field(default_factory=set)

    def value(self, place: Place) -> str | None:
        return self.history[place][-1].value if self.history[place] else None

    def at(self, place: Place, number: int) -> str | None:
        return self.history[place][number - 1].value if number else None

    def is_change(self, place: Place, value: str | None) -> bool:
        """A secret is given anew each time, so that nobody learns whether they guessed it."""
        return value != self.value(place) or (value is not None and place[0] == "suite.secret")

    def change(self, place: Place, value: str | None, actor: str, back: int | None = None) -> None:
        if self.is_change(place, value):
            self.history[place].append(Version(value, actor, back))

    def make(self, waiting: Waiting) -> None:
        """Make what a proposal wants, or have it fail because the value moved."""
        if waiting.place is None:
            waiting.status = "applied" if waiting.key in self.protected else "failed"
            self.protected.discard(waiting.key)
        elif len(self.history[waiting.place]) != waiting.base:
            waiting.status = "failed"
        else:
            self.change(waiting.place, waiting.value, waiting.author, waiting.back)
            waiting.status = "applied"

    def with_status(self, *statuses: str) -> list[Waiting]:
        return [each for each in self.waiting if each.status in statuses]


def written(place: Place, value: int) -> str:
    return {"suite.integer": str(value), "suite.string": "abc"[value - 1], "suite.secret": f"open{value}"}[place[0]]


class Histories(RuleBasedStateMachine):
    users: ClassVar[dict[str, User]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.model = Model()
        self.marks: list[Mark] = []

    def teardown(self) -> None:
        try:
            assert not list(audit.verify())
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        self.mark()

    def mark(self) -> None:
        counts = {place: len(versions) for place, versions in self.model.history.items()}
        self.marks.append(Mark(timezone.now(), counts))

    @rule(place=places, value=values, actor=people, hours=st.sampled_from([0, 0, 0, 1, 2]), clearing=st.booleans())
    def submit(self, place: Place, value: int, actor: str, hours: int, clearing: bool) -> None:
        self.mark()
        text = None if clearing and value == 1 else written(place, value)
        apply_at = timezone.now() + timedelta(hours=hours) if hours else None
        key, environment = place
        made = submit_change(
            actor=self.users[actor],
            key=key,
            environment=environment,
            value=text,
            apply_at=apply_at,
            expected_version=len(self.model.history[place]),
        )
        if not self.model.is_change(place, text):
            assert made is None
        elif key in self.model.protected or hours:
            assert isinstance(made, Proposal)
            self._wait(made, place, text, actor)
        else:
            assert isinstance(made, Setting)
            self.model.change(place, text, actor)

    @rule(key=st.sampled_from(PROTECTED), actor=people)
    def protect(self, key: str, actor: str) -> None:
        protect(actor=self.users[actor], key=key)
        if key not in self.model.protected:
            self.model.protected.add(key)
            for each in self.model.with_status("scheduled"):
                if each.key == key and not each.decided:
                    each.status = "awaiting"

    @rule(key=st.sampled_from(PROTECTED), actor=people)
    def unprotect(self, key: str, actor: str) -> None:
        asked = any(each.place is None and each.key == key for each in self.model.with_status("awaiting"))
        if key not in self.model.protected or asked:
            with pytest.raises(ValidationError), transaction.atomic():
                propose_unprotect(actor=self.users[actor], key=key)
            return
        made = propose_unprotect(actor=self.users[actor], key=key)
        self.model.waiting.append(Waiting(made.pk, key, None, None, actor, 0, "awaiting"))

    @precondition(lambda self: self.model.waiting)
    @rule(which=anywhere, actor=people, yes=st.booleans())
    def decide(self, which: int, actor: str, yes: bool) -> None:
        waiting = self.model.waiting[which % len(self.model.waiting)]
        proposal = Proposal.objects.get(pk=waiting.pk)
        decision: Callable[..., Any] = approve if yes else decline
        if waiting.author == actor or waiting.status != "awaiting":
            with pytest.raises(ValidationError), transaction.atomic():
                decision(actor=self.users[actor], proposal=proposal, note="no")
            return
        decision(actor=self.users[actor], proposal=proposal, note="no")
        waiting.decided = True
        if not yes:
            waiting.status = "declined"
        elif waiting.apply_at is not None and waiting.apply_at > timezone.now():
            waiting.status = "scheduled"
        else:
            self.model.make(waiting)

    @precondition(lambda self: self.model.waiting)
    @rule(which=anywhere)
    def withdraw(self, which: int) -> None:
        waiting = self.model.waiting[which % len(self.model.waiting)]
        proposal = Proposal.objects.get(pk=waiting.pk)
        with suppress(ValidationError), transaction.atomic():
            withdraw(actor=self.users[waiting.author], proposal=proposal)
        if waiting.status in ("awaiting", "scheduled"):
            waiting.status = "withdrawn"

    @rule()
    def time_comes(self) -> None:
        """The time of everything that is scheduled is here."""
        past = timezone.now() - timedelta(seconds=1)
        Proposal.objects.filter(status="scheduled").update(apply_at=past)
        apply_due()
        for waiting in self.model.with_status("scheduled"):
            waiting.apply_at = past
            self.model.make(waiting)

    @rule(place=places, which=anywhere, actor=people)
    def roll_one_back(self, place: Place, which: int, actor: str) -> None:
        number = which % (len(self.model.history[place]) + 1)
        self._roll_back(rollback.to_version(*place, number), {place: number}, actor)

    @rule(environment=st.sampled_from(["production", "staging", "default"]), which=anywhere, actor=people)
    def roll_environment_back(self, environment: str, which: int, actor: str) -> None:
        mark = self.marks[which % len(self.marks)]
        targets = {place: mark.counts[place] for place in PLACES if place[1] == environment}
        self._roll_back(rollback.to_moment(environment, mark.at), targets, actor)

    @rule(person=people, first=anywhere, last=anywhere, actor=people, all_of_it=st.booleans())
    def roll_person_back(self, person: str, first: int, last: int, actor: str, all_of_it: bool) -> None:
        since, until = sorted((first % len(self.marks), last % len(self.marks)))
        begin, end = self.marks[since], self.marks[until]
        targets, conflicts = {}, set()
        for place, versions in self.model.history.items():
            window = range(begin.counts[place], end.counts[place])
            theirs = [number for number in window if versions[number].actor == person]
            if theirs:
                targets[place] = theirs[0]
                if set(range(theirs[0], len(versions))) - set(theirs):
                    conflicts.add(place)
        plan = rollback.of_person(self.users[person].pk, begin.at, end.at)
        assert {(line.key, line.environment) for line in plan.lines if line.conflicts} <= conflicts
        assert {(line.key, line.environment) for line in plan.lines if not line.conflicts}.isdisjoint(conflicts)
        if not all_of_it:
            plan = Plan([line for line in plan.lines if line.is_taken])
            targets = {place: number for place, number in targets.items() if place not in conflicts}
        self._roll_back(plan, targets, actor)

    def _roll_back(self, plan: Plan, targets: dict[Place, int], actor: str) -> None:
        """The plan must name exactly what differs from the model's own answer; then it is done in both."""
        model = self.model
        expected = {
            place: number
            for place, number in targets.items()
            if number != len(model.history[place]) and model.is_change(place, model.at(place, number))
        }
        assert {(line.key, line.environment): line.target for line in plan.lines} == expected
        assert not plan.impossible
        lines = plan.possible
        done = roll_back(actor=self.users[actor], changes=[line.change for line in lines])
        proposed = iter(done.proposals)
        for line in lines:
            place, value = (line.key, line.environment), model.at((line.key, line.environment), line.target)
            if line.key in model.protected:
                self._wait(next(proposed), place, value, actor, back=line.target)
            else:
                before = len(model.history[place])
                model.change(place, value, actor, back=line.target)
                assert len(model.history[place]) == before + 1, "a rollback is always a new version"
        assert next(proposed, None) is None

    def _wait(self, made: Proposal, place: Place, value: str | None, actor: str, back: int | None = None) -> None:
        status = "awaiting" if place[0] in self.model.protected else "scheduled"
        base = len(self.model.history[place])
        self.model.waiting.append(Waiting(made.pk, place[0], place, value, actor, base, status, made.apply_at, back))

    @invariant()
    def versions_are_as_the_model_says(self) -> None:
        found: dict[Place, list[tuple[int, str | None, str, int | None]]] = {place: [] for place in PLACES}
        for version in SettingVersion.objects.select_related("setting", "secret").order_by("version"):
            setting = version.setting
            place = (setting.key, setting.environment)
            found[place].append((version.version, self._kept(version), version.actor_name, version.rollback_to))
        for place, versions in self.model.history.items():
            numbered = enumerate(versions, start=1)
            assert found[place] == [(number, each.value, each.actor, each.back) for number, each in numbered]

    @invariant()
    def values_are_as_the_model_says(self) -> None:
        rows = {(row.key, row.environment): row for row in Setting.objects.all()}
        for place, versions in self.model.history.items():
            row = rows.get(place)
            assert (row.version if row else 0) == len(versions)
            assert store.is_set(row) == (self.model.value(place) is not None)
        for key in KEYS:
            own, common = (
                self.model.value((key, name)) if (key, name) in PLACES else None for name in ("production", "default")
            )
            expected = next(value for value in (own, common, DEFAULTS[key]) if value is not None)
            assert str(store.get_setting(key)) == expected

    @invariant()
    def proposals_are_as_the_model_says(self) -> None:
        statuses = dict(Proposal.objects.values_list("pk", "status"))
        assert statuses == {each.pk: each.status for each in self.model.waiting}
        assert set(Protection.objects.values_list("key", flat=True)) == self.model.protected
        due = [each.apply_at for each in self.model.with_status("scheduled") if each.apply_at]
        assert StoreVersion.objects.get().next_due == min(due, default=None)

    @staticmethod
    def _kept(version: SettingVersion) -> str | None:
        if version.cleared:
            return None
        if version.value is not None:
            return str(version.value)
        context = secret_context(version.setting.key, version.version)
        return open_sealed(bytes(version.secret.sealed), context=context, environment="production").decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("every_type")
def test_random_histories_agree_with_a_plain_model() -> None:
    Histories.users = {name: make_user(role="admin", username=name) for name in ("ana", "ben")}
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=20,
            stateful_step_count=35,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
