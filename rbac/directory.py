"""People and roles as the ground floor asks for them, for the targets of flags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from accounts.models import User
from accounts.names import normalised, storable
from rbac.backend import RoleBackend, ranked
from rbac.models import Assignment, Role, RoleMapVersion
from rbac.role_map import role_map
from settings_store.people import Directory, Known
from ui.forms import uuid_of

MOST_FOUND = 8
# As many as one question may name on every database.
BATCH = 500


def roles() -> dict[int, str]:
    return dict(Role.objects.by_rank().values_list("pk", "name"))


def role_ids(pk: int) -> frozenset[int]:
    user = RoleBackend().get_user(pk)
    return ranked(user).role_ids if user is not None else frozenset()


def people(pks: Collection[int]) -> dict[int, Known]:
    wanted = list(pks)
    return {
        user.pk: _known(user)
        for start in range(0, len(wanted), BATCH)
        for user in User.objects.filter(pk__in=wanted[start : start + BATCH])
    }


def named(name: str) -> Known | None:
    user = User.objects.named(name).first()
    if user is None and (public_id := uuid_of(name)) is not None:
        user = User.objects.filter(public_id=public_id).first()
    return _known(user) if user is not None else None


def search(viewer: Any, words: str) -> list[Known]:
    found = User.objects.visible_to(viewer).active().matching(words).order_by("name_key", "pk")[:MOST_FOUND]
    return [_known(user) for user in found]


def called(viewer: Any, name: str) -> list[Known]:
    key = normalised(name)[:150]
    if not key or not storable(key):
        return []
    found = User.objects.visible_to(viewer).filter(name_key=key).order_by("-is_active", "pk")[:MOST_FOUND]
    return [_known(user) for user in found]


def sees(viewer: Any, pk: int) -> bool:
    return User.objects.visible_to(viewer).filter(pk=pk).exists()


def everybody() -> Iterable[tuple[int, frozenset[int]]]:
    """Admins by break-glass count as holding the role of admins, as they do at sign-in."""
    held: dict[int, set[int]] = defaultdict(set)
    for user_id, role_id in Assignment.objects.counting().values_list("user_id", "role_id"):
        held[user_id].add(role_id)
    active = User.objects.active()
    admin_id = role_map(RoleMapVersion.objects.values_list("version", flat=True).get(pk=1)).admin_id
    if admin_id is not None:
        for user_id in active.filter(is_superuser=True).values_list("pk", flat=True):
            held[user_id].add(admin_id)
    none = frozenset[int]()
    return ((pk, frozenset(held[pk]) if pk in held else none) for pk in active.values_list("pk", flat=True).iterator())


def _known(user: User) -> Known:
    return Known(user.pk, str(user), user.username, user.is_active)


directory = Directory(
    roles=roles,
    role_ids=role_ids,
    people=people,
    named=named,
    search=search,
    called=called,
    sees=sees,
    everybody=everybody,
)
