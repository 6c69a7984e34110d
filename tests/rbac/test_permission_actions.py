"""Permissions of other programs: what they may be called, who has them when, and that none is ever one of the house."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from rbac.actions import assign_role, create_role, revoke_role, seed_system_roles, update_role
from rbac.actions.permission import (
    MOST,
    change_permission,
    declare_permission,
    delete_permission,
    holding_roles,
    people_holding,
)
from rbac.backend import RoleBackend
from rbac.models import CustomPermission, Role, RoleMapVersion
from rbac.permission_names import clean_permission_name, known_name
from rbac.role_map import changing_roles, current_role_map
from settings_store.models import AuditEvent
from tests.rbac.conftest import MakePerson, Roles
from ui import registry as registry_module
from ui.registry import registry

NAME, CODE = "document:create", "document.create"


def declare(name: str = NAME, label: str = "Create documents", program: str = "archive") -> CustomPermission:
    return declare_permission(actor=None, name=name, label=label, program=program)[0]


def may(user: User, code: str = CODE) -> bool:
    """Whether their next request would find that they may."""
    loaded = RoleBackend().get_user(user.pk)
    return loaded is not None and loaded.has_perm(code)


def last_events(number: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.order_by("-sequence")[:number])[::-1]


def test_a_declared_permission_is_held_by_admins_at_once_and_by_nobody_else(person: MakePerson) -> None:
    people = {key: person(key) for key in ("admin", "manager", "guest")} | {"chief": person(is_superuser=True)}
    assert not any(may(user) for user in people.values())
    row = declare()
    assert {key for key, user in people.items() if may(user)} == {"admin", "chief"}
    assert (str(row), row.name, row.permission.codename, row.permission.name) == (NAME, CODE, CODE, "Create documents")
    known = current_role_map().known[CODE]
    assert (str(known), known.label, known.program, known.django) == (NAME, "Create documents", "archive", ())
    event = last_events(1)[0]
    assert (event.action, event.target_type, event.target_name) == (
        "permission.declared",
        "rbac.custompermission",
        NAME,
    )
    assert event.after == {"name": NAME, "label": "Create documents", "program": "archive"}


def test_it_follows_assignment_expiry_revocation_and_edits_at_the_next_request(
    person: MakePerson, roles: Roles
) -> None:
    declare()
    role = create_role(actor=None, name="Archivist", permissions=[CODE])
    child = create_role(actor=None, name="Head archivist", priority=20, parent=role)
    user = person()
    assign_role(actor=None, user=user, role=child)
    assert may(user)
    revoke_role(actor=None, user=user, role=child)
    assert not may(user)
    assignment = assign_role(actor=None, user=user, role=role, ends_at=timezone.now() + timedelta(hours=1))
    assert may(user)
    type(assignment).objects.filter(pk=assignment.pk).update(ends_at=timezone.now())
    assert not may(user)
    assign_role(actor=None, user=user, role=role)
    update_role(
        actor=None, role=role, name="Archivist", description="", priority=10, parent=None, permissions=["chat.use"]
    )
    assert not may(user)


def test_nobody_gives_one_that_they_lack(person: MakePerson) -> None:
    declare()
    writer = create_role(actor=None, name="Writer", priority=70, permissions=["roles.write", "audit.read"])
    user = person()
    assign_role(actor=None, user=user, role=writer)
    with pytest.raises(PermissionDenied, match="cannot give what you do not have yourself: Create documents"):
        create_role(actor=user, name="Archivist", permissions=[CODE])


def test_declared_twice_it_is_refused_and_again_it_is_renewed(roles: Roles) -> None:
    row = declare()
    with pytest.raises(ValidationError, match="already"):
        declare()
    before, version = AuditEvent.objects.count(), RoleMapVersion.objects.get().version
    same = declare_permission(actor=None, name=NAME, label="Create documents", program="archive", again=True)
    assert same == (row, False)
    assert (AuditEvent.objects.count(), RoleMapVersion.objects.get().version) == (before, version)
    renewed, is_new = declare_permission(actor=None, name=NAME, label="create documents", again=True)
    assert (renewed, is_new, renewed.program) == (row, False, "")
    event = last_events(1)[0]
    assert event.action == "permission.changed"
    assert event.before == {"label": "Create documents", "program": "archive"}
    assert event.after == {"label": "create documents", "program": ""}


def test_changing_words_changes_no_right(person: MakePerson, roles: Roles) -> None:
    row = declare()
    create_role(actor=None, name="Archivist", permissions=[CODE])
    user = person("archivist")
    change_permission(actor=None, permission=row, label="Write documents", program="")
    assert may(user)
    assert current_role_map().known[CODE].label == "Write documents"
    assert Permission.objects.get(codename=CODE).name == "Write documents"
    count = AuditEvent.objects.count()
    change_permission(actor=None, permission=row, label="Write documents", program="")
    assert AuditEvent.objects.count() == count
    CustomPermission.objects.all().delete()
    with pytest.raises(ValidationError, match="deleted this permission"):
        change_permission(actor=None, permission=row, label="x", program="")


def test_deleting_takes_it_from_every_role_and_tells_each(person: MakePerson, roles: Roles) -> None:
    row = declare()
    role = create_role(actor=None, name="Archivist", permissions=[CODE, "audit.read"])
    create_role(actor=None, name="Head archivist", priority=20, parent=role)
    people = [person("archivist"), person("head archivist"), person("archivist", is_active=False)]
    person("admin")
    assert list(holding_roles(row)) == [role]
    assert people_holding(row) == 2, "neither the deactivated nor admins"
    with pytest.raises(ValidationError, match="held by 1 role") as refusal:
        delete_permission(actor=None, permission=row, roles=0)
    assert refusal.value.code == "held"
    assert may(people[0])
    delete_permission(actor=None, permission=row, roles=1)
    assert not any(may(user) for user in people)
    assert current_role_map().own[role.pk] == {"audit.read"}
    assert not Permission.objects.filter(codename=CODE).exists()
    assert Role.objects.get(pk=role.pk).version == role.version + 1
    deleted, updated = last_events(2)
    assert (deleted.action, deleted.target_name) == ("permission.deleted", NAME)
    assert deleted.before is not None
    assert deleted.before["roles"] == ["Archivist"]
    assert (updated.action, updated.target_id) == ("role.updated", str(role.public_id))
    assert (updated.before, updated.after) == (
        {"permissions": ["audit.read", CODE]},
        {"permissions": ["audit.read"]},
    )
    count = AuditEvent.objects.count()
    delete_permission(actor=None, permission=row)
    assert AuditEvent.objects.count() == count, "who comes second finds nothing to do"
    declare()
    assert not may(people[0]), "declared anew, it is in no role"


def test_it_is_not_taken_from_roles_beyond_reach(person: MakePerson, roles: Roles) -> None:
    row = declare()
    low = create_role(actor=None, name="Low", priority=20, permissions=[CODE])
    create_role(actor=None, name="Declarer", priority=50, permissions=["permissions.write"])
    user = person("declarer")
    high = create_role(actor=None, name="High", priority=90, parent=low)
    with pytest.raises(PermissionDenied, match="beyond your reach"):
        delete_permission(actor=user, permission=row)
    assert may(person("high"))
    update_role(actor=None, role=high, name="High", description="", priority=90, parent=None, permissions=[])
    delete_permission(actor=user, permission=row)
    assert not CustomPermission.objects.exists()


def test_nobody_beyond_reach_loses_it_nor_is_told_otherwise_what_they_hold(person: MakePerson, roles: Roles) -> None:
    row = declare()
    create_role(actor=None, name="Low", priority=20, permissions=[CODE])
    create_role(actor=None, name="Declarer", priority=50, permissions=["permissions.write"])
    user, manager = person("declarer"), person("low", "manager")
    with pytest.raises(PermissionDenied, match="Somebody beyond your reach would lose"):
        delete_permission(actor=user, permission=row)
    assert may(manager)
    change_permission(actor=user, permission=row, label="Write documents", program="archive")
    create_role(actor=None, name="High", priority=90, permissions=[CODE])
    with pytest.raises(PermissionDenied, match="it stays as it is"):
        change_permission(actor=user, permission=row, label="Shred documents", program="archive")
    with pytest.raises(PermissionDenied, match="it stays as it is"):
        declare_permission(actor=user, name=NAME, label="Shred documents", program="archive", again=True)
    assert declare_permission(actor=user, name=NAME, label="Write documents", program="archive", again=True)


def test_rights_are_read_anew_behind_the_lock(person: MakePerson, roles: Roles) -> None:
    row = declare()
    role = create_role(actor=None, name="Declarer", priority=50, permissions=["permissions.write"])
    user = person("declarer")
    assert user.has_perm("permissions.write")
    revoke_role(actor=None, user=User.objects.get(pk=user.pk), role=role)
    with pytest.raises(PermissionDenied, match="permissions:write"):
        delete_permission(actor=user, permission=row)
    with pytest.raises(PermissionDenied, match="permissions:write"):
        declare_permission(actor=user, name="document:shred", label="Shred documents")
    with pytest.raises(PermissionDenied, match="permissions:write"):
        change_permission(actor=user, permission=row, label="x", program="")


def test_what_only_admins_hold_anybody_who_declares_may_delete(person: MakePerson) -> None:
    row = declare()
    create_role(actor=None, name="Declarer", priority=50, permissions=["permissions.write"])
    delete_permission(actor=person("declarer"), permission=row, roles=0)
    assert not CustomPermission.objects.exists()


def test_there_is_an_end_to_their_number(roles: Roles) -> None:
    holder = ContentType.objects.get_for_model(CustomPermission)
    rows = [Permission(content_type=holder, codename=f"r.a{number}", name="x") for number in range(MOST)]
    Permission.objects.bulk_create(rows)
    CustomPermission.objects.bulk_create([CustomPermission(permission=row, name=row.codename) for row in rows])
    with pytest.raises(ValidationError, match="500 permissions of other programs"):
        declare()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ":",
        "document",
        "document:",
        ":create",
        "document:create:all",
        "document.create",
        "Document:create",
        "document:Create",
        "document create",
        " document:create",
        "document:create\n",
        "1document:create",
        "_document:create",
        "document:-create",
        "docum\u0435nt:create",
        "d\u00f6cument:create",
        "document\uff1acreate",
        "document:cre\u200bate",
        "document:create\x00",
        "\ud800:create",
        "d" * 41 + ":create",
        "document:" + "c" * 41,
        "document/../rbac:create",
        "<b>:create",
    ],
)
def test_an_odd_name_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        clean_permission_name(name)
    assert len(refusal.value.messages) == 1
    assert "resource:action, such as document:create" in refusal.value.messages[0]
    assert known_name(name) == ""


def test_the_longest_name_fits(roles: Roles) -> None:
    name = f"{'d' * 40}:{'c' * 40}"
    assert declare(name).name == name.replace(":", ".")


@pytest.mark.parametrize("resource", ["settings", "roles", "rbac", "auth", "accounts", "admin", "django_htmx"])
def test_words_of_the_house_and_of_django_are_refused(resource: str) -> None:
    with pytest.raises(ValidationError, match=f"“{resource}” is a word of Gatehouse itself"):
        clean_permission_name(f"{resource}:create")


@given(st.from_regex(r"[a-z_:.]{1,30}", fullmatch=True) | st.text(max_size=30))
def test_no_name_that_passes_is_one_of_django_or_of_the_house(text: str) -> None:
    try:
        name = clean_permission_name(text)
    except ValidationError:
        return
    resource = name.partition(".")[0]
    assert resource not in {config.label for config in apps.get_app_configs()}
    assert resource not in {permission.resource for permission in registry.permissions.values()}
    assert text == name.replace(".", ":")


def brought_in(name: str) -> CustomPermission:
    """One whose name no form would take, as a later release or a hand in the database would bring it about."""
    holder = ContentType.objects.get_for_model(CustomPermission)
    with transaction.atomic(), changing_roles():
        row = Permission.objects.create(content_type=holder, codename=name, name="x")
        return CustomPermission.objects.create(permission=row, name=name, label="x", program="archive")


def test_none_satisfies_a_permission_of_django_or_of_the_house_whatever_stands_in_the_database(
    person: MakePerson, roles: Roles
) -> None:
    """Every name that Django or the house asks for, given to a role by the row of another program: nothing comes."""
    asked = {
        f"{row['content_type__app_label']}.{row['codename']}"
        for row in Permission.objects.exclude(content_type__app_label="rbac", codename__contains=".").values(
            "content_type__app_label", "codename"
        )
    }
    asked |= set(registry.permissions) | {name for each in registry.permissions.values() for name in each.django}
    rows = [brought_in(name) for name in sorted(asked)]
    with transaction.atomic(), changing_roles():
        roles["guest"].group.permissions.set([row.permission for row in rows])
    user = RoleBackend().get_user(person("guest").pk)
    assert user is not None
    assert len(asked) > 100
    assert user.get_all_permissions() == set()
    assert [name for name in asked if user.has_perm(name)] == []
    assert not any(user.has_module_perms(config.label) for config in apps.get_app_configs())
    assert not user.is_staff


def test_a_later_release_that_declares_the_name_wins(
    person: MakePerson, roles: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = declare()
    role = create_role(actor=None, name="Archivist", permissions=[CODE])
    user, manager = person("archivist"), person("manager")
    assert may(user)
    house = registry_module.Permission(CODE, "Create documents of the house")
    monkeypatch.setitem(registry.permissions, CODE, house)
    with transaction.atomic(), changing_roles():
        pass
    assert not may(user)
    assert CODE not in current_role_map().permissions(role.pk)
    assert current_role_map().known[CODE] is house
    assert people_holding(row) == 0
    # The role may be given the house's, and then holds it until the other one is deleted, and after.
    update_role(actor=None, role=role, name="Archivist", description="", priority=10, parent=None, permissions=[CODE])
    assert may(user)
    assert not may(manager)
    delete_permission(actor=None, permission=row)
    assert may(user)


def test_seeding_gives_a_role_the_permission_of_the_house_beside_another_program_s(
    person: MakePerson, roles: Roles
) -> None:
    with transaction.atomic(), changing_roles():
        roles["viewer"].group.permissions.remove(Permission.objects.get(codename="audit.read"))
        roles["viewer"].group.permissions.add(brought_in("audit.read").permission)
    user = person("viewer")
    assert not may(user, "audit.read")
    seed_system_roles()
    assert may(user, "audit.read")
