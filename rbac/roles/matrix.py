"""The permissions of a role laid out as a matrix, resource by action, as pages show it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from rbac.models import Role
from rbac.role_map import RoleMap, current_role_map
from rbac.system_roles import BY_KEY
from ui.registry import Permission, Text

ACTIONS = ("read", "write", "delete", "admin")
TALK, OVERSEE, PEOPLE, RUN, OTHER = _("Talk"), _("Oversee"), _("People"), _("Run"), _("Other")
PROGRAMS = _("Other programs")

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
    "permissions": (PEOPLE, _("of other programs")),
    "settings": (RUN, _("and their versions")),
    "flags": (RUN, _("and their rules")),
    "models": (RUN, _("and their servers")),
    "audit": (RUN, _("the trail")),
    "system": (RUN, _("state of the installation")),
}

# Acts beside the usual four, as they read after the name of their resource; what is not listed reads as it is called.
WORDS: dict[str, Text] = {
    "users.all": _("see everyone"),
    "all": _("see everyone’s"),
    "oversee": _("see the team’s"),
    "reassign": _("hand over to others"),
    "reveal": _("reveal secrets"),
    "use": _("talk with models"),
}


class Lock(StrEnum):
    """Why a box cannot be changed."""

    CORE = "core"
    LACKING = "lacking"


@dataclass(frozen=True, slots=True)
class Cell:
    """One permission as this role has it: its own, an ancestor's, or none; `is_saved` is its own as it stands."""

    permission: Permission
    is_own: bool
    is_saved: bool
    # The nearest ancestor that grants it as well.
    source: str
    lock: Lock | None

    @property
    def word(self) -> Text:
        name, action = self.permission.name, self.permission.action
        if self.permission.program is not None and action not in ACTIONS:
            return self.permission.label
        words = WORDS.get(name) or WORDS.get(action) if self.permission.program is None else None
        return words or action.replace("_", " ").replace("-", " ")

    @property
    def inherited_from(self) -> str:
        """The ancestor, where the role has it by that one alone."""
        return "" if self.is_own else self.source

    @property
    def is_box(self) -> bool:
        """Whether a form shows a box: what is inherited is changed there, but what was granted here can come back."""
        return self.is_own or self.is_saved or not self.source


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

    @property
    def words(self) -> str:
        """What the row is found by."""
        cells = self.cells.values()
        named = (f"{cell.permission} {cell.permission.label} {cell.word}" for cell in cells)
        return " ".join([f"{self.about}", *named]).lower()


@dataclass(slots=True)
class Group:
    label: Text
    rows: list[Row] = field(default_factory=list)


def matrix(
    role: Role | None, parent: Role | None, *, chosen: Collection[str] | None = None, actor: User | None = None
) -> list[Group]:
    """All known permissions by group and resource, as `role` would have them below `parent`.

    `chosen` shows a form as it was filled in; for `actor` boxes are locked that hold what they could not give.
    """
    roles = current_role_map()
    saved = roles.own.get(role.pk, frozenset()) if role else frozenset()
    sources = _sources(parent, roles)
    core = BY_KEY[role.system_key].core(roles.known) if role and role.system_key else frozenset()
    shown = saved if chosen is None else frozenset(chosen) | core
    rows: dict[tuple[Text, str, str], Row] = {}
    for name, permission in roles.known.items():
        group, about = _place(permission)
        row = rows.setdefault((group, permission.resource, permission.program or ""), Row(permission.resource, about))
        lock = None
        if name in core:
            lock = Lock.CORE
        elif actor is not None and name not in saved and not actor.has_perm(name):
            lock = Lock.LACKING
        is_own = name in shown and lock is not Lock.LACKING
        row.cells[permission.action] = Cell(permission, is_own, name in saved, sources.get(name, ""), lock)
    return _grouped(rows)


def _place(permission: Permission) -> tuple[Text, Text]:
    """The group a permission stands in, and a word on its resource."""
    if permission.program is None:
        return RESOURCES.get(permission.resource, (OTHER, ""))
    if permission.program:
        return PROGRAMS, gettext("declared by %(program)s") % {"program": permission.program}
    return PROGRAMS, gettext("declared by another program")


def _grouped(rows: dict[tuple[Text, str, str], Row]) -> list[Group]:
    known = list(RESOURCES)
    groups: dict[Text, Group] = {label: Group(label) for label in (TALK, OVERSEE, PEOPLE, RUN, OTHER, PROGRAMS)}
    for group, resource, program in sorted(
        rows, key=lambda at: (known.index(at[1]) if at[1] in known else len(known), at[2], at[1])
    ):
        groups[group].rows.append(rows[group, resource, program])
    return [group for group in groups.values() if group.rows]


def _sources(parent: Role | None, roles: RoleMap) -> dict[str, str]:
    """For each permission that a role below `parent` inherits, the nearest ancestor it comes from."""
    if parent is None:
        return {}
    names = dict(Role.objects.values_list("pk", "name"))
    sources: dict[str, str] = {}
    for role_id in roles.lineage(parent.pk):
        for name in roles.own.get(role_id, ()):
            sources.setdefault(name, names.get(role_id, ""))
    return sources
