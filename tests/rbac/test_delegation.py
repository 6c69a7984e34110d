"""No sequence of allowed acts gives anyone a permission that whoever acted did not hold; see `delegation`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from accounts.models import IdentityProvider, User
from rbac.actions import create_role
from rbac.backend import RoleBackend
from rbac.models import Assignment, ClaimRole, Role
from rbac.role_map import changing_roles
from tests.factories import make_user
from tests.rbac.delegation import Act, House, Tally, acts, check, facts, houses, prepare, run

CASES = 60
TRIED = Act(kind="assign", actor=1, person=2, role=0, parent=0, priority=5, names=(), flag=True, value="staff")


@pytest.fixture
def prepared(db: None) -> None:
    prepare()


@pytest.mark.usefixtures("prepared")
def test_nobody_gains_what_the_actor_lacked() -> None:
    tally = Tally()

    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(house=houses, tried=acts())
    def cases(house: House, tried: list[Act]) -> None:
        run(house, tried, tally)

    cases()
    assert tally.cases >= CASES
    # What is always refused proves nothing.
    assert sum(tally.done.values()) > CASES // 2
    assert sum(tally.refused.values()) > CASES


def hold(user: User, key: str) -> None:
    Assignment.objects.create(user=user, role=Role.objects.get(name_key=key))


def give_what_is_lacked() -> None:
    hold(User.objects.get(username="low"), "viewer")


def promise_what_is_lacked() -> None:
    person = User.objects.get(username="low")
    Assignment.objects.create(user=person, role=Role.objects.get(name_key="viewer"), is_active=False)


def let_claims_give_it() -> None:
    provider = IdentityProvider.objects.get()
    ClaimRole.objects.create(provider=provider, value="staff", role=Role.objects.get(name_key="viewer"))


def take_from_above() -> None:
    Assignment.objects.filter(user__username="high").delete()


def move_somebody_above() -> None:
    User.objects.filter(username="high").update(supervisor=User.objects.get(username="low"))


def change_a_role_above() -> None:
    with changing_roles():
        Role.objects.filter(name_key="above").update(requires_factor=True)


def make_a_role_above() -> None:
    create_role(actor=None, name="Further above", priority=90)


def close_a_circle() -> None:
    low = User.objects.get(username="low")
    User.objects.filter(pk=low.pk).update(supervisor=low)


def leave_no_admin() -> None:
    Assignment.objects.filter(role__system_key="admin").update(is_active=False)


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize(
    "behind_the_back",
    [
        give_what_is_lacked,
        promise_what_is_lacked,
        let_claims_give_it,
        take_from_above,
        move_somebody_above,
        change_a_role_above,
        make_a_role_above,
        close_a_circle,
        leave_no_admin,
    ],
)
def test_what_must_not_come_about_is_noticed(behind_the_back: Callable[[], None]) -> None:
    """Done past the rules, each of these is named; else the cases above would prove nothing."""
    create_role(actor=None, name="Above", priority=85)
    create_role(actor=None, name="Clerk", priority=70, permissions=["users.write", "chat.use"])
    make_user(role="admin", username="first")
    make_user(role="above", username="high")
    make_user(role="user", username="low")
    actor = RoleBackend().get_user(make_user(role="clerk").pk)
    assert actor is not None
    before = facts()
    check(TRIED, actor, before, facts(), was_done=True)
    behind_the_back()
    after = facts()
    with pytest.raises(AssertionError):
        check(TRIED, actor, before, after, was_done=True)
