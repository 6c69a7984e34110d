from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.test import Client
from django.utils.functional import SimpleLazyObject
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from rbac import role_map
from rbac.actions import assign_role, create_role, revoke_role, update_role
from rbac.backend import RoleBackend, ranked
from rbac.models import Assignment, Role
from tests.rbac.conftest import MakePerson
from ui.registry import registry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def reloaded(user: User) -> User:
    loaded = RoleBackend().get_user(user.pk)
    assert loaded is not None
    return loaded


def test_person_and_first_check_are_one_query(
    person: MakePerson, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = person("user", "viewer")
    reloaded(user)
    with django_assert_num_queries(1):
        fresh = RoleBackend().get_user(user.pk)
        assert fresh is not None
        assert fresh.has_perm("chat.use")
        assert fresh.has_perm("audit.read")
        assert not fresh.has_perm("roles.write")


def test_everything_about_the_person_is_loaded(person: MakePerson) -> None:
    user = person("user", full_name="Ana Ruiz", preferences={"theme": "dark"})
    fresh = reloaded(user)
    plain = User.objects.get(pk=user.pk)
    assert {f.attname: getattr(fresh, f.attname) for f in User._meta.concrete_fields} == {
        f.attname: getattr(plain, f.attname) for f in User._meta.concrete_fields
    }
    assert fresh.get_deferred_fields() == set()


def test_a_person_loaded_elsewhere_has_the_same_rights(person: MakePerson) -> None:
    user = User.objects.get(pk=person("operator").pk)
    assert user.has_perm("models.write")
    assert not user.has_perm("users.read")


def test_unknown_ids_load_nobody(db: None) -> None:
    assert RoleBackend().get_user(2**62) is None


def test_many_people_are_one_query_as_well(
    person: MakePerson, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user, viewer, away = person("user"), person("viewer"), person("user", is_active=False)
    reloaded(user)
    with django_assert_num_queries(1):
        people = RoleBackend().get_users({user.pk, viewer.pk, away.pk, 2**62})
        assert {each.pk for each in people} == {user.pk, viewer.pk}
        assert {each.pk for each in people if each.has_perm("chat.use")} == {user.pk}
    assert RoleBackend().get_users([]) == []


def test_nobody_has_rights_without_a_role(person: MakePerson) -> None:
    user = person()
    assert not any(user.has_perm(name) for name in registry.permissions)
    assert user.get_all_permissions() == set()


def test_the_deactivated_have_none_and_are_not_loaded(person: MakePerson) -> None:
    user = person("admin")
    user.is_active = False
    user.save(update_fields=["is_active"])
    assert RoleBackend().get_user(user.pk) is None
    assert not User.objects.get(pk=user.pk).has_perm("settings.read")


def test_djangos_names_come_with_those_of_the_house(person: MakePerson) -> None:
    user = reloaded(person("manager"))
    assert user.has_perm("rbac.view_role")
    assert user.has_perm("accounts.change_user")
    assert not user.has_perm("rbac.change_role")
    assert user.has_module_perms("rbac")
    assert not user.has_module_perms("auth.permission")


def test_groups_and_user_permissions_of_django_grant_nothing(person: MakePerson, roles: dict[str, Role]) -> None:
    user = person("guest")
    user.groups.add(roles["admin"].group)
    user.user_permissions.set(Permission.objects.all())
    assert not reloaded(user).has_perm("settings.read")
    assert not reloaded(user).has_perm("rbac.view_role")


def test_a_superuser_is_an_admin_and_no_more(person: MakePerson, roles: dict[str, Role]) -> None:
    user = reloaded(person(is_superuser=True))
    assert all(user.has_perm(name) for name in registry.permissions)
    assert not user.has_perm("anything.at_all")
    assert user.role_priority == 100  # type: ignore[attr-defined]  # put there by the backend
    assert roles["admin"].pk in user.role_ids  # type: ignore[attr-defined]


def test_rights_are_never_on_one_object(person: MakePerson) -> None:
    admin = person("admin")
    assert not admin.has_perm("users.read", person("user"))


def test_assignments_count_from_their_start_to_their_end(person: MakePerson, roles: dict[str, Role]) -> None:
    user = person()
    with time_machine.travel(NOW, tick=False) as clock:
        assign_role(
            actor=None,
            user=user,
            role=roles["viewer"],
            starts_at=NOW + timedelta(hours=1),
            ends_at=NOW + timedelta(hours=2),
        )
        seen = []
        for minutes in (59, 1, 59, 1):
            clock.shift(timedelta(minutes=minutes))
            seen.append(reloaded(user).has_perm("audit.read"))
    assert seen == [False, True, True, False]


def test_an_inactive_assignment_does_not_count(person: MakePerson) -> None:
    user = person("viewer")
    Assignment.objects.filter(user=user).update(is_active=False)
    assert not reloaded(user).has_perm("audit.read")


def test_a_role_edited_elsewhere_counts_at_the_next_load(person: MakePerson, roles: dict[str, Role]) -> None:
    user = person("viewer")
    assert not reloaded(user).has_perm("usage.read")
    update_role(
        actor=None,
        role=roles["viewer"],
        name="Viewer",
        description="",
        priority=20,
        parent=roles["guest"],
        permissions={"settings.read", "flags.read", "audit.read", "usage.read"} & registry.permissions.keys(),
    )
    assert reloaded(user).has_perm("usage.read")


def test_parents_grant_to_those_below_them(person: MakePerson, roles: dict[str, Role]) -> None:
    create_role(actor=None, name="Reader", priority=30, parent=roles["viewer"], permissions=["usage.read"])
    user = reloaded(person("reader"))
    assert user.has_perm("audit.read")
    assert user.has_perm("usage.read")


def test_an_edit_rolled_back_leaves_no_trace(person: MakePerson, roles: dict[str, Role]) -> None:
    user = person("guest")

    class Undone(Exception):
        pass

    def widen_guest() -> None:
        update_role(
            actor=None,
            role=roles["guest"],
            name="Guest",
            description="",
            priority=10,
            parent=None,
            permissions=["system.read"],
        )
        assert reloaded(user).has_perm("system.read")
        raise Undone

    with pytest.raises(Undone), transaction.atomic():
        widen_guest()
    assert not reloaded(user).has_perm("system.read")
    # Nor may the next edit be taken for the one that never was.
    create_role(actor=None, name="Other", permissions=["usage.read"])
    assert not reloaded(user).has_perm("system.read")


def test_the_map_is_read_once_for_many_people(
    person: MakePerson, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    people = [person("user") for _ in range(5)]
    held = role_map.current_role_map()
    with django_assert_num_queries(5):
        for user in people:
            reloaded(user)
    assert role_map.current_role_map() is held


def test_a_permission_that_left_the_code_grants_nothing(person: MakePerson, roles: dict[str, Role]) -> None:
    holder = Permission.objects.get(codename="usage.read").content_type
    gone = Permission.objects.create(content_type=holder, codename="gone.read", name="Gone")
    with transaction.atomic(), role_map.changing_roles():
        roles["guest"].group.permissions.add(gone)
    assert not reloaded(person("guest")).has_perm("gone.read")


def test_revoking_counts_at_the_next_request(person: MakePerson, roles: dict[str, Role], client: Client) -> None:
    user = person("manager")
    client.force_login(user)
    assert client.get("/roles/").status_code == 200
    revoke_role(actor=None, user=user, role=roles["manager"])
    assert client.get("/roles/").status_code == 403


def test_an_empty_house_has_no_rights(db: None) -> None:
    """Before the first `init` there is neither a role nor a version of them."""
    Group.objects.all().delete()
    user = User.objects.create(username="early", email="early@example.org")
    assert not reloaded(user).has_perm("settings.read")


def test_the_user_of_a_request_is_not_read_again(
    person: MakePerson, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = RoleBackend().get_user(person("viewer").pk)
    assert user is not None
    request = SimpleLazyObject(lambda: RoleBackend().get_user(user.pk))
    with django_assert_num_queries(1):
        assert ranked(request).role_priority == 20  # type: ignore[arg-type]  # what middleware puts on a request
        assert request.has_perm("settings.read")
