"""Two who change roles at the same moment: one is first, and the other one is told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from rbac.actions import create_role, delete_role, seed_system_roles, update_role
from rbac.models import Role
from rbac.role_map import current_role_map

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite lets one write at a time"),
]

TIMES = 8


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Do the acts at the same moment; the code or the sentence of each refusal."""
    together, refusals = Barrier(len(acts), timeout=30), list[str]()

    def do(act: Callable[[], object]) -> None:
        try:
            together.wait()
            act()
        except ValidationError as refusal:
            refusals.append(getattr(refusal, "code", "") or " ".join(refusal.messages))
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(do, act) for act in acts]:
            done.result()
    return refusals


def save(role: Role, **changes: object) -> Callable[[], object]:
    """An edit of the role as it stands now, made later."""
    role = Role.objects.select_related("parent").get(pk=role.pk)
    facts = {
        "name": role.name,
        "description": role.description,
        "priority": role.priority,
        "parent": role.parent,
        "permissions": current_role_map().own[role.pk],
        "version": role.version,
    }
    return lambda: update_role(actor=None, role=role, **(facts | changes))  # type: ignore[arg-type]  # of many types


def test_of_two_edits_of_one_state_one_wins() -> None:
    seed_system_roles()
    role = create_role(actor=None, name="Reader", permissions=["audit.read"])
    for number in range(TIMES):
        ours, theirs = save(role, description=f"ours {number}"), save(role, description=f"theirs {number}")
        assert at_once(ours, theirs) == ["stale"]
        kept = Role.objects.get(pk=role.pk)
        assert kept.description in {f"ours {number}", f"theirs {number}"}
        assert kept.version == number + 2


def test_two_halves_of_a_circle_never_close() -> None:
    seed_system_roles()
    for number in range(TIMES):
        one, other = (create_role(actor=None, name=f"{name} {number}") for name in ("One", "Other"))
        assert at_once(save(one, parent=other), save(other, parent=one)) == ["A role cannot inherit from itself."]


def test_a_parent_that_is_deleted_at_that_moment_stays_or_is_missed() -> None:
    seed_system_roles()
    for number in range(TIMES):
        parent, heir = (create_role(actor=None, name=f"{name} {number}") for name in ("Parent", "Heir"))
        refusals = at_once(save(heir, parent=parent), partial(delete_role, actor=None, role=parent))
        assert len(refusals) == 1
        kept = Role.objects.get(pk=heir.pk)
        assert (kept.parent_id == parent.pk) == Role.objects.filter(pk=parent.pk).exists()
