"""What of a role somebody may copy into a new one, and in words what not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from rbac.backend import ranked
from rbac.models import Role
from rbac.role_map import current_role_map
from rbac.roles.names import look
from rbac.rules import outranked
from ui.registry import Permission

NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Copy:
    """The beginning of a form, and what stays behind: sentences, and permissions that the copier lacks."""

    initial: dict[str, Any]
    sentences: list[str]
    lacking: list[Permission]


def copy_of(source: Role, actor: User) -> Copy:
    """A copy of `source` within the reach of `actor`, who gives nothing that they lack."""
    roles, sentences = current_role_map(), []
    own = roles.own.get(source.pk, frozenset())
    parent = source.parent
    if parent is not None and [name for name in roles.permissions(parent.pk) if not actor.has_perm(name)]:
        sentences.append(
            _("It inherits nothing: %(role)s grants what you do not have yourself.") % {"role": source.parent}
        )
        parent = None
    priority = source.priority
    if outranked(actor, priority):
        priority = _highest(actor)
        sentences.append(
            _("Its priority is %(ours)d, not %(theirs)d, which is beyond your reach.")
            % {"ours": priority, "theirs": source.priority}
        )
    if parent is not None and parent.priority > priority:
        sentences.append(_("It inherits nothing: %(role)s has a higher priority than the copy.") % {"role": parent})
        parent = None
    initial = {
        "name": _free_name(source.name),
        "description": source.description,
        "priority": priority,
        "parent": parent.pk if parent else None,
        # Without its parent, the copy asks itself for what the parent asked.
        "requires_factor": source.requires_factor or (parent is None and source.pk in roles.demanding),
        "permissions": [name for name in own if actor.has_perm(name)],
    }
    lacking = [known for name, known in roles.known.items() if name in own and not actor.has_perm(name)]
    return Copy(initial, sentences, lacking)


def _highest(actor: User) -> int:
    """The highest priority that `actor` may give a role."""
    own = ranked(actor).role_priority
    return max(1, own if not outranked(actor, own) else own - 1)


def _free_name(name: str) -> str:
    taken = {look(each) for each in Role.objects.values_list("name", flat=True)}
    number = 1
    while True:
        ending = f" {number}" if number > 1 else ""
        free = (_("Copy of %(role)s") % {"role": name})[: NAME_LENGTH - len(ending)].rstrip() + ending
        if look(free) not in taken:
            return free
        number += 1
