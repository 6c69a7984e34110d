"""The roles that a file of people gives to those it brings in."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.names import normalised
from rbac.actions import assign_role
from rbac.models import Role
from rbac.rules import assignable_by
from ui.registry import ImportColumn

_PARTED = re.compile(r"[,;|]")


def clean(actor: User, text: str) -> list[Role]:
    """The roles named in a cell, each of which the actor may give at this moment."""
    offered = {role.name_key: role for role in assignable_by(actor)}
    roles = []
    for name in [text] if normalised(text) in offered else _PARTED.split(text):
        if not (key := normalised(name)):
            continue
        if key not in offered:
            known = Role.objects.filter(name_key=key).exists()
            words = _("The role %(name)s is not yours to give.") if known else _("There is no role called %(name)s.")
            raise ValidationError(words % {"name": name.strip()[:60]})
        roles.append(offered[key])
    return roles


def give(actor: User, person: User, roles: list[Role]) -> None:
    for role in roles:
        assign_role(actor=actor, user=person, role=role, reason=_("by import"))


ROLE = ImportColumn("role", gettext_lazy("Role"), ("role", "roles", "rol"), clean, give, order=10, gives_rights=True)
