"""What a question can be about besides an act: a person, a role, and what higher floors add.

A kind knows its rows by `visible_to` and the rules that guard them, and tells in words what these answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.urls import ResolverMatch, reverse
from django.utils.translation import gettext_lazy

from accounts import rules
from accounts.models import User
from accounts.names import normalised, storable
from accounts.teams import line_of
from rbac.models import Role
from rbac.role_map import RoleMap
from rbac.rules import deletion_refusal, grant_refusal, person_refusal, role_grant_refusal, role_refusal
from rbac.why.ways import holding
from ui.forms import uuid_of
from ui.registry import Text


@dataclass(frozen=True, slots=True)
class Upon:
    """An act upon an object, and the sentence that refuses it; empty where it is not refused."""

    label: Text
    refusal: str


class Kind(ABC):
    """A kind of objects one can ask about, named as in "conversation:1b4e…"."""

    name: ClassVar[str]
    label: ClassVar[Text]
    # What can be asked about one; the first of them is what shows it.
    permissions: ClassVar[tuple[str, ...]]
    # The permission that reaches the people below, and the one that widens it to everybody; empty where there is none.
    team: ClassVar[str] = ""
    everybody: ClassVar[str] = ""

    @abstractmethod
    def find(self, asker: User, text: str) -> Any | None:
        """The one of this id or name in the sight of whoever asks."""

    @abstractmethod
    def part(self, match: ResolverMatch) -> str:
        """Its id in the address of a page; empty where the page is about none."""

    @abstractmethod
    def page(self, asker: User, row: Any) -> str:
        """The address of its page, for those who may open it; else empty."""

    def rows(self, person: User, permission: str) -> QuerySet[Any] | None:
        """The rows on which this permission can be used by a person, as its views ask for them; None where all."""
        return None

    def owner(self, row: Any) -> User | None:
        """Whose it is: whom the line of supervisors is drawn from."""
        return None

    def beyond(self, person: User, row: Any, permission: str) -> str:
        """Why it is out of reach where the line of supervisors does not tell; empty where it does."""
        return ""

    def default(self, person: User, row: Any) -> str:
        """The permission meant where none was named."""
        return self.permissions[0]

    def upon(
        self, person: User, row: Any, permission: str, match: ResolverMatch | None, roles: RoleMap
    ) -> Sequence[Upon]:
        """The acts upon it that go with a permission or a page, the one that is meant first."""
        return ()

    def people(self, roles: RoleMap, row: Any, permission: str) -> Q | None:
        """The condition under which holders of a permission reach this row; None where it takes one question each."""
        return Q()


kinds: dict[str, Kind] = {}


def add_kind(kind: Kind) -> None:
    kinds[kind.name] = kind


# The acts of `accounts.rules` that go with a permission, the one first that stands for it, and those of single pages.
ACTS: dict[str, Text] = {
    "update": gettext_lazy("Change their details"),
    "give_password": gettext_lazy("Give a one-time password"),
    "require_password_change": gettext_lazy("Have them change their password"),
    "revoke_session": gettext_lazy("End their sessions"),
    "unlock": gettext_lazy("End a lock"),
    "invite": gettext_lazy("Renew their invitation"),
    "deactivate": gettext_lazy("Deactivate them"),
    "activate": gettext_lazy("Let them in again"),
    "reset_factors": gettext_lazy("Reset their factors"),
    "impersonate": gettext_lazy("Act as them"),
}
BY_PERMISSION = {
    "users.write": ("update", "give_password", "require_password_change", "revoke_session", "unlock"),
    "users.delete": ("deactivate", "activate"),
    "users.admin": ("reset_factors", "impersonate"),
}
BY_PAGE = {
    "accounts:user_edit": "update",
    "accounts:user_password": "give_password",
    "accounts:user_deactivate": "deactivate",
    "accounts:user_activate": "activate",
    "accounts:user_impersonate": "impersonate",
    "accounts:user_unlock": "unlock",
    "accounts:user_factors_reset": "reset_factors",
    "accounts:invitation_renew": "invite",
    "accounts:invitation_withdraw": "deactivate",
    "accounts:user_session_revoke": "revoke_session",
    "accounts:user_sessions_revoke": "revoke_session",
}


class PersonKind(Kind):
    name = "person"
    label = gettext_lazy("person")
    permissions = ("users.read", "users.write", "users.delete", "users.admin", "users.all")
    team = "users.read"
    everybody = "users.all"

    def find(self, asker: User, text: str) -> User | None:
        people = User.objects.visible_to(asker)
        public_id = uuid_of(text)
        return (people.filter(public_id=public_id) if public_id else people.named(text)).first()

    def part(self, match: ResolverMatch) -> str:
        return str(match.kwargs.get("user_id", ""))

    def page(self, asker: User, row: User) -> str:
        return reverse("accounts:user_detail", args=[row.public_id]) if asker.has_perm("users.read") else ""

    def rows(self, person: User, permission: str) -> QuerySet[User]:
        return User.objects.visible_to(person)

    def owner(self, row: User) -> User:
        return row

    def upon(
        self, person: User, row: User, permission: str, match: ResolverMatch | None, roles: RoleMap
    ) -> Sequence[Upon]:
        if match is None:
            return [_act(person, row, act) for act in BY_PERMISSION.get(permission, ())]
        if match.view_name == "rbac:role_assign":
            return [Upon(gettext_lazy("Assign a role to them"), person_refusal(person, row) or "")]
        if "role_id" in match.kwargs:
            role = Role.objects.filter(public_id=match.kwargs["role_id"]).first()
            sentence = grant_refusal(person, row, role) if role is not None else None
            return [Upon(gettext_lazy("Give or take this role"), sentence or "")]
        act = BY_PAGE.get(match.view_name)
        return [_act(person, row, act)] if act else []

    def people(self, roles: RoleMap, row: User, permission: str) -> Q | None:
        if permission not in {self.team, self.everybody}:
            # Rank is a matter of the two people.
            return None
        reach = Q(pk__in=line_of(row)) | holding(roles, self.everybody)
        return Q(pk=row.pk) | (holding(roles, self.team) & reach)


class RoleKind(Kind):
    name = "role"
    label = gettext_lazy("role")
    permissions = ("roles.read", "roles.write", "roles.delete", "users.write")

    def find(self, asker: User, text: str) -> Role | None:
        if not asker.has_perm("roles.read") or not storable(text):
            return None
        public_id = uuid_of(text)
        named = (
            Role.objects.filter(public_id=public_id) if public_id else Role.objects.filter(name_key=normalised(text))
        )
        return named.first()

    def part(self, match: ResolverMatch) -> str:
        return str(match.kwargs.get("role_id", "")) if "user_id" not in match.kwargs else ""

    def page(self, asker: User, row: Role) -> str:
        return reverse("rbac:role_detail", args=[row.public_id]) if asker.has_perm("roles.read") else ""

    def upon(
        self, person: User, row: Role, permission: str, match: ResolverMatch | None, roles: RoleMap
    ) -> Sequence[Upon]:
        match permission:
            case "roles.write":
                return [Upon(gettext_lazy("Edit this role"), role_refusal(person, row.priority) or "")]
            case "roles.delete":
                refused = role_refusal(person, row.priority) or deletion_refusal(row)
                return [Upon(gettext_lazy("Delete this role"), refused or "")]
            case "users.write":
                refused = role_grant_refusal(person, row, roles=roles)
                return [Upon(gettext_lazy("Give this role to others"), refused or "")]
        return []

    def people(self, roles: RoleMap, row: Role, permission: str) -> Q | None:
        return Q() if permission == "roles.read" else None


def found[M: Model](rows: QuerySet[M], text: str) -> M | None:
    """The row of this public id among `rows`; None for what is no id at all."""
    public_id = uuid_of(text)
    return rows.filter(public_id=public_id).first() if public_id else None


def _act(person: User, row: User, act: str) -> Upon:
    # A rule may lock what it looks at.
    with transaction.atomic():
        return Upon(ACTS[act], rules.refusal(person, row, act) or "")
