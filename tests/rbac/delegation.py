"""Random houses and random acts in them, and what must hold after each act whoever did it.

Actions alone are asked, without the guards of pages, so that whatever reaches them is refused there too. A case is one
house with a few acts; `tests/rbac/test_delegation.py` runs some of them, `proofs/delegation.py` thousands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st

from accounts import actions as accounts
from accounts.acting import refusal as acting_refusal
from accounts.models import IdentityProvider, User
from rbac import actions
from rbac.actions.claims import follow_claims, map_claim, unmap_claim
from rbac.actions.permission import declare_permission, delete_permission
from rbac.backend import RoleBackend, ranked
from rbac.models import Assignment, ClaimRole, CustomPermission, ReviewItem, Role
from rbac.models.review import Standing as Line
from rbac.role_map import RoleMap, current_role_map
from rbac.system_roles import ADMIN

DECLARED = ("document.create", "document.shred")
NAMES = (
    "audit.read",
    "chat.use",
    "settings.write",
    "system.read",
    "users.all",
    "users.admin",
    "users.read",
    "users.write",
    "roles.write",
    "roles.admin",
    *DECLARED,
)
PRIORITIES = (5, 20, 50, 70, 75, 75, 80, 100)
VALUES = ("staff", "leads")
PEOPLE = 7

_numbers = count(1)
names = st.lists(st.sampled_from(NAMES), max_size=4, unique=True)
number = st.integers(0, 63)
# The first person is the admin who is always there, and the rest is given a random rank; those in between act most.
someone = st.sampled_from([0, 1, 1, 1, 2, 2, 3, 4, 5, 6])


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody tries; each kind reads the fields it needs."""

    kind: str
    actor: int
    person: int
    role: int
    parent: int
    priority: int
    names: tuple[str, ...]
    flag: bool
    value: str


@dataclass(frozen=True, slots=True)
class House:
    """The roles there are besides those of the system, and who holds what when the acts begin."""

    # Priority, parent, permissions, whether it asks for a factor.
    roles: list[tuple[int, int, list[str], bool]]
    # For each person but the first: roles, supervisor, deactivated, admin by break-glass.
    people: list[tuple[list[int], int, bool, bool]]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the rules are about, at one moment."""

    roles: RoleMap
    # What each person, and each value of a claim, has or was promised; and the highest priority it comes from.
    rights: dict[str, frozenset[str]]
    ranks: dict[str, int]
    # The roles they hold for good or for a time, those too that are paused or begin later.
    held: dict[str, frozenset[int]]
    # What others may not change about somebody above them.
    people: dict[str, tuple[object, ...]]
    # Name, priority, parent, own permissions and whether a factor is asked, of each role.
    described: dict[int, tuple[object, ...]]
    supervisors: dict[int, int | None]
    lasting_admins: int


@dataclass(slots=True)
class Tally:
    """What became of the acts: how many were done, and how many refused, by kind."""

    cases: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def kinds() -> list[str]:
    return list(ACTS)


houses = st.builds(
    House,
    roles=st.lists(st.tuples(st.sampled_from(PRIORITIES), number, names, st.booleans()), min_size=3, max_size=4),
    people=st.lists(
        st.tuples(st.lists(number, max_size=2), number, st.integers(0, 9).map(lambda n: n == 0), st.just(value=False)),
        min_size=PEOPLE - 1,
        max_size=PEOPLE - 1,
    ),
)


def acts() -> st.SearchStrategy[list[Act]]:
    one = st.builds(
        Act,
        kind=st.sampled_from(kinds()),
        actor=someone,
        person=someone,
        role=number,
        parent=number,
        priority=st.sampled_from(PRIORITIES),
        names=names.map(tuple),
        flag=st.booleans(),
        value=st.sampled_from(VALUES),
    )
    return st.lists(one, min_size=3, max_size=8)


def pick[T](things: list[T], number: int) -> T:
    return things[number % len(things)]


def roles() -> list[Role]:
    """Those that admins made come up as often as all of the system together."""
    every = list(Role.objects.select_related("parent").order_by("pk"))
    own = [role for role in every if not role.is_system]
    return every + own * (len(every) // max(len(own), 1))


def prepare() -> None:
    """What every house has."""
    actions.seed_system_roles()
    for name in DECLARED:
        declare_permission(actor=None, name=name.replace(".", ":"), label=name)
    IdentityProvider.objects.create(name="Elsewhere", slug="elsewhere", issuer="https://e.example", client_id="house")


def build(house: House) -> list[User]:
    """Make it so, by the installation itself, which is refused nothing but what makes no sense."""
    for priority, parent, own, asks in house.roles:
        fitting = [None, *(role for role in Role.objects.order_by("pk") if role.priority <= priority)]
        actions.create_role(
            actor=None,
            name=f"Role {next(_numbers)}",
            priority=priority,
            parent=pick(fitting, parent),
            permissions=own,
            requires_factor=asks,
        )
    people = [_person() for _ in range(PEOPLE)]
    every, admin = roles(), Role.objects.get(system_key=ADMIN)
    rows = [Assignment(user=people[0], role=admin)]
    for index, (held, supervisor, is_away, is_superuser) in enumerate(house.people, start=1):
        person = people[index]
        chosen = {role.pk: role for role in (pick(every, each) for each in held)}
        rows += [Assignment(user=person, role=role) for role in chosen.values()]
        # Nobody but those before them, so that there is no circle to begin with.
        person.supervisor = pick([None, *people[:index]], supervisor)
        person.is_active, person.is_superuser = not is_away, is_superuser
        person.save(update_fields=["supervisor", "is_active", "is_superuser"])
    Assignment.objects.bulk_create(rows)
    return people


def _person() -> User:
    name = f"p{next(_numbers)}"
    person = User(username=name, email=f"{name}@example.org")
    person.set_unusable_password()
    person.save()
    return person


def facts() -> Facts:
    mapped = current_role_map()
    admin = mapped.admin_id
    held: dict[str, set[int]] = {}
    ranks: dict[str, int] = {}
    about: dict[str, list[object]] = {}
    supervisors: dict[int, int | None] = {}
    columns = ("pk", "supervisor_id", "is_active", "password", "must_change_password", "email", "is_superuser")
    for pk, supervisor, *rest in User.objects.order_by("pk").values_list(*columns):
        held[_of(pk)] = {admin} if rest[-1] and admin is not None else set()
        about[_of(pk)] = [supervisor, *rest]
        supervisors[pk] = supervisor
    lasting = Assignment.objects.lasting().order_by("pk")
    for pk, role, *rest in lasting.values_list("user_id", "role_id", "is_active", "starts_at", "ends_at"):
        held[_of(pk)].add(role)
        about[_of(pk)].append((role, *rest))
    for value, role in ClaimRole.objects.order_by("pk").values_list("value", "role_id"):
        held.setdefault(f"claim {value}", set()).add(role)
    for who, own in held.items():
        ranks[who] = max((mapped.priorities[role] for role in own), default=0)
    counting = Assignment.objects.counting().filter(role__system_key=ADMIN, ends_at=None, user__is_active=True)
    return Facts(
        roles=mapped,
        rights={who: _rights(mapped, own) for who, own in held.items()},
        ranks=ranks,
        held={who: frozenset(own) for who, own in held.items()},
        people={who: tuple(known) for who, known in about.items()},
        described={
            pk: (name, priority, parent, mapped.own[pk], asks)
            for pk, name, priority, parent, asks in Role.objects.values_list(
                "pk", "name", "priority", "parent_id", "requires_factor"
            )
        },
        supervisors=supervisors,
        lasting_admins=counting.count() + User.objects.filter(is_active=True, is_superuser=True).count(),
    )


def _of(pk: int) -> str:
    return f"person {pk}"


def _rights(mapped: RoleMap, held: set[int]) -> frozenset[str]:
    return frozenset().union(*(mapped.permissions(role) for role in held))


def run(house: House, tried: list[Act], tally: Tally) -> None:
    """One case, all of which is taken back; AssertionError where something came about that must not."""
    with transaction.atomic():
        people = build(house)
        tally.cases += 1
        for act in tried:
            before, actor = facts(), RoleBackend().get_user(pick(people, act.actor).pk)
            if actor is None:
                # Deactivated: nobody who acts.
                continue
            was_done = perform(act, actor, people)
            (tally.done if was_done else tally.refused)[act.kind] += 1
            check(act, actor, before, facts(), was_done=was_done)
        transaction.set_rollback(True)


def perform(act: Act, actor: User, people: list[User]) -> bool:
    """Try it as somebody fresh; whether it was done."""
    person = User.objects.get(pk=pick(people, act.person).pk)
    try:
        with transaction.atomic():
            return ACTS[act.kind](act, actor, person, people)
    except (PermissionDenied, ValidationError):
        return False


def check(act: Act, actor: User, before: Facts, after: Facts, *, was_done: bool) -> None:
    """What must hold whatever was tried: `actor` is as they were when they tried it."""
    may, rank = ranked(actor).granted, ranked(actor).role_priority
    reach = rank if "roles.admin" in may else rank - 1
    given = may
    if act.kind == "follow":
        # By what somebody who had it has mapped.
        given = before.rights.get(f"claim {act.value}", frozenset())
        reach = rank = 1000
    # What did not exist nobody had.
    new = after.roles.known.keys() - before.roles.known.keys()
    for who, rights in after.rights.items():
        gained = rights - before.rights.get(who, frozenset()) - new
        assert gained <= given, (act, who, "was given", gained - given)
        assert after.ranks[who] <= max(before.ranks.get(who, 0), rank), (act, who, "rose above whoever did it")
    for who, known in before.people.items():
        if before.ranks[who] > reach and who != _of(actor.pk):
            assert after.people[who] == known, (act, who, "stands above and was touched")
            beyond = {role for role in before.held[who] if before.roles.priorities[role] > reach}
            kept = _rights(before.roles, beyond) & after.roles.known.keys()
            assert kept <= after.rights[who], (act, who, "stands above and lost", kept - after.rights[who])
    for pk, described in before.described.items():
        if before.roles.priorities[pk] > reach and pk != before.roles.admin_id:
            assert after.described.get(pk) == described, (act, "changed a role beyond reach", described)
            assert (pk in before.roles.demanding) <= (pk in after.roles.demanding), (act, "no longer asks a factor")
    for pk in after.described.keys() - before.described.keys():
        assert after.roles.priorities[pk] <= reach, (act, "made a role beyond reach")
    assert after.lasting_admins >= 1, (act, "nobody is admin for good")
    assert not any(pk in after.roles.descendants(pk) for pk in after.described), (act, "a circle of roles")
    assert not _has_circle(after.supervisors), (act, "a circle of supervisors")
    if not was_done:
        assert (after.rights, after.people, after.described) == (before.rights, before.people, before.described), act


def _has_circle(above: dict[int, int | None]) -> bool:
    for start in above:
        current, steps = above[start], 0
        while current is not None and steps <= len(above):
            current, steps = above[current], steps + 1
        if current is not None:
            return True
    return False


def _create(act: Act, actor: User, person: User, people: list[User]) -> bool:
    actions.create_role(
        actor=actor,
        name=f"Role {next(_numbers)}",
        priority=act.priority,
        parent=pick([None, *roles()], act.parent),
        permissions=act.names,
        requires_factor=act.flag,
    )
    return True


def _clone(act: Act, actor: User, person: User, people: list[User]) -> bool:
    source = pick(roles(), act.role)
    own = current_role_map().own[source.pk]
    actions.create_role(
        actor=actor,
        name=f"Role {next(_numbers)}",
        priority=source.priority,
        parent=source.parent,
        permissions=own,
        requires_factor=source.requires_factor,
    )
    return True


def _edit(act: Act, actor: User, person: User, people: list[User]) -> bool:
    role = pick(roles(), act.role)
    own = current_role_map().own[role.pk]
    # Details of a system role stay, and half of all edits add to what is there: so they reach the rules under test.
    stays = role.is_system or act.flag
    actions.update_role(
        actor=actor,
        role=role,
        name=role.name,
        description="",
        priority=role.priority if stays else act.priority,
        parent=role.parent if stays else pick([None, *roles()], act.parent),
        permissions=own.union(act.names) if stays else act.names,
        requires_factor=act.flag,
    )
    return True


def _delete(act: Act, actor: User, person: User, people: list[User]) -> bool:
    actions.delete_role(actor=actor, role=pick(roles(), act.role))
    return True


def _assign(act: Act, actor: User, person: User, people: list[User]) -> bool:
    now = timezone.now()
    when = (None, None) if act.flag else (now + timedelta(days=1), now + timedelta(days=2))
    actions.assign_role(
        actor=actor, user=person, role=pick(roles(), act.role), starts_at=when[0], ends_at=when[act.priority > 50]
    )
    return True


def _assign_many(act: Act, actor: User, person: User, people: list[User]) -> bool:
    chosen = list(User.objects.filter(pk__in={person.pk, pick(people, act.parent).pk}))
    actions.assign_people(actor=actor, role=pick(roles(), act.role), people=chosen)
    return True


def _change(act: Act, actor: User, person: User, people: list[User]) -> bool:
    row = Assignment.objects.lasting().filter(user=person).order_by("pk").first()
    if row is None:
        return False
    until = timezone.now() + timedelta(days=1) if act.priority > 50 else None
    actions.change_assignment(actor=actor, assignment=row, is_active=act.flag, ends_at=until)
    return True


def _end(act: Act, actor: User, person: User, people: list[User]) -> bool:
    row = Assignment.objects.lasting().filter(user=person).select_related("role").order_by("pk").first()
    if row is None:
        return False
    actions.revoke_role(actor=actor, user=person, role=row.role)
    return True


def _review(act: Act, actor: User, person: User, people: list[User]) -> bool:
    review = actions.start_review(actor=actor, role=pick(roles(), act.role))
    seen = dict.fromkeys(ReviewItem.objects.filter(review=review).values_list("pk", flat=True), Line.UNDECIDED)
    decision = ReviewItem.Decision.CONFIRMED if act.flag else ReviewItem.Decision.REVOKED
    outcome = actions.decide_lines(actor=actor, review=review, seen=seen, decision=decision)
    return outcome.decided > 0


def _invite(act: Act, actor: User, person: User, people: list[User]) -> bool:
    email = f"new{next(_numbers)}@example.org"
    actions.invite(actor=actor, emails=[email], role=pick(roles(), act.role))
    return True


def _map(act: Act, actor: User, person: User, people: list[User]) -> bool:
    provider = IdentityProvider.objects.get()
    mapped = ClaimRole.objects.filter(value=act.value).order_by("pk").first()
    if act.priority < 50 and mapped is not None:
        unmap_claim(actor=actor, claim_role=mapped)
    else:
        map_claim(actor=actor, provider=provider, value=act.value, role=pick(roles(), act.role))
    return True


def _follow(act: Act, actor: User, person: User, people: list[User]) -> bool:
    """Somebody signs in with the claims they bear."""
    follow_claims(user=person, provider=IdentityProvider.objects.get(), values={act.value})
    return True


def _move(act: Act, actor: User, person: User, people: list[User]) -> bool:
    accounts.update_user(actor=actor, user=person, supervisor=pick([None, *people], act.parent))
    return True


def _rename(act: Act, actor: User, person: User, people: list[User]) -> bool:
    rights, rank = _whole(person)
    accounts.update_user(actor=actor, user=person, email=f"other{next(_numbers)}@example.org")
    _could_come_in_as(act, actor, rights, rank)
    return True


def _give_password(act: Act, actor: User, person: User, people: list[User]) -> bool:
    rights, rank = _whole(person)
    accounts.give_password(actor=actor, user=person, password="correct horse battery staple")
    _could_come_in_as(act, actor, rights, rank)
    return True


def _act_as(act: Act, actor: User, person: User, people: list[User]) -> bool:
    if acting_refusal(actor, person, None):
        return False
    there = RoleBackend().get_user(person.pk)
    assert there is not None, (act, "acts as somebody deactivated")
    assert ranked(there).granted <= ranked(actor).granted, (act, "acts as somebody who may more")
    assert ranked(there).role_priority < ranked(actor).role_priority, (act, "acts upwards or sideways")
    return True


def _switch(act: Act, actor: User, person: User, people: list[User]) -> bool:
    (accounts.activate_user if act.flag else accounts.deactivate_user)(actor=actor, user=person)
    return True


def _declare(act: Act, actor: User, person: User, people: list[User]) -> bool:
    declare_permission(actor=actor, name=f"thing:do{next(_numbers)}", label="Do it")
    return True


def _undeclare(act: Act, actor: User, person: User, people: list[User]) -> bool:
    permission = CustomPermission.objects.order_by("pk").first()
    if permission is None:
        return False
    delete_permission(actor=actor, permission=permission)
    return True


def _whole(person: User) -> tuple[frozenset[str], int]:
    """What somebody has or was promised, and the rank of it."""
    now = facts()
    return now.rights[_of(person.pk)], now.ranks[_of(person.pk)]


def _could_come_in_as(act: Act, actor: User, rights: frozenset[str], rank: int) -> None:
    granted, own = ranked(actor).granted, ranked(actor).role_priority
    assert rights <= granted, (act, "a way in to", rights - granted)
    assert rank <= (own if "roles.admin" in granted else own - 1), (act, "a way in to a higher rank")


ACTS: dict[str, Callable[[Act, User, User, list[User]], bool]] = {
    "create": _create,
    "clone": _clone,
    "edit": _edit,
    "delete": _delete,
    "assign": _assign,
    "assign many": _assign_many,
    "change": _change,
    "end": _end,
    "review": _review,
    "invite": _invite,
    "map a claim": _map,
    "follow": _follow,
    "move": _move,
    "rename": _rename,
    "give a password": _give_password,
    "act as": _act_as,
    "switch": _switch,
    "declare": _declare,
    "undeclare": _undeclare,
}
