"""No sequence of allowed acts gives anyone a permission that whoever acted did not hold."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from rbac.actions import assign_role, create_role, delete_role, revoke_role, update_role
from rbac.backend import RoleBackend, ranked
from rbac.models import Role
from tests.rbac.conftest import MakePerson

NAMES = ["audit.read", "chat.use", "settings.write", "users.write", "roles.write", "roles.admin", "system.read"]
# Places in the lists below: the powerful and the roles of one's own come up more often than the rest.
someone = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4, 5, 6])
role = st.sampled_from([*range(9), 9, 9, 9, 10, 10, 11, 12])
parent = st.sampled_from([0, 0, 0, *range(1, 13)])
names = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)
priority = st.sampled_from([5, 20, 20, 70, 75, 80, 100])
act = st.one_of(
    st.tuples(st.just("assign"), someone, someone, role),
    st.tuples(st.just("revoke"), someone, someone, role),
    st.tuples(st.just("create"), someone, priority, parent, names),
    st.tuples(st.just("update"), someone, role, priority, parent, names),
    st.tuples(st.just("delete"), someone, role),
)


def pick[T](things: list[T], number: int) -> T:
    return things[number % len(things)]


def standing(people: list[User]) -> dict[int, tuple[frozenset[str], int]]:
    loaded = (RoleBackend().get_user(user.pk) for user in people)
    return {user.pk: (ranked(user).granted, ranked(user).role_priority) for user in loaded if user}


def perform(what: tuple[Any, ...], people: list[User]) -> User:
    """Try the act as somebody fresh, and answer who tried."""
    roles = list(Role.objects.select_related("parent").order_by("pk"))
    parents: list[Role | None] = [None, *roles]
    actor = RoleBackend().get_user(pick(people, what[1]).pk)
    assert actor is not None
    with suppress(PermissionDenied, ValidationError), transaction.atomic():
        match what:
            case "assign", _, user, role:
                assign_role(actor=actor, user=pick(people, user), role=pick(roles, role))
            case "revoke", _, user, role:
                revoke_role(actor=actor, user=pick(people, user), role=pick(roles, role))
            case "create", _, rank, parent, held:
                create_role(
                    actor=actor,
                    name=f"Role {len(roles)}",
                    priority=rank,
                    parent=pick(parents, parent),
                    permissions=held,
                )
            case "update", _, number, rank, parent, held:
                role = pick(roles, number)
                # Details of a system role stay, so that its edits reach the rules under test.
                update_role(
                    actor=actor,
                    role=role,
                    name=role.name,
                    description="",
                    priority=role.priority if role.is_system else rank,
                    parent=role.parent if role.is_system else pick(parents, parent),
                    permissions=held,
                )
            case "delete", _, role:
                delete_role(actor=actor, role=pick(roles, role))
    return actor


def cast(person: MakePerson) -> list[User]:
    """People of many ranks, with roles among them that some may edit and others inherit."""
    held = ["roles.write", "users.write", "audit.read", "chat.use"]
    create_role(actor=None, name="Editor", priority=75, permissions=held)
    create_role(actor=None, name="Peer", priority=75, permissions=[*held, "roles.admin"])
    low = create_role(actor=None, name="Low", priority=20, permissions=["audit.read", "chat.use"])
    create_role(actor=None, name="High", priority=90, parent=low)
    keys = [["editor"], ["peer"], ["low"], ["high"], ["manager"], ["operator"], []]
    return [person(*some) for some in keys]


@pytest.mark.django_db
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(act, min_size=2, max_size=8))
def test_nobody_gains_what_the_actor_lacked(acts: list[tuple[Any, ...]], person: MakePerson) -> None:
    with transaction.atomic():
        people = cast(person)
        for what in acts:
            before = standing(people)
            actor = ranked(perform(what, people))
            for pk, (granted, rank) in standing(people).items():
                had, stood = before[pk]
                assert granted - had <= actor.granted, (what, granted - had)
                assert rank <= max(stood, actor.role_priority), what
                if stood > actor.role_priority:
                    assert had <= granted, (what, "took from somebody above")
        transaction.set_rollback(True)
