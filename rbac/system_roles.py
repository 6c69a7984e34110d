"""The roles every installation begins with, as one table; `actions.seed_system_roles` makes it so.

A role holds what its row says and all that its parent holds. `admin` holds every permission there is, also those
declared by a later release.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext_noop

ADMIN = "admin"
DEFAULT = "user"


@dataclass(frozen=True, slots=True)
class SystemRole:
    """One row of the table; the permissions are its core, which no edit takes away."""

    key: str
    name: str
    priority: int
    parent: str | None
    description: str
    permissions: tuple[str, ...] = ()

    def core(self, known: Collection[str]) -> frozenset[str]:
        """What this role itself always holds, of the permissions that are `known` in this installation."""
        return frozenset(known) if self.key == ADMIN else frozenset(self.permissions).intersection(known)


# Parents before their children.
SYSTEM_ROLES = (
    SystemRole(
        "guest",
        gettext_noop("Guest"),
        priority=10,
        parent=None,
        description=gettext_noop("Signs in and keeps an own profile, nothing more."),
    ),
    SystemRole(
        "viewer",
        gettext_noop("Viewer"),
        priority=20,
        parent="guest",
        description=gettext_noop("Reads settings, flags and the audit trail."),
        permissions=("settings.read", "flags.read", "audit.read"),
    ),
    SystemRole(
        DEFAULT,
        gettext_noop("User"),
        priority=40,
        parent="guest",
        description=gettext_noop("Talks with models and keeps own conversations."),
        permissions=("chat.use", "prompts.read", "usage.read"),
    ),
    SystemRole(
        "operator",
        gettext_noop("Operator"),
        priority=50,
        parent=DEFAULT,
        description=gettext_noop("Runs the installation: settings, model servers and its state."),
        permissions=(
            "settings.read",
            "settings.write",
            "flags.read",
            "flags.write",
            "models.read",
            "models.write",
            "models.private",
            "usage.all",
            "system.read",
        ),
    ),
    SystemRole(
        "supervisor",
        gettext_noop("Supervisor"),
        priority=60,
        parent=DEFAULT,
        description=gettext_noop("Looks after the conversations of the people below them."),
        permissions=(
            "users.read",
            "models.read",
            "conversations.oversee",
            "conversations.reassign",
            "agents.oversee",
            "agents.reassign",
        ),
    ),
    SystemRole(
        "manager",
        gettext_noop("Manager"),
        priority=80,
        parent=DEFAULT,
        description=gettext_noop("Looks after people, prompts and settings."),
        permissions=(
            "settings.read",
            "settings.write",
            "settings.delete",
            "flags.read",
            "flags.write",
            "flags.delete",
            "audit.read",
            "users.read",
            "users.write",
            "users.delete",
            "users.all",
            "roles.read",
            "models.read",
            "prompts.write",
            "prompts.delete",
            "usage.all",
        ),
    ),
    SystemRole(
        ADMIN,
        gettext_noop("Admin"),
        priority=100,
        parent="manager",
        description=gettext_noop("May do everything."),
    ),
)

BY_KEY = {role.key: role for role in SYSTEM_ROLES}
