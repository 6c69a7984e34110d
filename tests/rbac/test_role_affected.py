"""Whom an edit reaches: told before it is saved, and true once it is."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from rbac.actions import assign_role, create_role, update_role
from rbac.backend import RoleBackend
from rbac.models import Assignment, Role
from rbac.role_map import RoleMap, current_role_map
from rbac.roles.affected import NAMED, Affected, Passed, affected
from rbac.roles.edit import Edit, saved
from tests.rbac.conftest import MakePerson, Roles

CASES = 60
NAMES = ("audit.read", "usage.read", "usage.all", "users.read", "flags.read", "roles.admin")

type State = tuple[frozenset[str], bool]


def edit_of(role: Role, **changes: Any) -> Edit:
    now = saved(Role.objects.select_related("parent").get(pk=role.pk), current_role_map())
    return Edit(**(now.fields() | changes))


def outcome_of(viewer: User, role: Role, **changes: Any) -> Affected:
    return affected(viewer=viewer, role=role, wanted=edit_of(role, **changes), before=current_role_map())


def states() -> dict[int, State]:
    """What everybody who is active may do and whether they are asked for a factor, as the backend says it."""
    roles, people = current_role_map(), RoleBackend().get_users(list(User.objects.values_list("pk", flat=True)))
    return {user.pk: (frozenset(filter(user.has_perm, roles.known)), user.must_have_factor) for user in people}


def told(outcome: Affected) -> dict[int, tuple[set[str], set[str], bool, bool]]:
    return {
        user.pk: ({each.name for each in group.gained}, {each.name for each in group.lost}, group.asked, group.released)
        for group in outcome.changed
        for user in group.people
    }


def happened(before: dict[int, State], after: dict[int, State]) -> dict[int, tuple[set[str], set[str], bool, bool]]:
    return {
        pk: (
            set(after[pk][0] - before[pk][0]),
            set(before[pk][0] - after[pk][0]),
            after[pk][1] and not before[pk][1],
            before[pk][1] and not after[pk][1],
        )
        for pk in before
        if before[pk] != after[pk]
    }


def random_parent(dice: random.Random, role: Role, every: Iterable[Role], roles: RoleMap) -> Role | None:
    allowed = [each for each in every if each.pk != role.pk and each.pk not in roles.descendants(role.pk)]
    return dice.choice([None, *allowed]) if role.system_key is None else role.parent


def test_what_is_told_is_what_happens(person: MakePerson, roles: Roles) -> None:
    """Random edits of random roles: what was said of everybody is what the backend answers before and after."""
    dice = random.Random(20261120)  # noqa: S311 - cases, not secrets
    own = [create_role(actor=None, name=f"Own {number}", priority=10) for number in range(6)]
    every = [*own, roles["guest"], roles["admin"]]
    viewer = person("admin")
    for number in range(14):
        someone = person(is_active=number % 7 != 6, is_superuser=number % 5 == 4)
        for role in dice.sample(own, dice.randrange(4)) + dice.sample(every, 1):
            assign_role(actor=None, user=someone, role=role)
    kinds = set()
    for _case in range(CASES):
        known, role = current_role_map(), Role.objects.select_related("parent").get(pk=dice.choice(every).pk)
        chosen = frozenset(dice.sample(NAMES, dice.randrange(len(NAMES))))
        wanted = edit_of(
            role,
            permissions=chosen if role.system_key is None else known.own[role.pk] | chosen,
            parent=random_parent(dice, role, own, known),
            requires_factor=dice.random() < 0.3,
        )
        outcome = affected(viewer=viewer, role=role, wanted=wanted, before=known)
        before = states()
        update_role(actor=None, role=role, **wanted.fields())
        after = states()
        assert told(outcome) == happened(before, after)
        assert outcome.count == len(told(outcome))
        assert (outcome.you is not None) == (viewer.pk in told(outcome))
        for group in (*outcome.changed, *outcome.unchanged):
            for each in (*group.kept, *group.had):
                name = each.permission.name
                have = [user for user in group.people if name in before[user.pk][0] & after[user.pk][0]]
                assert 1 <= each.count <= len(have)
        kinds |= {(bool(g.gained), bool(g.lost), g.asked, g.released) for g in outcome.changed}
    # Enough has happened for the comparison to mean something.
    assert len(kinds) >= 8


def test_who_keeps_it_through_another_role_is_told(person: MakePerson, roles: Roles) -> None:
    admin = person("admin")
    base = create_role(actor=None, name="Base", priority=15, permissions=["audit.read", "usage.read"])
    create_role(actor=None, name="Heir", priority=16, parent=base)
    ana, kofi = person("heir", full_name="Ana Ruiz"), person("base", full_name="Kofi Mensah")
    assign_role(actor=None, user=kofi, role=roles["viewer"])
    outcome = outcome_of(admin, base, permissions=frozenset({"usage.read"}))
    assert [(group.people, [str(each) for each in group.lost]) for group in outcome.changed] == [
        ([ana], ["audit:read"])
    ]
    (kept,) = outcome.unchanged
    assert kept.people == [kofi]
    assert [(str(each.permission), each.role, each.count) for each in kept.kept] == [("audit:read", "Viewer", 1)]


def test_paused_ended_and_deactivated_do_not_count(person: MakePerson, roles: Roles) -> None:
    admin = person("admin")
    role = create_role(actor=None, name="Reader", permissions=["audit.read"])
    person("reader", is_active=False)
    Assignment.objects.filter(user=person("reader")).update(is_active=False)
    assert outcome_of(admin, role, permissions=frozenset()).count == 0
    person("reader")
    assert outcome_of(admin, role, permissions=frozenset()).count == 1


def test_break_glass_keeps_everything_and_is_asked_as_an_admin(person: MakePerson, roles: Roles) -> None:
    admin, breaker = person("admin"), person(is_superuser=True)
    outcome = outcome_of(admin, roles["admin"], requires_factor=True)
    assert set(told(outcome)) == {admin.pk, breaker.pk}
    assert outcome.without_factor_count == 2
    reader = create_role(actor=None, name="Reader", permissions=["audit.read"])
    assign_role(actor=None, user=breaker, role=reader)
    assert outcome_of(admin, reader, permissions=frozenset()).count == 0


def test_people_beyond_the_named_are_counted_and_those_out_of_sight_never_named(
    person: MakePerson, roles: Roles
) -> None:
    role = create_role(actor=None, name="Reader", permissions=["audit.read"])
    supervisor = person("supervisor")
    team = [person("reader", supervisor=supervisor) for _ in range(3)]
    for number in range(NAMED):
        person("reader", full_name=f"Aaron {number:03}")
    (group,) = outcome_of(supervisor, role, permissions=frozenset()).changed
    assert ({user.pk for user in group.people}, group.more, group.unseen) == ({user.pk for user in team}, 0, NAMED)
    (group,) = outcome_of(person("admin"), role, permissions=frozenset()).changed
    assert (len(group.people), group.more, group.unseen, group.count) == (NAMED, 3, 0, NAMED + 3)
    assert str(group.people[0]) == "Aaron 000"


def test_nobody_hears_which_other_roles_those_out_of_sight_hold(person: MakePerson, roles: Roles) -> None:
    role = create_role(actor=None, name="Reader", permissions=["audit.read"])
    supervisor = person("supervisor")
    person("reader", "viewer", supervisor=supervisor)
    person("reader", "manager")
    seen, unseen = outcome_of(supervisor, role, permissions=frozenset()).unchanged
    assert [(each.role, each.count) for each in seen.kept] == [("Viewer", 1)]
    assert (unseen.unseen, unseen.kept, unseen.had) == (1, [], [])


def test_whom_a_rank_passes_is_counted(person: MakePerson, roles: Roles) -> None:
    admin, role = person("admin"), create_role(actor=None, name="Reader", priority=30)
    for keys in (["reader"], ["reader", "manager"], ["user"], ["supervisor"], ["viewer"], ["user", "manager"]):
        person(*keys)
    outcome = outcome_of(admin, role, priority=60)
    assert [(group.rank, group.count) for group in outcome.changed] == [((30, 60), 1)]
    assert outcome.passed == Passed(is_rise=True, count=1, roles=["User"])
    assert outcome_of(admin, role, priority=15).passed == Passed(is_rise=False, count=1, roles=["Viewer"])
    assert outcome_of(admin, role, requires_factor=True).passed is None


@pytest.mark.parametrize("people", [3, 400])
def test_many_people_cost_no_more_queries(
    person: MakePerson, roles: Roles, people: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    admin = User.objects.get(pk=person("admin").pk)
    role = create_role(actor=None, name="Reader", permissions=["audit.read"])
    made = User.objects.bulk_create(
        User(username=f"m{n}", email=f"m{n}@example.org", username_key=f"m{n}", email_key=f"m{n}@example.org")
        for n in range(people)
    )
    Assignment.objects.bulk_create(Assignment(user=user, role=role) for user in made)
    before, wanted = current_role_map(), edit_of(role, permissions=frozenset(), requires_factor=True)
    admin.has_perm("users.all")
    with django_assert_num_queries(6):
        outcome = affected(viewer=admin, role=role, wanted=wanted, before=before)
    assert outcome.count == outcome.without_factor_count == people
