"""Every change of roles and of who holds them."""

from rbac.actions.assignment import assign_people, assign_role, change_assignment, give_default_role, revoke_role
from rbac.actions.invitation import invite
from rbac.actions.permission import change_permission, declare_permission, delete_permission
from rbac.actions.review import close_review, decide_line, decide_lines, record_review_export, start_review
from rbac.actions.role import create_role, delete_role, update_role
from rbac.actions.seeding import seed_system_roles

__all__ = [
    "assign_people",
    "assign_role",
    "change_assignment",
    "change_permission",
    "close_review",
    "create_role",
    "decide_line",
    "decide_lines",
    "declare_permission",
    "delete_permission",
    "delete_role",
    "give_default_role",
    "invite",
    "record_review_export",
    "revoke_role",
    "seed_system_roles",
    "start_review",
    "update_role",
]
