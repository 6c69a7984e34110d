"""Who may do a thing, whom somebody asks who may not, and what would allow it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q

from accounts import rules, teams
from accounts.models import User, UserQuerySet
from rbac.backend import RoleBackend, ranked
from rbac.models import Assignment, Role
from rbac.role_map import RoleMap, current_role_map
from rbac.rules import assignable_by, outranked, person_refusal
from rbac.why.question import Found, Question
from rbac.why.verdict import Verdict
from rbac.why.ways import granting, holders, ways
from ui.registry import Permission

# Whoever gives a role to somebody holds these and sees that person.
GIVING = ("users.write", "users.read")
EVERYBODY = "users.all"
# So many people are named, out of so many looked at.
NAMED, LOOKED_AT = 3, 50


@dataclass(frozen=True, slots=True)
class ByRole:
    """One of the roles by which somebody holds a permission: it, its parent and so on, and until when."""

    roles: list[Role]
    until: datetime | None
    is_break_glass: bool = False

    def __str__(self) -> str:
        return " → ".join(role.name for role in self.roles)


@dataclass(frozen=True, slots=True)
class Offer:
    """A role that would give what is missing, and how many permissions would come with it."""

    role: Role
    adds: int


def who_may(
    viewer: User, permission: Permission, thing: Found | None = None, *, roles: RoleMap | None = None
) -> UserQuerySet:
    """Those in the viewer's sight who hold a permission now, and reach the object with it.

    Raises LookupError where it takes a question for each person, because rank decides it.
    """
    roles = roles or current_role_map()
    people = holders(roles, permission.name) & User.objects.visible_to(viewer)
    if thing is None:
        return people
    reach: Q | None = thing.kind.people(roles, thing.row, permission.name)
    if reach is None:
        raise LookupError
    return people.filter(reach)


def by_roles(people: Iterable[User], permission: Permission, *, roles: RoleMap) -> dict[Any, list[ByRole]]:
    """By which roles each of these people holds the permission, by key, in two queries."""
    people = list(people)
    named = Role.objects.in_bulk()
    admin = [named[roles.admin_id]] if roles.admin_id in named else []
    found: dict[Any, list[ByRole]] = {
        person.pk: [ByRole(admin, None, is_break_glass=True)] if person.is_superuser else [] for person in people
    }
    counting = Assignment.objects.counting().filter(user__in=people, role__in=granting(roles, permission.name))
    for user_id, role_id, ends_at in counting.order_by("-role__priority", "pk").values_list(
        "user_id", "role_id", "ends_at"
    ):
        for way in ways(roles, [role_id], permission.name):
            found[user_id].append(ByRole([named[each] for each in way if each in named], ends_at))
    return found


def whom_to_ask(person: User, name: str = "") -> list[User]:
    """Who could give `person` a permission: the nearest up the line of supervisors, else some who see everybody.

    Where no permission is named, those who could give roles to this person at all.
    """
    asking, roles = RoleBackend().get_user(person.pk), current_role_map()
    if asking is None:
        return []
    rules.read_ahead([asking])
    line = teams.line_of(asking)
    above = {each.pk: each for each in RoleBackend().get_users(line)}
    for key in line:
        if key in above and _could_give(above[key], asking, name, roles):
            return [above[key]]
    wanted = [*GIVING, EVERYBODY, *([name] if name else [])]
    keys = holders(roles, *wanted).exclude(pk=asking.pk).order_by("name_key", "pk").values_list("pk", flat=True)
    others = RoleBackend().get_users(list(keys[:LOOKED_AT]))
    able = [each for each in others if _could_give(each, asking, name, roles)]
    return sorted(able, key=lambda each: (each.name_key, each.pk))[:NAMED]


def offers(asker: User, question: Question, verdict: Verdict) -> list[Offer]:
    """The roles that `asker` could give to the person and that hold all that is missing, the least first."""
    person, wanted = question.person, _would_do(question, verdict)
    if not wanted or not person.is_active or not all(asker.has_perm(name) for name in GIVING):
        return []
    if not User.objects.visible_to(asker).filter(pk=person.pk).exists() or person_refusal(asker, person):
        return []
    roles, held = question.roles, ranked(person).granted
    found = assignable_by(asker, roles=roles).filter(pk__in=granting(roles, *wanted))
    adding = [Offer(role, len(roles.permissions(role.pk) - held)) for role in found]
    return sorted(adding, key=lambda offer: (offer.adds, offer.role.priority))


def _would_do(question: Question, verdict: Verdict) -> list[str]:
    """The permissions that would be enough; none where no permission is."""
    if verdict.missing:
        return [each.name for each in verdict.missing]
    thing = question.object
    if verdict.decided_by != "scope" or thing is None or not thing.kind.everybody:
        return []
    if any(thing.kind.beyond(question.person, thing.row, each.name) for each in verdict.wanted):
        return []
    beyond_team = {thing.kind.team, thing.kind.everybody, *(each.name for each in verdict.wanted)}
    return sorted(name for name in beyond_team if not question.person.has_perm(name))


def move(asker: User, question: Question, verdict: Verdict) -> User | None:
    """Whom `asker` could put below the person, where that alone is missing."""
    thing, person = question.object, question.person
    if verdict.decided_by != "scope" or verdict.allowed or thing is None or not _would_do(question, verdict):
        return None
    owner = thing.kind.owner(thing.row)
    if owner is None or not person.has_perm(thing.kind.team) or not all(asker.has_perm(name) for name in GIVING):
        return None
    if not User.objects.visible_to(asker).filter(pk=owner.pk).exists():
        return None
    if rules.refusal(asker, owner, "update") or teams.move_refusal(asker, owner, person):
        return None
    try:
        teams.refuse_place(user=owner, supervisor=person)
    except ValidationError:
        return None
    return owner


def others(question: Question, verdict: Verdict) -> list[User] | None:
    """Some others in the asker's sight who may: for the same act upon the same object; None where it is not known."""
    if len(verdict.wanted) != 1:
        return None
    try:
        people = who_may(question.asker, verdict.wanted[0], question.object, roles=question.roles)
    except LookupError:
        return None
    return list(people.exclude(pk=question.person.pk).order_by("name_key", "pk")[:NAMED])


def _could_give(giver: User, person: User, name: str, roles: RoleMap) -> bool:
    if not all(giver.has_perm(each) for each in (*GIVING, *([name] if name else []))):
        return False
    if person_refusal(giver, person) is not None:
        return False
    held = ranked(giver).granted
    fitting = granting(roles, name) if name else list(roles.priorities)
    return any(
        not outranked(giver, roles.priorities[role_id]) and roles.permissions(role_id) <= held for role_id in fitting
    )
