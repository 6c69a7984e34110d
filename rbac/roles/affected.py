"""Whom an edit of a role reaches: what each of them gains and loses, and what they keep through another role.

The outcome is a pure function over the role map and who holds what now; only reading who that is asks the database, the
same few questions however many people there are.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import Max, Q

from accounts.models import User
from rbac.models import Assignment, Role
from rbac.people import HAS_FACTOR
from rbac.role_map import RoleMap, current_role_map
from rbac.roles.edit import Edit, edited
from ui.registry import Permission

# People told by name; the others are counted.
NAMED = 50


@dataclass(frozen=True, slots=True)
class Effect:
    """What an edit does to somebody; what their roles gain or lose without any effect is kept or held already."""

    gained: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    # By permission the role it is kept through, and the one by which it was there before.
    kept: tuple[tuple[str, int], ...] = ()
    had: tuple[tuple[str, int], ...] = ()
    # Asked for a second factor from now on, or no longer.
    asked: bool = False
    released: bool = False
    # The highest priority of their roles, before and from now on, where that changes.
    rank: tuple[int, int] | None = None

    @property
    def is_change(self) -> bool:
        return bool(self.gained or self.lost or self.asked or self.released or self.rank)


@dataclass(slots=True)
class Through:
    """A permission that some of a group have through another role, and how many of them."""

    permission: Permission
    role: str
    count: int = 0


@dataclass(slots=True)
class Group:
    """People to whom the same happens: the first by name, and how many more there are."""

    gained: list[Permission]
    lost: list[Permission]
    asked: bool
    released: bool
    rank: tuple[int, int] | None
    kept: list[Through] = field(default_factory=list)
    had: list[Through] = field(default_factory=list)
    count: int = 0
    people: list[User] = field(default_factory=list)
    # How many of them the viewer may not see.
    unseen: int = 0

    @property
    def more(self) -> int:
        """In sight, but beyond those that are named."""
        return self.count - len(self.people) - self.unseen


@dataclass(frozen=True, slots=True)
class Passed:
    """Whom those whose rank changes stand above from now on, or where it falls no longer."""

    is_rise: bool
    count: int
    # The roles that are the highest ones of these people, as far as anybody holds them.
    roles: list[str]


@dataclass(frozen=True, slots=True)
class Affected:
    """The outcome of an edit as one viewer may see it."""

    added: list[Permission]
    taken: list[Permission]
    changed: list[Group]
    unchanged: list[Group]
    # What happens to the viewer, where anything does.
    you: Group | None
    # Of those asked for a second factor from now on: who has none, as far as they are named, and how many.
    without_factor: list[User]
    without_factor_count: int
    # Nothing where everybody keeps their rank.
    passed: Passed | None
    print: str

    @property
    def count(self) -> int:
        return sum(group.count for group in self.changed)

    @property
    def without_factor_more(self) -> int:
        return self.without_factor_count - len(self.without_factor)


def touched_by(before: RoleMap, after: RoleMap) -> frozenset[int]:
    """The roles whose holders may be better or worse off."""
    return frozenset(
        role_id
        for role_id in after.own
        if before.permissions(role_id) != after.permissions(role_id)
        or (role_id in before.demanding) != (role_id in after.demanding)
        or before.priorities.get(role_id) != after.priorities.get(role_id)
    )


def effect(role_ids: frozenset[int], before: RoleMap, after: RoleMap, *, is_superuser: bool = False) -> Effect:
    """What happens to whoever holds exactly these roles."""
    if is_superuser:
        # Break-glass: everything, and the rules of the admin role.
        role_ids |= {before.admin_id} if before.admin_id is not None else frozenset()
    asked_before = not before.demanding.isdisjoint(role_ids)
    asks = not after.demanding.isdisjoint(role_ids)
    asked, released = asks and not asked_before, asked_before and not asks
    ranks = _rank(role_ids, before), _rank(role_ids, after)
    rank = ranks if ranks[0] != ranks[1] else None
    if is_superuser:
        return Effect(asked=asked, released=released, rank=rank)
    was, will = _granted(role_ids, before), _granted(role_ids, after)
    less = {name for each in role_ids for name in before.permissions(each) - after.permissions(each)}
    more = {name for each in role_ids for name in after.permissions(each) - before.permissions(each)}
    return Effect(
        gained=will - was,
        lost=was - will,
        kept=_through(less & will, role_ids, after),
        had=_through(more & was, role_ids, before),
        asked=asked,
        released=released,
        rank=rank,
    )


def _rank(role_ids: Iterable[int], roles: RoleMap) -> int:
    return max((roles.priorities.get(each, 0) for each in role_ids), default=0)


def _granted(role_ids: Iterable[int], roles: RoleMap) -> frozenset[str]:
    return frozenset().union(*(roles.permissions(each) for each in role_ids))


def _through(names: Iterable[str], role_ids: Iterable[int], roles: RoleMap) -> tuple[tuple[str, int], ...]:
    by_rank = sorted(role_ids, key=lambda each: (-roles.priorities.get(each, 0), each))
    return tuple((name, next(each for each in by_rank if name in roles.permissions(each))) for name in sorted(names))


def affected(*, viewer: User, role: Role, wanted: Edit, before: RoleMap) -> Affected:
    """What saving `wanted` as `role` would do, in the words of `viewer`, who sees people as far as they may."""
    rows = list(Role.objects.values_list("pk", "name", "requires_factor"))
    names, demands = {pk: name for pk, name, _asks in rows}, {pk for pk, _name, asks in rows if asks}
    after = edited(before, role.pk, wanted, demands)
    effects = _effects(before, after)
    visible = User.objects.visible_to(viewer).active()
    order = list(visible.filter(_holds(before, after)).order_by("name_key", "pk").values_list("pk", flat=True))
    named = _named(order, effects, NAMED)
    people = User.objects.in_bulk([*named])
    groups = _grouped(effects, order, [people[pk] for pk in named], before, names)
    you = effects.get(viewer.pk)
    changes = [group for done, group in groups.items() if done.is_change]
    asked = [pk for pk, done in effects.items() if done.asked]
    without = _without_factor(after, before, asked)
    return Affected(
        added=_permissions(wanted.permissions - before.own.get(role.pk, frozenset()), before),
        taken=_permissions(before.own.get(role.pk, frozenset()) - wanted.permissions, before),
        changed=sorted(changes, key=lambda group: -group.count),
        unchanged=sorted((g for done, g in groups.items() if not done.is_change), key=lambda group: -group.count),
        you=_group(you, before) if you is not None and you.is_change else None,
        without_factor=[people[pk] for pk in named if pk in without],
        without_factor_count=len(without),
        passed=_passed(role, effects.values(), before, names),
        print=_print(wanted, {done for done in groups if done.is_change}),
    )


def reach(role: Role) -> int:
    """How many people hold the role or one that inherits from it, those who have everything by break-glass aside."""
    line = {role.pk} | current_role_map().descendants(role.pk)
    held = Assignment.objects.counting().filter(role__in=line, user__is_active=True)
    return held.values("user").distinct().count()


def _effects(before: RoleMap, after: RoleMap) -> dict[int, Effect]:
    """By person what happens to them, for everybody who holds a role that is touched."""
    held: dict[int, set[int]] = defaultdict(set)
    holders = User.objects.active().filter(_holds(before, after))
    supers = dict(holders.values_list("pk", "is_superuser"))
    counting = Assignment.objects.counting().filter(user__in=holders)
    for user_id, role_id in counting.values_list("user_id", "role_id"):
        held[user_id].add(role_id)
    # Nearly everybody holds the same few roles.
    known: dict[tuple[frozenset[int], bool], Effect] = {}
    effects = {}
    for pk, is_superuser in supers.items():
        kind = (frozenset(held[pk]), is_superuser)
        if kind not in known:
            known[kind] = effect(kind[0], before, after, is_superuser=is_superuser)
        effects[pk] = known[kind]
    return effects


def _grouped(
    effects: Mapping[int, Effect], order: Sequence[int], named: Sequence[User], roles: RoleMap, names: Mapping[int, str]
) -> dict[Effect, Group]:
    """Everybody by what happens to them; who loses nothing, also by what they keep and through which role."""
    by_name, in_sight = {user.pk: user for user in named}, set(order)
    groups: dict[Effect, Group] = {}
    throughs: dict[tuple[Effect, str, str, int], Through] = {}
    for pk in [*order, *(pk for pk in effects if pk not in in_sight)]:
        if pk not in effects:
            # Given a role between two questions.
            continue
        done = effects[pk]
        # Of those out of sight, nobody is told which other roles they hold.
        kind = replace(done, kept=(), had=()) if done.is_change or pk not in in_sight else done
        group = groups.setdefault(kind, _group(kind, roles))
        group.count += 1
        if pk not in in_sight:
            group.unseen += 1
            continue
        for told in ("kept", "had"):
            for name, role_id in getattr(done, told):
                place = (kind, told, name, role_id)
                if place not in throughs:
                    throughs[place] = Through(roles.known[name], names.get(role_id, ""))
                    getattr(group, told).append(throughs[place])
                throughs[place].count += 1
        if pk in by_name:
            group.people.append(by_name[pk])
    return groups


def _holds(before: RoleMap, after: RoleMap) -> Q:
    touched = touched_by(before, after)
    holds = Q(pk__in=Assignment.objects.counting().filter(role__in=touched).values("user_id"))
    return holds | Q(is_superuser=True) if before.admin_id in touched else holds


def _named(order: Sequence[int], effects: Mapping[int, Effect], most: int) -> dict[int, None]:
    """The first by name, those to whom something happens before those who keep everything."""
    changed = [pk for pk in order if pk in effects and effects[pk].is_change][:most]
    kept = [pk for pk in order if pk in effects and not effects[pk].is_change][: max(0, most - len(changed))]
    return dict.fromkeys([*changed, *kept])


def _without_factor(after: RoleMap, before: RoleMap, asked: Collection[int]) -> set[int]:
    wanted = set(asked)
    found = User.objects.active().filter(_holds(before, after)).exclude(HAS_FACTOR).values_list("pk", flat=True)
    return wanted.intersection(found) if wanted else set()


def _passed(role: Role, effects: Iterable[Effect], roles: RoleMap, names: Mapping[int, str]) -> Passed | None:
    moves = [done.rank for done in effects if done.rank is not None]
    if not moves:
        return None
    low, high = min(map(min, moves)), max(map(max, moves))
    counting = Assignment.objects.counting()
    others = counting.filter(user__is_active=True, user__is_superuser=False).exclude(
        user__in=counting.filter(role=role).values("user_id")
    )
    ranks = others.order_by().values("user_id").annotate(highest=Max("role__priority"))
    between = Counter(ranks.filter(highest__gte=low, highest__lt=high).values_list("highest", flat=True))
    held = sorted((each for each in names if roles.priorities.get(each) in between), key=lambda e: -roles.priorities[e])
    return Passed(moves[0][0] < moves[0][1], between.total(), [names[each] for each in held if each != role.pk])


def _group(done: Effect, roles: RoleMap) -> Group:
    gained, lost = _permissions(done.gained, roles), _permissions(done.lost, roles)
    return Group(gained, lost, done.asked, done.released, done.rank)


def _permissions(names: Collection[str], roles: RoleMap) -> list[Permission]:
    """In the order in which they are declared."""
    return [permission for name, permission in roles.known.items() if name in names]


def _print(wanted: Edit, kinds: Collection[Effect]) -> str:
    """What a yes to this outcome is tied to: the edit and what it does to people, not how many there are."""
    did = sorted([sorted(kind.gained), sorted(kind.lost), kind.asked, kind.released, kind.rank or ()] for kind in kinds)
    text = json.dumps([wanted.facts(), did])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
