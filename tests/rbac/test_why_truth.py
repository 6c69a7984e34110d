"""What "Why?" says is what guards do: over random roles, parents, assignments, statuses and trees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from chat.models import Conversation
from rbac.actions import assign_role, create_role, delete_role, update_role
from rbac.backend import RoleBackend, ranked
from rbac.models import Assignment, Role
from rbac.role_map import current_role_map
from rbac.why.answer import answer
from rbac.why.kinds import kinds
from rbac.why.question import Found, Question
from rbac.why.ways import holders, ways
from rbac.why.who import who_may
from tests.rbac.conftest import MakePerson, make_person

NAMES = ["audit.read", "chat.use", "settings.write", "users.read", "users.all", "conversations.oversee"]
NAMES += ["conversations.all", "users.write", "roles.admin"]
NOW = timezone.now()
STATES: dict[str, dict[str, Any]] = {
    "counting": {},
    "later": {"starts_at": NOW + timedelta(days=400)},
    "paused": {"is_active": False},
    "expired": {"ends_at": NOW - timedelta(days=400)},
    "ended": {"is_active": False, "is_open": None, "ended_at": NOW},
}
quick = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

role = st.tuples(
    st.lists(st.sampled_from(NAMES), max_size=4, unique=True), st.none() | st.integers(0, 5), st.sampled_from([20, 30])
)
held = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(sorted(STATES))), max_size=4, unique_by=lambda each: each[0]
)
someone = st.tuples(held, st.booleans(), st.integers(0, 9).map(lambda number: number == 0))


def build(
    wanted_roles: list[tuple[list[str], int | None, int]],
    people: list[tuple[list[tuple[int, str]], bool, bool]],
    supervisors: list[int | None] | None = None,
) -> list[User]:
    made: list[Role] = []
    for number, (names, parent, priority) in enumerate(wanted_roles):
        above = made[parent] if parent is not None and parent < len(made) else None
        rank = max(priority, above.priority if above else 0)
        made.append(create_role(actor=None, name=f"R{number}", priority=rank, parent=above, permissions=names))
    found: list[User] = []
    for number, (assignments, is_active, is_superuser) in enumerate(people):
        above_number = supervisors[number] if supervisors else None
        boss = found[above_number] if above_number is not None and above_number < len(found) else None
        user = make_person(is_active=is_active, is_superuser=is_superuser, supervisor=boss)
        for place, state in assignments:
            if place < len(made):
                Assignment.objects.create(user=user, role=made[place], **STATES[state])
        found.append(user)
    return found


def present(user: User) -> User:
    return RoleBackend().get_user(user.pk) or User.objects.get(pk=user.pk)


@pytest.mark.django_db
@quick
@given(
    made=st.lists(role, min_size=1, max_size=6),
    people=st.lists(someone, min_size=1, max_size=4),
    asked=st.lists(st.sampled_from([*NAMES, "system.read"]), min_size=1, max_size=2, unique=True),
)
def test_an_answer_is_what_has_perm_says(
    made: list[tuple[list[str], int | None, int]],
    people: list[tuple[list[tuple[int, str]], bool, bool]],
    asked: list[str],
    admin: User,
) -> None:
    with transaction.atomic():
        build(made, people)
        roles = current_role_map()
        everybody = [present(user) for user in User.objects.all()]
        asker = present(admin)
        for name, permission in roles.known.items():
            having = {person.pk for person in everybody if person.has_perm(name)}
            # The way drawn is there just where the permission is held.
            drawn = {each.pk for each in everybody if each.is_active and ways(roles, ranked(each).role_ids, name)}
            assert drawn == having
            if name not in asked:
                continue
            assert set(holders(roles, name).values_list("pk", flat=True)) == having
            assert set(who_may(asker, permission).values_list("pk", flat=True)) == having
            for person in everybody:
                verdict = answer(Question(asker, person, permission))
                assert verdict.allowed == person.has_perm(name), (verdict, name)
                assert [step.outcome.value for step in verdict.steps].count("decides") == 1
        transaction.set_rollback(True)


OBJECTS = [
    "conversations.oversee",
    "conversations.all",
    "conversations.reassign",
    "chat.use",
    "users.read",
    "users.all",
]
tree = st.lists(st.none() | st.integers(0, 6), min_size=7, max_size=7)


@pytest.mark.django_db
@quick
@given(
    made=st.lists(role, min_size=1, max_size=5),
    people=st.lists(someone, min_size=2, max_size=6),
    supervisors=tree,
    binned=st.booleans(),
    asked=st.lists(st.sampled_from(OBJECTS), min_size=2, max_size=3, unique=True),
)
def test_scope_is_what_visible_to_says(
    made: list[tuple[list[str], int | None, int]],
    people: list[tuple[list[tuple[int, str]], bool, bool]],
    supervisors: list[int | None],
    binned: bool,
    asked: list[str],
    admin: User,
) -> None:
    with transaction.atomic():
        cast = build(made, people, supervisors)
        owner = cast[-1]
        talk = Conversation.objects.create(owner=owner, deleted_at=NOW if binned else None)
        known, asker = current_role_map().known, present(admin)
        for name in asked:
            kind = kinds["conversation" if name in kinds["conversation"].permissions else "person"]
            thing = Found(kind, talk if kind.name == "conversation" else owner)
            allowed = set()
            for user in User.objects.all():
                person = present(user)
                rows: QuerySet[Any] = User.objects.visible_to(person).filter(pk=owner.pk)
                if name == "chat.use":
                    rows = Conversation.objects.owned_by(person).filter(pk=talk.pk)
                elif kind.name == "conversation":
                    rows = Conversation.objects.visible_to(person).filter(pk=talk.pk)
                right = person.has_perm(name) and rows.exists()
                verdict = answer(Question(asker, person, known[name], object=thing))
                assert verdict.allowed == right, (name, verdict)
                if right:
                    allowed.add(person.pk)
            assert set(who_may(asker, known[name], thing).values_list("pk", flat=True)) == allowed, name
        transaction.set_rollback(True)


ROLE_NAMES = ["roles.read", "roles.write", "roles.delete", "roles.admin", "users.write", "chat.use"]
mighty = st.tuples(
    st.lists(st.sampled_from(ROLE_NAMES), max_size=5, unique=True),
    st.none() | st.integers(0, 3),
    st.sampled_from([20, 30]),
)


def describe(actor: User, role: Role, newcomer: User) -> None:
    own = current_role_map().own[role.pk]
    update_role(
        actor=actor,
        role=role,
        name=role.name,
        description="Described anew",
        priority=role.priority,
        parent=role.parent,
        permissions=own,
    )


ROLE_ACTS: dict[str, Callable[[User, Role, User], object]] = {
    "roles.write": describe,
    "roles.delete": lambda actor, role, newcomer: delete_role(actor=actor, role=role),
    "users.write": lambda actor, role, newcomer: assign_role(actor=actor, user=newcomer, role=role),
}


def really_does(act: Callable[[User, Role, User], object], actor: User, role: Role, newcomer: User) -> bool:
    with transaction.atomic():
        try:
            act(actor, role, newcomer)
        except (PermissionDenied, ValidationError):
            return False
        finally:
            transaction.set_rollback(True)
    return True


@pytest.mark.django_db
@settings(quick, max_examples=25)
@given(
    made=st.lists(mighty, min_size=1, max_size=4),
    people=st.lists(st.tuples(held, st.just(True), st.booleans()), min_size=1, max_size=3),
)
def test_what_is_said_of_roles_is_what_their_acts_do(
    made: list[tuple[list[str], int | None, int]],
    people: list[tuple[list[tuple[int, str]], bool, bool]],
    admin: User,
) -> None:
    with transaction.atomic():
        cast, newcomer = build(made, people), make_person()
        roles, asker = current_role_map(), present(admin)
        for row in Role.objects.filter(system_key__isnull=True) | Role.objects.filter(system_key__in=["user", "admin"]):
            for user in cast:
                for name, act in ROLE_ACTS.items():
                    person = present(user)
                    question = Question(asker, person, roles.known[name], object=Found(kinds["role"], row))
                    right = person.has_perm(name) and really_does(act, person, row, newcomer)
                    assert answer(question).allowed == right, (name, row, answer(question))
        transaction.set_rollback(True)


def test_a_role_edited_and_an_assignment_over_change_the_answer(
    admin: User, person: MakePerson, roles: dict[str, Role]
) -> None:
    user, permission = person("viewer"), current_role_map().known["usage.read"]
    assert answer(Question(admin, present(user), permission)).decided_by == "permission"
    update_role(
        actor=None,
        role=roles["viewer"],
        name="Viewer",
        description="",
        priority=20,
        parent=roles["guest"],
        permissions=["settings.read", "flags.read", "audit.read", "usage.read"],
    )
    assert answer(Question(admin, present(user), permission)).allowed
    Assignment.objects.filter(user=user).update(ends_at=timezone.now())
    after = answer(Question(admin, present(user), permission))
    assert (after.allowed, after.decided_by) == (False, "assignments")
    assert "Viewer would give it" in after.sentence
    assign_role(actor=None, user=user, role=roles["user"])
    assert answer(Question(admin, present(user), permission)).headline == "Yes. User gives it."
