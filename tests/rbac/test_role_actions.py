from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from accounts.models import User
from rbac.actions import assign_role, create_role, delete_role, revoke_role, update_role
from rbac.models import Role
from rbac.role_map import current_role_map
from settings_store.models import AuditEvent
from tests.rbac.conftest import MakePerson, Roles


def edit(actor: User | None, role: Role, **changes: Any) -> Role:
    role = Role.objects.select_related("parent").get(pk=role.pk)
    facts: dict[str, Any] = {
        "name": role.name,
        "description": role.description,
        "priority": role.priority,
        "parent": role.parent,
        "permissions": current_role_map().own[role.pk],
    }
    return update_role(actor=actor, role=role, **(facts | changes))


@pytest.fixture
def editor(person: MakePerson, roles: Roles) -> User:
    """Somebody of middle rank who may change roles."""
    create_role(
        actor=None,
        name="Editor",
        priority=70,
        parent=roles["user"],
        permissions=["roles.read", "roles.write", "roles.delete", "users.write", "audit.read"],
    )
    return person("editor")


def test_a_role_is_a_group_with_its_permissions(person: MakePerson, roles: Roles) -> None:
    role = create_role(actor=person("admin"), name="Reader", description="Reads", permissions=["audit.read"])
    assert role.group.name == "Reader"
    assert list(role.group.permissions.values_list("codename", flat=True)) == ["audit.read"]
    event = AuditEvent.objects.latest("sequence")
    assert event.action == "role.created"
    assert event.after == {
        "name": "Reader",
        "description": "Reads",
        "priority": 10,
        "parent": None,
        "requires_factor": False,
        "permissions": ["audit.read"],
    }


def test_a_name_is_taken_however_it_is_written(person: MakePerson, roles: Roles) -> None:
    for name in ("Admin", "ADMIN", "ａｄｍｉｎ"):
        with pytest.raises(ValidationError, match="already"):
            create_role(actor=None, name=name)


def test_the_name_of_a_stray_group_is_taken(roles: Roles) -> None:
    Group.objects.create(name="Stray")
    with pytest.raises(ValidationError, match="group of this name"):
        create_role(actor=None, name="stray")
    role = create_role(actor=None, name="Own")
    with pytest.raises(ValidationError, match="group of this name"):
        edit(None, role, name="Stray")
    assert edit(None, role, name="OWN").name == "OWN"


def test_unknown_permissions_are_refused(roles: Roles) -> None:
    with pytest.raises(ValidationError, match="does not exist"):
        create_role(actor=None, name="Odd", permissions=["everything.forever"])


def test_an_edit_is_told_with_what_changed_alone(person: MakePerson, roles: Roles) -> None:
    role = create_role(actor=None, name="Reader", permissions=["audit.read"])
    edit(person("admin"), role, permissions=["audit.read", "usage.read"])
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.before, event.after) == (
        "role.updated",
        {"permissions": ["audit.read"]},
        {"permissions": ["audit.read", "usage.read"]},
    )


def test_an_edit_that_changes_nothing_is_none(person: MakePerson, roles: Roles) -> None:
    before = AuditEvent.objects.count()
    edit(person("admin", "admin"), roles["viewer"])
    assert AuditEvent.objects.filter(action="role.updated").count() == 0
    assert AuditEvent.objects.count() == before + 1  # the admin's own assignment


def test_renaming_renames_the_group(roles: Roles) -> None:
    role = edit(None, create_role(actor=None, name="Old"), name="New")
    assert role.name_key == "new"
    assert Group.objects.filter(name="New", role=role).exists()


def test_nobody_puts_into_a_role_what_they_lack(editor: User, roles: Roles) -> None:
    with pytest.raises(PermissionDenied, match="cannot give"):
        create_role(actor=editor, name="More", permissions=["settings.write"])
    own = create_role(actor=editor, name="Less", permissions=["audit.read"])
    with pytest.raises(PermissionDenied, match="cannot give"):
        edit(editor, own, permissions=["settings.write"])
    with pytest.raises(PermissionDenied, match="cannot give"):
        edit(editor, own, priority=60, parent=roles["operator"])
    with pytest.raises(PermissionDenied, match="cannot give"):
        create_role(actor=editor, name="Heir", priority=60, parent=roles["supervisor"])


def test_nobody_makes_or_changes_a_role_of_their_rank_or_above(editor: User, roles: Roles) -> None:
    for priority in (70, 71, 100):
        with pytest.raises(PermissionDenied, match="rank reaches"):
            create_role(actor=editor, name="Peer", priority=priority)
    with pytest.raises(PermissionDenied, match="rank reaches"):
        edit(editor, roles["manager"], description="Mine now")
    low = create_role(actor=editor, name="Low", priority=10)
    with pytest.raises(PermissionDenied, match="rank reaches"):
        edit(editor, low, priority=90)


def test_nothing_is_taken_from_a_role_that_betters_inherit(editor: User, roles: Roles) -> None:
    base = create_role(actor=None, name="Base", priority=20, permissions=["audit.read", "usage.read"])
    create_role(actor=None, name="High", priority=90, parent=base)
    with pytest.raises(PermissionDenied, match="inherits"):
        edit(editor, base, permissions=["audit.read"])
    edit(editor, base, permissions=["audit.read", "usage.read", "chat.use"])


def test_a_system_role_keeps_its_core_and_its_place(person: MakePerson, roles: Roles) -> None:
    admin = person("admin")
    with pytest.raises(ValidationError, match="cannot be taken"):
        edit(admin, roles["viewer"], permissions=["audit.read"])
    with pytest.raises(ValidationError, match="stay as they are"):
        edit(admin, roles["viewer"], priority=30)
    with pytest.raises(ValidationError, match="stay as they are"):
        edit(admin, roles["viewer"], name="Onlooker")
    with pytest.raises(ValidationError, match="system role"):
        delete_role(actor=admin, role=roles["viewer"])
    edit(admin, roles["viewer"], permissions=["audit.read", "settings.read", "flags.read", "usage.read"])
    assert person("viewer").has_perm("usage.read")


def test_inheritance_goes_down_and_in_no_circle(roles: Roles) -> None:
    low = create_role(actor=None, name="Low", priority=20)
    same = create_role(actor=None, name="Same", priority=20, parent=low)
    with pytest.raises(ValidationError, match="itself"):
        edit(None, low, parent=same)
    with pytest.raises(ValidationError, match="itself"):
        edit(None, low, parent=low)
    with pytest.raises(ValidationError, match="lower priority"):
        edit(None, low, parent=roles["operator"])
    with pytest.raises(ValidationError, match="lower priority"):
        edit(None, low, priority=30)


def test_deleting_takes_role_and_group(person: MakePerson, roles: Roles) -> None:
    role = create_role(actor=None, name="Brief", permissions=["audit.read"])
    user = person("brief")
    admin = person("admin")
    with pytest.raises(ValidationError, match="People hold"):
        delete_role(actor=admin, role=role)
    revoke_role(actor=admin, user=user, role=role)
    delete_role(actor=admin, role=role)
    assert not Group.objects.filter(name="Brief").exists()
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.target_name, event.target_id) == ("role.deleted", "Brief", str(role.public_id))


def test_a_role_still_to_begin_or_inherited_is_not_deleted(person: MakePerson, roles: Roles) -> None:
    role = create_role(actor=None, name="Soon")
    assign_role(actor=None, user=person(), role=role, starts_at=timezone.now() + timedelta(days=1))
    with pytest.raises(ValidationError, match="People hold"):
        delete_role(actor=None, role=role)
    base = create_role(actor=None, name="Base")
    create_role(actor=None, name="Heir", parent=base)
    with pytest.raises(ValidationError, match="Heir"):
        delete_role(actor=None, role=base)
