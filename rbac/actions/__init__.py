"""Every change of roles and of who holds them."""

from rbac.actions.assignment import assign_role, give_default_role, revoke_role
from rbac.actions.invitation import invite
from rbac.actions.role import create_role, delete_role, update_role
from rbac.actions.seeding import seed_system_roles

__all__ = [
    "assign_role",
    "create_role",
    "delete_role",
    "give_default_role",
    "invite",
    "revoke_role",
    "seed_system_roles",
    "update_role",
]
