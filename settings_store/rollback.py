"""What rolling back would change, worked out before anybody says yes: old → new, who changed it since, what cannot be.

A rollback never takes a version away: each place that goes back gets a new version with the value of an older one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Max, Min, Q
from django.utils.translation import gettext as _

from settings_store import store
from settings_store.actions.setting import Change, check_change, own_or_none, protected_keys, rows_of, text_of
from settings_store.crypto import CannotOpen, Damaged, SealedElsewhere, open_sealed
from settings_store.definitions import Definition
from settings_store.models import Setting, SettingVersion, who_in_words
from settings_store.own import known
from settings_store.values import same
from settings_store.wording import default_in_words, row_in_words, version_in_words

# As many as one page shows and one form sends; what is left is rolled back after these.
MOST = 500
BATCH = 100

type Numbers = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A change by somebody else, or at another time, that rolling back would undo too."""

    version: int
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reversal:
    """One setting in one environment that would go back."""

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


def to_version(key: str, environment: str, version: int, *, may_clear: bool = True, prints: bool = False) -> Plan:
    """One setting back to one of its versions; nothing where it never was at that one."""
    row = Setting.objects.filter(key=key, environment=environment).first()
    if row is None or not 0 <= version <= row.version:
        return Plan([])
    return _plan([row], {row.pk: version}, may_clear=may_clear, prints=prints)


def to_moment(environment: str, moment: datetime, *, may_clear: bool = True, prints: bool = False) -> Plan:
    """Everything in one environment as it was at a moment."""
    since = SettingVersion.objects.filter(setting__environment=environment, at__gt=moment)
    firsts = dict(since.values_list("setting").annotate(first=Min("version")).values_list("setting", "first"))
    rows = Setting.objects.filter(pk__in=since.values("setting")).order_by("key", "environment")
    return _plan(rows, {pk: first - 1 for pk, first in firsts.items()}, may_clear=may_clear, prints=prints)


def of_person(
    actor_id: int | None,
    since: datetime,
    until: datetime,
    *,
    environment: str = "",
    may_clear: bool = True,
    prints: bool = False,
) -> Plan:
    """Everything one person (None: the system itself) changed in a window, back to what it was before.

    A change of the same setting by anybody after theirs, or by themselves after the window, is a conflict.
    """
    theirs = SettingVersion.objects.filter(actor_id=actor_id, at__gte=since, at__lt=until)
    if environment:
        theirs = theirs.filter(setting__environment=environment)
    firsts = dict(theirs.values_list("setting").annotate(first=Min("version")).values_list("setting", "first"))
    rows = Setting.objects.filter(pk__in=theirs.values("setting")).order_by("key", "environment")
    others = SettingVersion.objects.filter(setting__in=theirs.values("setting")).exclude(
        Q(actor_id__isnull=True) if actor_id is None else Q(actor_id=actor_id, actor_id__isnull=False),
        at__gte=since,
        at__lt=until,
    )
    conflicts: dict[int, list[Conflict]] = {}
    those = others.order_by("version").values_list("setting", "version", "actor_id", "actor_name", "at")
    for pk, number, who, name, at in those:
        if number > firsts.get(pk, number):
            conflicts.setdefault(pk, []).append(Conflict(number, who_in_words(who, name), at))
    return _plan(rows, {pk: first - 1 for pk, first in firsts.items()}, conflicts, may_clear=may_clear, prints=prints)


def people() -> list[tuple[int | None, str]]:
    """Everybody who ever changed a setting, by the name they had last; who did so latest stands first."""
    found = SettingVersion.objects.values_list("actor_id").annotate(last=Max("pk")).order_by("-last")[:MOST]
    names = dict(SettingVersion.objects.filter(pk__in=[last for _id, last in found]).values_list("pk", "actor_name"))
    return [(actor_id, who_in_words(actor_id, names[last])) for actor_id, last in found]


def _plan(
    found: Iterable[Setting],
    targets: Numbers,
    conflicts: Mapping[int, Sequence[Conflict]] | None = None,
    *,
    may_clear: bool,
    prints: bool,
) -> Plan:
    rows = list(found)
    keys = {row.key for row in rows}
    definitions, protected, beside = known(keys), protected_keys(keys), rows_of(keys)
    versions = _versions({row.pk: targets[row.pk] for row in rows})
    lines = []
    for row in rows:
        definition = definitions.get(row.key)
        target = versions.get(row.pk)
        line = _line(
            row,
            definition,
            target,
            number=targets[row.pk],
            conflicts=tuple((conflicts or {}).get(row.pk, ())),
            is_protected=row.key in protected,
            may_clear=may_clear,
            unset=default_in_words(definition, row.environment, beside),
            prints=prints,
        )
        if line is not None:
            lines.append(line)
        if len(lines) > MOST:
            return Plan(lines[:MOST], is_cut=True)
    return Plan(lines)


def _line(
    row: Setting,
    definition: Definition | None,
    target: SettingVersion | None,
    *,
    number: int,
    conflicts: tuple[Conflict, ...],
    is_protected: bool,
    may_clear: bool,
    unset: str,
    prints: bool,
) -> Reversal | None:
    """What one row would become; None where it is so already."""
    value, obstacle = None, ""
    if definition is None:
        obstacle = _("Nothing declares this setting any more, or it was retired.")
    try:
        if definition is not None:
            value = _value(definition, row, target)
            if _is_so(definition, row, value, number):
                return None
            change = Change(key=row.key, environment=row.environment, value=value, rollback_to=number)
            check_change(definition, change)
            if value is None and not may_clear:
                obstacle = _("It was not set then, and you may not take settings back to their default.")
        elif _is_same(row, target):
            return None
    except SealedElsewhere:
        obstacle = _("The secret of that version was sealed with a key that is not here.")
    except CannotOpen:
        obstacle = _("The secret of that version does not open any more.")
    except ValidationError as error:
        obstacle = error.messages[0]
    return Reversal(
        key=row.key,
        environment=row.environment,
        definition=definition,
        version=row.version,
        target=number,
        value=value,
        old=row_in_words(definition, row, otherwise=unset, prints=prints),
        new=version_in_words(definition, target, otherwise=unset, prints=prints),
        name=row.updated_by_words,
        at=row.updated_at,
        conflicts=conflicts,
        obstacle=obstacle,
        is_protected=is_protected,
    )


def _value(definition: Definition, row: Setting, target: SettingVersion | None) -> str | None:
    """The value of a version as text; raises CannotOpen, or ValidationError where today's rules refuse it."""
    if target is None or target.cleared:
        return None
    if definition.is_secret != (target.value is None):
        raise Damaged("A secret is kept sealed, and nothing else is.")
    if target.value is not None:
        return text_of(definition, definition.loaded(target.value))
    kept = getattr(target, "secret", None)
    context = store.secret_context(row.key, target.version)
    return open_sealed(bytes(kept.sealed) if kept else b"", context=context, environment=row.environment).decode()


def _is_so(definition: Definition, row: Setting, value: str | None, number: int) -> bool:
    if value is None or not store.is_set(row):
        return value is None and not store.is_set(row)
    if definition.is_secret:
        # Not by its value: nobody learns from a plan whether two secrets are the same.
        return number == row.version
    now = own_or_none(definition, row)
    return now is not None and text_of(definition, now) == value


def _is_same(row: Setting, target: SettingVersion | None) -> bool:
    return row.sealed is None and same(row.value, target.value if target else None)


def _versions(targets: Numbers) -> dict[int, SettingVersion]:
    """The versions of these numbers by their settings; none for 0."""
    wanted = [(pk, number) for pk, number in targets.items() if number]
    found: dict[int, SettingVersion] = {}
    for start in range(0, len(wanted), BATCH):
        these: Any = Q()
        for pk, number in wanted[start : start + BATCH]:
            these |= Q(setting=pk, version=number)
        for version in SettingVersion.objects.filter(these).select_related("setting", "secret"):
            found[version.setting_id] = version
    return found
