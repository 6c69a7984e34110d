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


def test_nothing_is_changed_in_what_a_role_grants_that_betters_inherit(editor: User, roles: Roles) -> None:
    base = create_role(actor=None, name="Base", priority=20, permissions=["audit.read", "usage.read"])
    create_role(actor=None, name="High", priority=90, parent=base)
    with pytest.raises(PermissionDenied, match="inherits"):
        edit(editor, base, permissions=["audit.read"])
    with pytest.raises(PermissionDenied, match="inherits"):
        edit(editor, base, permissions=["audit.read", "usage.read", "chat.use"])
    with pytest.raises(PermissionDenied, match="inherits"):
        edit(editor, base, requires_factor=True)
    assert edit(editor, base, description="Words alone").description == "Words alone"


def test_nothing_is_taken_from_somebody_beyond_reach(editor: User, person: MakePerson, roles: Roles) -> None:
    low = create_role(actor=None, name="Low", priority=20, permissions=["audit.read", "usage.read"])
    person("low", "manager")
    assign_role(actor=None, user=editor, role=low)
    # A manager keeps both anyhow, and the editor is nobody above the editor.
    edit(editor, low, permissions=["usage.read"])
    edit(None, low, permissions=["audit.read", "usage.read"])
    create_role(actor=None, name="Tall", priority=90)
    tall = person("low", "tall")
    with pytest.raises(PermissionDenied, match="Somebody beyond your reach would lose something"):
        edit(editor, low, permissions=["usage.read"])
    edit(editor, low, permissions=["audit.read", "usage.read", "chat.use"])
    revoke_role(actor=None, user=tall, role=low)
    edit(editor, low, permissions=[])


def test_what_was_only_inherited_is_given_by_nobody_who_lacks_it(editor: User, roles: Roles) -> None:
    base = create_role(actor=None, name="Base", priority=10, permissions=["settings.read"])
    heir = create_role(actor=None, name="Heir", priority=20, parent=base)
    edit(editor, heir, description="Words alone")
    with pytest.raises(PermissionDenied, match="cannot give"):
        edit(editor, heir, permissions=["settings.read"])


def test_rights_are_read_anew_behind_the_lock(editor: User, roles: Roles) -> None:
    low = create_role(actor=None, name="Low", priority=10, permissions=["chat.use"])
    assert editor.has_perm("roles.write")
    # Somebody takes them while the editor's request is on its way; the object still knows them.
    revoke_role(actor=None, user=User.objects.get(pk=editor.pk), role=Role.objects.get(name="Editor"))
    assert editor.has_perm("roles.write")
    with pytest.raises(PermissionDenied, match="no longer have the permission roles:write"):
        edit(editor, low, permissions=[])
    with pytest.raises(PermissionDenied, match="roles:write"):
        create_role(actor=editor, name="New")
    with pytest.raises(PermissionDenied, match="roles:delete"):
        delete_role(actor=editor, role=low)


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


def test_an_edit_on_an_older_state_is_refused(roles: Roles) -> None:
    role = create_role(actor=None, name="Reader", permissions=["audit.read"])
    seen = role.version
    edit(None, role, description="Theirs", version=seen)
    with pytest.raises(ValidationError) as refusal:
        edit(None, role, description="Mine", version=seen)
    assert refusal.value.code == "stale"
    # The very same twice is one edit.
    assert edit(None, role, description="Theirs", version=seen).version == seen + 1
    assert Role.objects.get(pk=role.pk).description == "Theirs"


def test_what_was_deleted_meanwhile_is_said(roles: Roles) -> None:
    gone, role = create_role(actor=None, name="Gone"), create_role(actor=None, name="Reader")
    delete_role(actor=None, role=Role.objects.get(pk=gone.pk))
    with pytest.raises(ValidationError, match="gone"):
        edit(None, role, parent=gone)
    with pytest.raises(ValidationError, match="gone"):
        create_role(actor=None, name="Heir", parent=gone)
    with pytest.raises(ValidationError, match="gone"):
        delete_role(actor=None, role=gone)
    facts = {"name": "Gone", "description": "", "priority": 10, "parent": None, "permissions": []}
    with pytest.raises(ValidationError, match="gone"):
        update_role(actor=None, role=gone, **facts)  # type: ignore[arg-type]  # the facts of a role are of many types


def test_no_name_passes_for_that_of_another_role(roles: Roles) -> None:
    alike = ("ᴀdmin", "ᴀᴅᴍɪɴ", "ꓮdmin", "Ꭺdmin", "ᶏdmin", "ⲁdmin")
    for name in ("Аdmin", "Ad\u3164min", "Admin\u2800", "Ad min", *alike):
        with pytest.raises(ValidationError):
            create_role(actor=None, name=name)
    role = create_role(actor=None, name="Own")
    with pytest.raises(ValidationError, match="looks like"):
        edit(None, role, name="A d m i n")
    # A name from before this rule stays until somebody changes it.
    Role.objects.filter(pk=role.pk).update(name="Vie wer", name_key="vie wer")
    assert edit(None, role, description="Older").description == "Older"
