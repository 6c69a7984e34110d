"""What /users/ shows of roles and of the second factor they may ask for, and what it is narrowed down by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Passkey, Totp, User, UserQuerySet
from rbac.models import Assignment, Role
from rbac.role_map import current_role_map
from ui.registry import Text, UserFilter

FACTORS: Sequence[tuple[str, Text]] = (
    ("has", _("has one")),
    ("none", _("has none")),
    ("missing", _("asked for, but missing")),
)
HAS_FACTOR = Exists(Totp.objects.filter(user=OuterRef("pk"))) | Exists(Passkey.objects.filter(user=OuterRef("pk")))


def role_names(people: Iterable[User]) -> dict[int, list[str]]:
    """The roles that count now for each of these people by their keys, highest first, in one query."""
    people = list(people)
    names: dict[int, list[str]] = {person.pk: [] for person in people}
    held = Assignment.objects.counting().filter(user__in=people).order_by("-role__priority", "role__name_key")
    for user_id, name in held.values_list("user_id", "role__name"):
        names[user_id].append(name)
    return names


def factor_marks(people: Iterable[User]) -> dict[int, str]:
    """Whether each of these people has a second factor: "yes", "no", or "missing" where a role asks for it."""
    found = User.objects.filter(pk__in=[person.pk for person in people]).annotate(has=HAS_FACTOR, asked=_is_asked())
    return {
        pk: "yes" if has else "missing" if asked else "no" for pk, has, asked in found.values_list("pk", "has", "asked")
    }


def roles(request: HttpRequest) -> list[tuple[str, Text]]:
    named = Role.objects.by_rank().values_list("public_id", "name")
    return [*((str(public_id), name) for public_id, name in named), ("none", _("no role"))]


def by_role(people: UserQuerySet, value: str) -> UserQuerySet:
    counting = Assignment.objects.counting()
    if value == "none":
        return people.exclude(pk__in=counting.values("user_id"))
    return people.filter(pk__in=counting.filter(role__public_id=value).values("user_id"))


def by_factor(people: UserQuerySet, value: str) -> UserQuerySet:
    if value == "has":
        return people.filter(HAS_FACTOR)
    people = people.filter(~HAS_FACTOR)
    return people.filter(_is_asked(), is_active=True) if value == "missing" else people


def _is_asked() -> Q | Exists:
    """Whether one of the roles that count now asks for a second factor; an admin by break-glass holds admin's."""
    current = current_role_map()
    held = Assignment.objects.counting().filter(user=OuterRef("pk"), role__in=current.demanding)
    admin_asks = current.admin_id is not None and current.admin_id in current.demanding
    return Exists(held) | Q(is_superuser=True) if admin_asks else Exists(held)


FILTERS = (
    UserFilter("role", _("Role"), roles, by_role, order=10),
    UserFilter("factor", _("Second factor"), lambda request: FACTORS, by_factor, order=30),
)
