"""The one authentication backend: who someone is comes from accounts, what they may do from their assignments.

`user.groups` and `user.user_permissions` grant nothing, and a superuser is an admin, not above all questions.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol, cast

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser
from django.db import connection, models
from django.http import HttpRequest
from django.utils import timezone

from accounts import credentials
from accounts.models import User
from rbac.models import Assignment, Role, RoleMapVersion
from rbac.role_map import RoleMap, role_map

type Person = User | AnonymousUser


class Ranked(Protocol):
    """What this backend puts on a person: the roles that count now, these with all they inherit from, their highest
    priority, their permissions, and whether one of the roles asks for a second factor.
    """

    role_ids: frozenset[int]
    role_lineage: frozenset[int]
    role_priority: int
    granted: frozenset[str]
    factor_asked: bool


class RoleBackend(BaseBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if username is None or password is None:
            return None
        return credentials.check(username, password)

    def get_user(self, user_id: int) -> User | None:
        """The person with the roles that count at this moment, in one query; None for the deactivated."""
        return next(iter(self.get_users([user_id])), None)

    def get_users(self, user_ids: Collection[Any]) -> list[User]:
        """The same for many people, in one query as well."""
        return [user for user in _load(user_ids) if user.is_active]

    def has_perm(self, user_obj: Any, perm: str, obj: models.Model | None = None) -> bool:
        # Rights here are never on one object: which rows someone reaches is `visible_to`.
        return obj is None and user_obj.is_active and perm in ranked(user_obj).granted

    def asks_factor(self, user_obj: Any) -> bool:
        """Whether one of the roles that count now asks for a second factor."""
        return ranked(user_obj).factor_asked

    def roles_asking_factor(self, user_obj: Any) -> list[str]:
        """The names of the roles that ask for it, by the role that says so, be it one they only inherit from."""
        asking = ranked(user_obj).role_lineage
        return list(Role.objects.by_rank().filter(pk__in=asking, requires_factor=True).values_list("name", flat=True))

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        prefix = f"{app_label}."
        return user_obj.is_active and any(name.startswith(prefix) for name in ranked(user_obj).granted)

    def get_user_permissions(self, user_obj: Any, obj: models.Model | None = None) -> set[str]:
        return set()

    def get_group_permissions(self, user_obj: Any, obj: models.Model | None = None) -> set[str]:
        if obj is not None or not user_obj.is_active:
            return set()
        return set(ranked(user_obj).granted)


def ranked(user: Person) -> Ranked:
    """The person with their roles, read once where they were not loaded by `get_user`."""
    # By getattr and setattr: the user of a request only stands for the person, and keeps nothing itself.
    if getattr(user, "granted", None) is None:
        loaded = _load([user.pk]) if user.pk else []
        for name, nothing in _NOTHING.items():
            setattr(user, name, getattr(loaded[0], name) if loaded else nothing)
    return cast(Ranked, user)


def rank(people: Collection[User]) -> None:
    """Read the roles of all of these people in one query."""
    loaded = {user.pk: user for user in _load([person.pk for person in people])}
    for person in people:
        for name in _NOTHING:
            setattr(person, name, getattr(loaded[person.pk], name))


def forget(user: Person) -> None:
    """Drop what is known of this person's roles, because an act has just changed them."""
    for name in (*_NOTHING, PROMISED, "flag_subject"):
        if hasattr(user, name):
            delattr(user, name)


_NOTHING: dict[str, Any] = {
    "role_ids": frozenset(),
    "role_lineage": frozenset(),
    "role_priority": 0,
    "granted": frozenset(),
    "factor_asked": False,
}
# What rules keep on a person: the highest priority they hold or were promised.
PROMISED = "promised_priority"
_statements: dict[str, str] = {}


def _load(user_ids: Collection[Any]) -> list[User]:
    if not user_ids:
        return []
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    # A raw statement, put together once: the same through annotations takes four times as long as the bare person.
    places = ", ".join(["%s"] * len(user_ids))
    people: list[User] = list(User.objects.raw(f"{_statement()} IN ({places})", [now, now, *user_ids]))
    for user in people:
        facts = user.__dict__
        version, role_ids = facts.pop("role_map_version"), facts.pop("counting_role_ids")
        _rank(user, role_map(version), frozenset(map(int, role_ids.split(","))) if role_ids else frozenset())
    return people


def _rank(user: User, roles: RoleMap, role_ids: frozenset[int]) -> None:
    if user.is_superuser and roles.admin_id is not None:
        role_ids |= {roles.admin_id}
    granted = [roles.granted[role_id] for role_id in role_ids if role_id in roles.granted]
    lineages = [roles.lineages[role_id] for role_id in role_ids if role_id in roles.lineages]
    user.__dict__["role_ids"] = role_ids
    user.__dict__["role_lineage"] = lineages[0] if len(lineages) == 1 else frozenset().union(*lineages)
    user.__dict__["role_priority"] = max((roles.priorities.get(role_id, 0) for role_id in role_ids), default=0)
    user.__dict__["factor_asked"] = not roles.demanding.isdisjoint(role_ids)
    if user.is_superuser:
        user.__dict__["granted"] = roles.everything
    else:
        # Nearly everyone has one role, and then the map's own set serves without a copy.
        user.__dict__["granted"] = granted[0] if len(granted) == 1 else frozenset().union(*granted)


def _statement() -> str:
    vendor = connection.vendor
    if vendor not in _statements:
        quote = connection.ops.quote_name
        person, assignment = quote(User._meta.db_table), quote(Assignment._meta.db_table)
        version = quote(RoleMapVersion._meta.db_table)
        columns = ", ".join(f"{person}.{quote(str(field.column))}" for field in User._meta.concrete_fields)
        role_ids = "STRING_AGG(role_id::text, ',')" if vendor == "postgresql" else "GROUP_CONCAT(role_id)"
        # The same question as AssignmentQuerySet.counting.
        _statements[vendor] = (
            f"SELECT {columns}, "  # noqa: S608 - names come from the models, every value is a parameter
            f"(SELECT {role_ids} FROM {assignment} WHERE user_id = {person}.id AND is_active "
            "AND (starts_at IS NULL OR starts_at <= %s) AND (ends_at IS NULL OR ends_at > %s)) AS counting_role_ids, "
            f"(SELECT version FROM {version} WHERE id = 1) AS role_map_version "
            f"FROM {person} WHERE {person}.id"
        )
    return _statements[vendor]
