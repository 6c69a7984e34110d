from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.utils import timezone

from accounts.actions import create_user, deactivate_user, give_password, update_user
from accounts.models import User
from rbac.actions import assign_role, create_role, revoke_role, seed_system_roles
from rbac.backend import RoleBackend
from rbac.models import Assignment, Role
from settings_store.models import AuditEvent
from tests.rbac.conftest import MakePerson, Roles, make_person


def last_event() -> AuditEvent:
    return AuditEvent.objects.latest("sequence")


def test_assigning_says_who_why_and_until_when(person: MakePerson, roles: Roles) -> None:
    admin, user = person("admin"), person("user")
    until = timezone.now() + timedelta(days=3)
    assignment = assign_role(actor=admin, user=user, role=roles["supervisor"], reason="Stands in", ends_at=until)
    assert (assignment.assigned_by, assignment.reason, assignment.ends_at) == (admin, "Stands in", until)
    assert user.has_perm("conversations.oversee")
    event = last_event()
    assert (event.action, event.actor_id, event.target_id) == ("role.assigned", admin.pk, str(user.public_id))
    assert event.reason == "Stands in"
    assert event.after == {
        "role": "Supervisor",
        "role_id": str(roles["supervisor"].public_id),
        "from": None,
        "until": until.isoformat(),
    }


def test_assigning_the_same_again_does_nothing(person: MakePerson, roles: Roles) -> None:
    admin, user = person("admin"), person("user")
    before = AuditEvent.objects.count()
    assign_role(actor=admin, user=user, role=roles["user"])
    assert AuditEvent.objects.count() == before


def test_assigning_anew_changes_the_dates(person: MakePerson, roles: Roles) -> None:
    admin, user = person("admin"), person("user")
    until = timezone.now() + timedelta(days=1)
    assign_role(actor=admin, user=user, role=roles["user"], ends_at=until)
    assert Assignment.objects.get(user=user, role=roles["user"]).ends_at == until


def test_revoking_and_giving_again(person: MakePerson, roles: Roles) -> None:
    admin, user = person("admin"), person("viewer")
    revoke_role(actor=admin, user=user, role=roles["viewer"], reason="Left the team")
    assert not user.has_perm("audit.read")
    assert (last_event().action, last_event().reason) == ("role.revoked", "Left the team")
    before = AuditEvent.objects.count()
    revoke_role(actor=admin, user=user, role=roles["viewer"])
    assert AuditEvent.objects.count() == before
    assign_role(actor=admin, user=user, role=roles["viewer"])
    assert user.has_perm("audit.read")


@pytest.mark.parametrize("role", ["user", "viewer", "guest"])
def test_a_manager_gives_what_a_manager_has(person: MakePerson, roles: Roles, role: str) -> None:
    user = person()
    assign_role(actor=person("manager"), user=user, role=roles[role])
    assert Assignment.objects.counting().filter(user=user, role=roles[role]).exists()


@pytest.mark.parametrize("role", ["admin", "manager", "supervisor", "operator"])
def test_a_manager_gives_nothing_higher_and_nothing_lacked(person: MakePerson, roles: Roles, role: str) -> None:
    user = person()
    with pytest.raises(PermissionDenied):
        assign_role(actor=person("manager"), user=user, role=roles[role])
    assert not Assignment.objects.filter(user=user).exists()


@pytest.mark.parametrize("role", ["admin", "manager"])
def test_a_manager_does_not_touch_their_equals_or_betters(person: MakePerson, roles: Roles, role: str) -> None:
    manager, other = person("manager"), person(role, "viewer")
    with pytest.raises(PermissionDenied):
        assign_role(actor=manager, user=other, role=roles["guest"])
    with pytest.raises(PermissionDenied):
        revoke_role(actor=manager, user=other, role=roles["viewer"])
    with pytest.raises(ValidationError):
        update_user(actor=manager, user=other, full_name="Somebody else")
    with pytest.raises(ValidationError):
        deactivate_user(actor=manager, user=other)


def test_a_manager_does_not_take_over_a_coming_admin(person: MakePerson, roles: Roles) -> None:
    manager, user = person("manager"), person("user")
    soon = timezone.now() + timedelta(hours=1)
    assign_role(actor=None, user=user, role=roles["admin"], starts_at=soon)
    with pytest.raises(ValidationError, match="rank"):
        give_password(actor=manager, user=user, password="correct horse battery staple")
    with pytest.raises(ValidationError, match="rank"):
        update_user(actor=manager, user=user, email="mine@example.org")
    with pytest.raises(PermissionDenied, match="rank"):
        revoke_role(actor=manager, user=user, role=roles["user"])
    revoke_role(actor=None, user=user, role=roles["admin"])
    update_user(actor=manager, user=user, email="mine@example.org")


def test_nobody_raises_themselves(person: MakePerson, roles: Roles) -> None:
    manager = person("manager")
    for role in roles.values():
        with pytest.raises(PermissionDenied):
            assign_role(actor=manager, user=manager, role=role)


def test_the_sentence_names_what_is_lacking(person: MakePerson, roles: Roles) -> None:
    with pytest.raises(PermissionDenied, match="open the admin"):
        assign_role(actor=person("manager"), user=person(), role=roles["operator"])


def test_an_end_in_the_past_or_before_the_start_is_refused(person: MakePerson, roles: Roles) -> None:
    now = timezone.now()
    for starts_at, ends_at in ((None, now), (now + timedelta(days=2), now + timedelta(days=1))):
        with pytest.raises(ValidationError):
            assign_role(actor=None, user=person(), role=roles["user"], starts_at=starts_at, ends_at=ends_at)


def test_the_newly_registered_become_users(roles: Roles) -> None:
    user = create_user(actor=None, username="nina", email="nina@example.org")
    assert user.has_perm("chat.use")


def test_the_last_admin_stays(person: MakePerson, roles: Roles) -> None:
    admin, manager = person("admin"), person("manager")
    person("admin", is_active=False)
    person("admin", ends_at=timezone.now() + timedelta(days=1))
    with pytest.raises(ValidationError, match="last admin"):
        revoke_role(actor=admin, user=admin, role=roles["admin"])
    with pytest.raises(ValidationError, match="last admin"):
        assign_role(actor=admin, user=admin, role=roles["admin"], ends_at=timezone.now() + timedelta(days=1))
    with pytest.raises(ValidationError):
        deactivate_user(actor=manager, user=admin)
    assert User.objects.get(pk=admin.pk).has_perm("roles.admin")


def test_of_two_admins_one_may_go(person: MakePerson, roles: Roles) -> None:
    first, second = person("admin"), person("admin")
    revoke_role(actor=first, user=second, role=roles["admin"])
    with pytest.raises(ValidationError, match="last admin"):
        revoke_role(actor=None, user=first, role=roles["admin"])


def test_a_break_glass_superuser_counts_as_admin(person: MakePerson, roles: Roles) -> None:
    person(is_superuser=True)
    admin = person("admin")
    revoke_role(actor=admin, user=admin, role=roles["admin"])
    assert not admin.has_perm("roles.admin")


def test_a_change_without_its_trail_does_not_happen(person: MakePerson, roles: Roles) -> None:
    user = person()

    class Undone(Exception):
        pass

    def assign_and_fail() -> None:
        assign_role(actor=None, user=user, role=roles["viewer"])
        raise Undone

    before = AuditEvent.objects.count()
    with pytest.raises(Undone), transaction.atomic():
        assign_and_fail()
    assert AuditEvent.objects.count() == before
    assert not Assignment.objects.filter(user=user).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["revoke", "deactivate"])
def test_two_admins_cannot_take_each_other_away_at_once(act: str, django_db_serialized_rollback: None) -> None:
    seed_system_roles()
    role = Role.objects.get(name_key="admin")
    pair = [make_person("admin"), make_person("admin")]
    barrier = Barrier(2)

    def strike(actor_pk: int, target_pk: int) -> bool:
        try:
            actor, target = RoleBackend().get_user(actor_pk), User.objects.get(pk=target_pk)
            assert actor is not None
            barrier.wait(timeout=10)
            if act == "revoke":
                revoke_role(actor=actor, user=target, role=role)
            else:
                deactivate_user(actor=actor, user=target)
        except (ValidationError, PermissionDenied):
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        struck = list(pool.map(strike, [pair[0].pk, pair[1].pk], [pair[1].pk, pair[0].pk]))
    assert sorted(struck) == [False, True]
    assert len([user for user in User.objects.active() if user.has_perm("roles.admin")]) == 1


def test_a_custom_role_of_the_own_rank_needs_roles_admin(person: MakePerson, roles: Roles) -> None:
    peer = create_role(actor=None, name="Peer", priority=80, permissions=["audit.read"])
    with pytest.raises(PermissionDenied):
        assign_role(actor=person("manager"), user=person(), role=peer)
    assign_role(actor=person("admin"), user=person(), role=peer)
