"""What rolling back would change, worked out before anybody says yes: old → new, who changed it since, what cannot be.

A rollback never takes a version away: each place that goes back gets a new version with the value of an older one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Max, Min, Q
from django.utils.translation import gettext as _

from settings_store import store
from settings_store.actions.setting import Change, check_change, own_or_none, protected_keys, rows_of, text_of
from settings_store.crypto import CannotOpen, Damaged, SealedElsewhere, open_sealed
from settings_store.definitions import Definition
from settings_store.flag.changing import Sides, common_rules, is_of_flag, told
from settings_store.holding import Rows
from settings_store.kept import known
from settings_store.models import Setting, SettingVersion, who_in_words
from settings_store.realms import Realm, realm_of
from settings_store.reversal import Conflict, Plan, Reversal
from settings_store.values import same
from settings_store.wording import default_in_words, row_in_words, version_in_words

# As many as one page shows and one form sends; what is left is rolled back after these.
MOST = 500
BATCH = 100

type Numbers = Mapping[int, int]


def to_version(key: str, environment: str, version: int, *, may_clear: bool = True, prints: bool = False) -> Plan:
    """One setting or flag back to one of its versions; nothing where it never was at that one."""
    row = Setting.objects.filter(key=key, environment=environment).first()
    if row is None or not 0 <= version <= row.version:
        return Plan([])
    return _plan([row], {row.pk: version}, may_clear=may_clear, prints=prints)


def to_moment(
    environment: str,
    moment: datetime,
    *,
    realm: Realm = Realm.SETTINGS,
    may_clear: bool = True,
    prints: bool = False,
) -> Plan:
    """All settings, or all flags, in one environment as they were at a moment."""
    since = SettingVersion.objects.filter(realm.rows("setting__key"), setting__environment=environment, at__gt=moment)
    firsts = dict(since.values_list("setting").annotate(first=Min("version")).values_list("setting", "first"))
    rows = Setting.objects.filter(pk__in=since.values("setting")).order_by("key", "environment")
    return _plan(rows, {pk: first - 1 for pk, first in firsts.items()}, may_clear=may_clear, prints=prints)


def of_person(
    actor_id: int | None,
    since: datetime,
    until: datetime,
    *,
    realm: Realm = Realm.SETTINGS,
    environment: str = "",
    may_clear: bool = True,
    prints: bool = False,
) -> Plan:
    """Everything one person (None: the system itself) changed in a window, back to what it was before.

    A change of the same setting by anybody after theirs, or by themselves after the window, is a conflict.
    """
    theirs = SettingVersion.objects.filter(realm.rows("setting__key"), actor_id=actor_id, at__gte=since, at__lt=until)
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


def people(realm: Realm = Realm.SETTINGS) -> list[tuple[int | None, str]]:
    """Everybody who ever changed a setting, or a flag, by the name they had last; the latest stands first."""
    every = SettingVersion.objects.filter(realm.rows("setting__key"))
    found = every.values_list("actor_id").annotate(last=Max("pk")).order_by("-last")[:MOST]
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
    # An archived flag is told in words all the same.
    definitions = known(keys) | known((key for key in keys if realm_of(key) is Realm.FLAGS), retired=True)
    protected, beside = protected_keys(keys), rows_of(keys)
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
            return Plan(_with_rules(lines[:MOST], beside, versions), is_cut=True)
    return Plan(_with_rules(lines, beside, versions))


def _with_rules(lines: list[Reversal], rows: Rows, versions: Mapping[int, SettingVersion]) -> list[Reversal]:
    """The same with the rules of flags line by line."""
    sides = {}
    for line in lines:
        if line.definition is not None and is_of_flag(line.definition):
            row, common = rows[line.key, line.environment], common_rules(line.definition, line.environment, rows)
            then = versions.get(row.pk)
            clears = then is None or then.cleared
            sides[line.place] = Sides(
                row.value if store.is_set(row) else common, common if then is None or clears else then.value, clears
            )
    lines_of = told(sides)
    return [replace(line, lines=lines_of.get(line.place, ())) for line in lines]


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
    is_flag = realm_of(row.key) is Realm.FLAGS
    if definition is None:
        obstacle = _("Nothing declares this setting any more, or it was retired.")
    elif definition.is_retired:
        obstacle = _("The flag was archived.")
    try:
        if definition is not None:
            value = _value(definition, row, target)
            if _is_so(definition, row, value, number):
                return None
            change = Change(key=row.key, environment=row.environment, value=value, rollback_to=number)
            check_change(definition, change)
            if value is None and not may_clear and is_flag:
                obstacle = _("It had no rules of its own then, and you may not take them away.")
            elif value is None and not may_clear:
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
