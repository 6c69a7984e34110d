"""The permissions of a role laid out as a matrix, resource by action, as pages show it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy as _

from rbac.models import Role
from rbac.role_map import RoleMap, current_role_map
from rbac.system_roles import BY_KEY
from ui.registry import Permission, Text, registry

ACTIONS = ("read", "write", "delete", "admin")
TALK, OVERSEE, PEOPLE, RUN, OTHER = _("Talk"), _("Oversee"), _("People"), _("Run"), _("Other")

# Where a resource stands on the page, as in the rail, and a word on what it is.
RESOURCES: dict[str, tuple[Text, Text]] = {
    "chat": (TALK, _("own conversations")),
    "prompts": (TALK, _("system prompts")),
    "conversations": (OVERSEE, _("of the people below")),
    "agents": (OVERSEE, _("runs of the people below")),
    "usage": (OVERSEE, _("calls, tokens, money")),
    "users": (PEOPLE, _("of the people below")),
    "roles": (PEOPLE, _("and who holds them")),
    "identities": (PEOPLE, _("identity providers")),
    "settings": (RUN, _("and their versions")),
    "flags": (RUN, _("and their rules")),
    "models": (RUN, _("and their servers")),
    "audit": (RUN, _("the trail")),
    "system": (RUN, _("state of the installation")),
}

# Acts beside the usual four, as they read after the name of their resource; what is not listed reads as it is called.
WORDS: dict[str, Text] = {
    "all": _("of everyone"),
    "oversee": _("of the own team"),
    "reassign": _("hand over to others"),
    "reveal": _("reveal secrets"),
    "use": _("talk with models"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One permission as this role has it: its own, an ancestor's, or locked because a system role begins with it."""

    permission: Permission
    own: bool
    inherited_from: str
    locked: bool

    @property
    def word(self) -> Text:
        return WORDS.get(self.permission.action) or self.permission.action.replace("_", " ")


@dataclass(slots=True)
class Row:
    resource: str
    about: Text
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def usual(self) -> list[tuple[str, Cell | None]]:
        return [(action, self.cells.get(action)) for action in ACTIONS]

    @property
    def special(self) -> list[Cell]:
        return [cell for action, cell in self.cells.items() if action not in ACTIONS]


@dataclass(slots=True)
class Group:
    label: Text
    rows: list[Row] = field(default_factory=list)


def matrix(role: Role | None, *, chosen: Collection[str] | None = None) -> list[Group]:
    """All registered permissions by group and resource; `chosen` shows a form as it was sent."""
    roles = current_role_map()
    own = roles.own.get(role.pk, frozenset()) if role else frozenset()
    sources = _sources(role, roles)
    core = BY_KEY[role.name_key].core if role and role.is_system else frozenset()
    shown = own if chosen is None else frozenset(chosen) | core
    rows: dict[str, Row] = {}
    for name, permission in registry.permissions.items():
        about = RESOURCES.get(permission.resource, (OTHER, ""))[1]
        row = rows.setdefault(permission.resource, Row(permission.resource, about))
        inherited_from = "" if name in shown else sources.get(name, "")
        row.cells[permission.action] = Cell(permission, name in shown, inherited_from, locked=name in core)
    groups: dict[Text, Group] = {label: Group(label) for label in (TALK, OVERSEE, PEOPLE, RUN, OTHER)}
    for resource in [*(known for known in RESOURCES if known in rows), *sorted(rows.keys() - RESOURCES.keys())]:
        groups[RESOURCES.get(resource, (OTHER, ""))[0]].rows.append(rows[resource])
    return [group for group in groups.values() if group.rows]


def _sources(role: Role | None, roles: RoleMap) -> dict[str, str]:
    """For each inherited permission the nearest ancestor it comes from."""
    sources: dict[str, str] = {}
    ancestor = role.parent if role else None
    seen = set()
    while ancestor is not None and ancestor.pk not in seen:
        seen.add(ancestor.pk)
        for name in roles.own.get(ancestor.pk, ()):
            sources.setdefault(name, ancestor.name)
        ancestor = ancestor.parent
    return sources
