"""The table every installation begins with, written out here a second time and compared."""

from __future__ import annotations

import pytest

from accounts.models import User
from rbac.actions import create_role, seed_system_roles, update_role
from rbac.models import Role, RoleMapVersion
from rbac.role_map import current_role_map
from rbac.system_roles import SYSTEM_ROLES
from settings_store.models import AuditEvent
from tests.rbac.conftest import MakePerson
from ui.registry import registry

TABLE = """
settings.read           admin manager            operator      viewer
settings.write          admin manager            operator
settings.delete         admin manager
settings.admin          admin
settings.reveal         admin
flags.read              admin manager            operator      viewer
flags.write             admin manager            operator
flags.delete            admin manager
flags.admin             admin
audit.read              admin manager                          viewer
users.read              admin manager supervisor
users.write             admin manager
users.delete            admin manager
users.admin             admin
users.all               admin manager
identities.read         admin
identities.write        admin
roles.read              admin manager
roles.write             admin
roles.delete            admin
roles.admin             admin
permissions.write       admin
models.read             admin manager supervisor operator
models.private          admin                    operator
models.write            admin                    operator
prompts.read            admin manager supervisor operator user
prompts.write           admin manager
prompts.delete          admin manager
chat.use                admin manager supervisor operator user
conversations.oversee   admin         supervisor
conversations.reassign  admin         supervisor
conversations.all       admin
agents.oversee          admin         supervisor
agents.reassign         admin         supervisor
usage.read              admin manager supervisor operator user
usage.all               admin manager            operator
system.read             admin                    operator
"""
EXPECTED = {line.split()[0]: set(line.split()[1:]) for line in TABLE.strip().splitlines()}


def test_the_table_knows_every_permission() -> None:
    assert set(registry.permissions) == set(EXPECTED)


def test_no_role_names_a_permission_nobody_declares() -> None:
    assert {name for role in SYSTEM_ROLES for name in role.permissions} <= set(registry.permissions)


@pytest.mark.parametrize("role", [role.key for role in SYSTEM_ROLES])
def test_each_role_grants_what_the_table_says(role: str, person: MakePerson) -> None:
    user = User.objects.get(pk=person(role).pk)
    assert {name for name in registry.permissions if user.has_perm(name)} == {
        name for name, held_by in EXPECTED.items() if role in held_by
    }


def test_roles_stand_in_their_order(roles: dict[str, Role]) -> None:
    assert [(role.name_key, role.priority) for role in Role.objects.by_rank()] == [
        ("admin", 100),
        ("manager", 80),
        ("supervisor", 60),
        ("operator", 50),
        ("user", 40),
        ("viewer", 20),
        ("guest", 10),
    ]
    assert all(role.is_system and role.group.name == role.name for role in roles.values())


def test_seeding_twice_changes_nothing_and_is_told_once(roles: dict[str, Role]) -> None:
    before, version = (list(Role.objects.values()), AuditEvent.objects.count()), RoleMapVersion.objects.get().version
    seed_system_roles()
    assert (list(Role.objects.values()), AuditEvent.objects.count()) == before
    assert RoleMapVersion.objects.get().version == version
    assert AuditEvent.objects.filter(action="role.created").count() == len(SYSTEM_ROLES)


def test_seeding_keeps_what_was_added_and_restores_what_was_lost(roles: dict[str, Role]) -> None:
    own = create_role(actor=None, name="Own", permissions=["audit.read"])
    viewer = roles["viewer"]
    update_role(
        actor=None,
        role=viewer,
        name=viewer.name,
        description="Changed",
        priority=viewer.priority,
        parent=viewer.parent,
        permissions=["settings.read", "flags.read", "audit.read", "system.read"],
    )
    viewer.group.permissions.filter(codename="audit.read").delete()
    seed_system_roles()
    held = current_role_map()
    assert held.own[viewer.pk] == {"settings.read", "flags.read", "audit.read", "system.read"}
    assert Role.objects.get(pk=viewer.pk).description == "Changed"
    assert held.own[own.pk] <= {"audit.read"}
    # What is put right is told, by nobody.
    event = AuditEvent.objects.filter(target_id=str(viewer.public_id)).latest("sequence")
    assert (event.action, event.actor_id) == ("role.updated", None)
    assert event.after == {"permissions": ["audit.read", "flags.read", "settings.read", "system.read"]}
