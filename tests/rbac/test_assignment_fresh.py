"""What somebody may do is read behind the lock, not when their request began."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import User
from rbac.actions import assign_people, assign_role, change_assignment, invite, revoke_role
from rbac.actions.claims import map_claim, unmap_claim
from rbac.models import Assignment, ClaimRole
from tests.accounts.oidc import make_provider
from tests.rbac.conftest import MakePerson, Roles

ACTS = ("assign", "assign many", "change", "end", "invite", "map", "unmap")


@pytest.mark.parametrize("act", ACTS)
def test_rights_taken_while_the_lock_was_waited_for_do_not_count(
    act: str, person: MakePerson, roles: Roles, admin: User
) -> None:
    actor, user, viewer = person("admin"), person(), roles["viewer"]
    holder = person("viewer")
    row = Assignment.objects.get(user=holder)
    provider = make_provider("https://sso.example.org", allow_private=False, role_claim="groups")
    mapped = map_claim(actor=None, provider=provider, value="seen", role=viewer)
    acts: dict[str, Callable[[], object]] = {
        "assign": lambda: assign_role(actor=actor, user=user, role=viewer),
        "assign many": lambda: assign_people(actor=actor, role=viewer, people=[user]),
        "change": lambda: change_assignment(actor=actor, assignment=row, reason="Late"),
        "end": lambda: revoke_role(actor=actor, user=holder, role=viewer),
        "invite": lambda: invite(actor=actor, emails=["late@example.org"], role=viewer),
        "map": lambda: map_claim(actor=actor, provider=provider, value="late", role=viewer),
        "unmap": lambda: unmap_claim(actor=actor, claim_role=mapped),
    }
    # As the guard of a view asks, before anything is locked.
    assert actor.has_perm("users.write")
    revoke_role(actor=admin, user=User.objects.get(pk=actor.pk), role=roles["admin"])
    with pytest.raises(PermissionDenied, match="no longer have the permission"):
        acts[act]()
    assert not Assignment.objects.filter(user=user).exists()
    assert Assignment.objects.get(user=holder).is_active
    assert ClaimRole.objects.get().value == "seen"


def test_whoever_rose_meanwhile_is_beyond_reach(person: MakePerson, roles: Roles) -> None:
    manager, user = person("manager"), person("viewer")
    # Known, as by the view that showed the form.
    assert not user.has_perm("users.write")
    assign_role(actor=None, user=User.objects.get(pk=user.pk), role=roles["admin"])
    with pytest.raises(PermissionDenied, match="beyond your reach"):
        revoke_role(actor=manager, user=user, role=roles["viewer"])
    assert Assignment.objects.lasting().filter(user=user, role=roles["viewer"]).exists()
