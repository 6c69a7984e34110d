"""Changing, pausing and resuming an assignment, and giving a role to many at once: the actions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from accounts.actions import deactivate_user
from accounts.history import told
from accounts.models import User
from accounts.signals import identity_claims
from rbac.actions import assign_people, assign_role, change_assignment, create_role, revoke_role
from rbac.actions.assignment import EndedAssignment, StaleAssignment, edition
from rbac.actions.claims import map_claim
from rbac.actions.superuser import set_superuser
from rbac.models import Assignment
from rbac.rules import is_last_admin
from settings_store.models import AuditEvent
from tests.accounts.oidc import make_provider
from tests.rbac.conftest import MakePerson, Roles
from ui.moments import exact

SOON, LATER = timedelta(hours=1), timedelta(days=30)


def last_event() -> AuditEvent:
    return AuditEvent.objects.latest("sequence")


def held(user: User, role: str) -> Assignment:
    return Assignment.objects.lasting().get(user=user, role__name_key=role)


def test_a_change_says_what_it_was_and_what_it_is(person: MakePerson, roles: Roles) -> None:
    admin, user = person("admin"), person("viewer")
    until = timezone.now() + LATER
    changed = change_assignment(actor=admin, assignment=held(user, "viewer"), reason="Review", ends_at=until)
    assert (changed.reason, changed.ends_at, changed.is_active) == ("Review", until, True)
    assert held(user, "viewer").ends_at == until
    event = last_event()
    assert (event.action, event.actor_id, event.target_id) == ("assignment.changed", admin.pk, str(user.public_id))
    about = {"role": "Viewer", "role_id": str(roles["viewer"].public_id)}
    assert event.before == {**about, "until": None, "reason": ""}
    assert event.after == {**about, "until": until.isoformat(), "reason": "Review"}


def test_paused_it_gives_nothing_and_resumed_it_does(person: MakePerson, roles: Roles) -> None:
    admin, user = person("admin"), person("viewer")
    row = change_assignment(actor=admin, assignment=held(user, "viewer"), is_active=False)
    assert not User.objects.get(pk=user.pk).has_perm("audit.read")
    assert last_event().after == {"role": "Viewer", "role_id": str(roles["viewer"].public_id), "paused": True}
    change_assignment(actor=admin, assignment=row, is_active=True)
    assert User.objects.get(pk=user.pk).has_perm("audit.read")
    assert Assignment.objects.filter(user=user).count() == 1


def test_nothing_changed_is_nothing_noted(person: MakePerson, roles: Roles) -> None:
    admin, user = person("admin"), person("viewer")
    row, before = held(user, "viewer"), AuditEvent.objects.count()
    change_assignment(actor=admin, assignment=row, reason="", starts_at=None, ends_at=None, is_active=True)
    # Also where somebody else has changed it to the same meanwhile.
    seen = edition(row)
    change_assignment(actor=admin, assignment=row, reason="Review")
    change_assignment(actor=admin, assignment=row, seen=seen, reason="Review")
    assert AuditEvent.objects.count() == before + 1


def test_what_was_seen_must_still_be_so(person: MakePerson, roles: Roles) -> None:
    admin, user = person("admin"), person("viewer")
    row = held(user, "viewer")
    seen = edition(row)
    change_assignment(actor=admin, assignment=row, seen=seen, reason="First")
    with pytest.raises(StaleAssignment) as late:
        change_assignment(actor=admin, assignment=row, seen=seen, reason="Second")
    assert late.value.row.reason == "First"
    # Ended and given anew, it is another one.
    seen = edition(late.value.row)
    revoke_role(actor=admin, user=user, role=roles["viewer"])
    assign_role(actor=admin, user=user, role=roles["viewer"], reason="First")
    with pytest.raises(StaleAssignment):
        change_assignment(actor=admin, assignment=row, seen=seen, reason="Second")


@pytest.mark.parametrize("how", ["ended", "ran out"])
def test_what_is_over_is_not_changed(person: MakePerson, roles: Roles, how: str) -> None:
    admin, user = person("admin"), person("viewer")
    row = held(user, "viewer")
    if how == "ended":
        revoke_role(actor=admin, user=user, role=roles["viewer"])
    else:
        Assignment.objects.filter(pk=row.pk).update(ends_at=timezone.now())
    before = AuditEvent.objects.count()
    for changes in ({"reason": "Again"}, {"is_active": True}, {"ends_at": None}):
        with pytest.raises(EndedAssignment):
            change_assignment(actor=admin, assignment=row, **changes)
    assert AuditEvent.objects.count() == before
    assert not User.objects.get(pk=user.pk).has_perm("audit.read")


def test_only_an_assignment_s_own_fields(person: MakePerson, roles: Roles) -> None:
    row = held(person("viewer"), "viewer")
    with pytest.raises(TypeError, match="user"):
        change_assignment(actor=None, assignment=row, user=person())  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("starts", "ends", "sentence"),
    [
        (None, -SOON, "must lie in the future"),
        (LATER, SOON, "after the beginning"),
        (LATER, LATER, "after the beginning"),
    ],
)
def test_an_end_makes_sense(
    person: MakePerson, roles: Roles, starts: timedelta | None, ends: timedelta, sentence: str
) -> None:
    now, row = timezone.now(), held(person("viewer"), "viewer")
    dates: dict[str, Any] = {"starts_at": now + starts if starts else None, "ends_at": now + ends}
    with pytest.raises(ValidationError, match=sentence):
        change_assignment(actor=None, assignment=row, **dates)


@pytest.mark.parametrize("changes", [{"is_active": False}, {"ends_at": None}, {"reason": "Mine"}, {"starts_at": None}])
def test_nobody_changes_beyond_their_reach(person: MakePerson, roles: Roles, changes: dict[str, Any]) -> None:
    manager, until = person("manager"), timezone.now() + LATER
    for other, role in ((person("admin"), "admin"), (person("manager"), "manager"), (person("admin", "user"), "user")):
        Assignment.objects.filter(user=other).update(starts_at=timezone.now() - SOON, ends_at=until)
        with pytest.raises(PermissionDenied):
            change_assignment(actor=manager, assignment=held(other, role), **changes)
    # Nor what they lack themselves: an operator may open the admin.
    with pytest.raises(PermissionDenied, match="do not have yourself"):
        change_assignment(actor=manager, assignment=held(person("operator"), "operator"), is_active=False)


@pytest.mark.parametrize("how", ["pause", "date", "delay", "end"])
def test_the_last_admin_stays_admin_for_good(person: MakePerson, roles: Roles, how: str) -> None:
    admin, now = person("admin"), timezone.now()
    person("admin", is_active=False)
    person("admin", ends_at=now + LATER)
    person("admin", invited_until=now + LATER)
    paused = person("admin")
    change_assignment(actor=None, assignment=held(paused, "admin"), is_active=False)
    row = held(admin, "admin")
    acts: dict[str, Callable[[], object]] = {
        "pause": lambda: change_assignment(actor=None, assignment=row, is_active=False),
        "date": lambda: change_assignment(actor=None, assignment=row, ends_at=now + LATER),
        "delay": lambda: change_assignment(actor=None, assignment=row, starts_at=now + SOON),
        "end": lambda: revoke_role(actor=None, user=admin, role=roles["admin"]),
    }
    assert is_last_admin(admin)
    with pytest.raises(ValidationError, match="last admin"):
        acts[how]()
    change_assignment(actor=None, assignment=held(admin, "admin"), reason="Founder", starts_at=now - SOON)
    # Resumed, another one counts again, and the first may go.
    change_assignment(actor=None, assignment=held(paused, "admin"), is_active=True)
    change_assignment(actor=None, assignment=held(admin, "admin"), is_active=False)
    with pytest.raises(ValidationError, match="last admin"):
        deactivate_user(actor=admin, user=paused)


def test_an_admin_by_break_glass_stays_one_without_the_role(person: MakePerson, roles: Roles) -> None:
    admin = person("admin", is_superuser=True)
    revoke_role(actor=None, user=admin, role=roles["admin"])
    assert User.objects.get(pk=admin.pk).has_perm("roles.admin")
    with pytest.raises(ValidationError, match="last admin"):
        set_superuser(user=admin, is_superuser=False)


def test_claims_leave_what_is_paused_and_what_was_edited_by_hand(person: MakePerson, roles: Roles) -> None:
    provider = make_provider("https://sso.example.org", allow_private=False, role_claim="groups")
    admin, user = person("admin"), person()
    map_claim(actor=None, provider=provider, value="ops", role=roles["operator"])

    def arrive(*values: str) -> None:
        identity_claims.send(sender=User, user=user, provider=provider, values=frozenset(values))

    arrive("ops")
    change_assignment(actor=admin, assignment=held(user, "operator"), is_active=False)
    arrive("ops")
    assert (held(user, "operator").is_active, held(user, "operator").provider) == (False, provider)
    change_assignment(actor=admin, assignment=held(user, "operator"), is_active=True)
    change_assignment(actor=admin, assignment=held(user, "operator"), reason="Stays on call")
    row = held(user, "operator")
    assert (row.provider, row.assigned_by) == (None, admin)
    about = {"role": "Operator", "role_id": str(roles["operator"].public_id)}
    assert last_event().after == {**about, "reason": "Stays on call", "by_claims_of": ""}
    arrive()
    assert held(user, "operator").is_active


def test_claims_take_what_is_only_paused(person: MakePerson, roles: Roles) -> None:
    provider = make_provider("https://sso.example.org", allow_private=False, role_claim="groups")
    user = person()
    map_claim(actor=None, provider=provider, value="ops", role=roles["operator"])
    identity_claims.send(sender=User, user=user, provider=provider, values=frozenset({"ops"}))
    change_assignment(actor=None, assignment=held(user, "operator"), is_active=False)
    identity_claims.send(sender=User, user=user, provider=provider, values=frozenset())
    assert not Assignment.objects.lasting().filter(user=user).exists()


def test_many_get_a_role_together(person: MakePerson, roles: Roles) -> None:
    admin, people = person("admin"), [person() for _ in range(3)]
    until = timezone.now() + LATER
    given = assign_people(actor=admin, role=roles["viewer"], people=people, reason="Audit", ends_at=until)
    assert {(row.user_id, row.reason, row.ends_at) for row in given} == {(each.pk, "Audit", until) for each in people}
    events = AuditEvent.objects.filter(action="role.assigned", reason="Audit")
    assert set(events.values_list("target_id", flat=True)) == {str(each.public_id) for each in people}


def test_many_or_none_and_each_is_named(person: MakePerson, roles: Roles) -> None:
    manager, until = person("manager"), timezone.now() + LATER
    fine, above = person("user"), person("admin", full_name="Maren Holt")
    holder, paused = person("viewer", full_name="Ana Ruiz", ends_at=until), person("viewer", full_name="Kofi Mensah")
    change_assignment(actor=None, assignment=held(paused, "viewer"), is_active=False)
    before = AuditEvent.objects.count()
    with pytest.raises(ValidationError) as refused:
        assign_people(actor=manager, role=roles["viewer"], people=[fine, above, holder, paused])
    [sentence] = refused.value.messages
    assert sentence.startswith("Maren Holt holds a role beyond your reach.")
    assert not Assignment.objects.filter(user=fine, role=roles["viewer"]).exists()
    assert AuditEvent.objects.count() == before
    given = assign_people(actor=manager, role=roles["viewer"], people=[fine, holder, paused])
    assert [row.user for row in given] == [fine]
    assert (held(holder, "viewer").ends_at, held(paused, "viewer").is_active) == (until, False)


def test_nobody_gives_many_what_they_lack(person: MakePerson, roles: Roles) -> None:
    peer = create_role(actor=None, name="Peer", priority=80, permissions=["audit.read"])
    for role in (roles["admin"], roles["operator"], peer):
        with pytest.raises(PermissionDenied):
            assign_people(actor=person("manager"), role=role, people=[person()])


def test_a_role_that_is_gone_is_said_to_be(person: MakePerson, roles: Roles) -> None:
    role = create_role(actor=None, name="Gone", priority=5, permissions=[])
    role_pk = role.pk
    type(role).objects.filter(pk=role_pk).delete()
    for give in (
        lambda: assign_role(actor=None, user=person(), role=role),
        lambda: assign_people(actor=person("admin"), role=role, people=[person()]),
    ):
        with pytest.raises(ValidationError, match="deleted in the meantime"):
            give()


def test_the_person_reads_what_changed_and_no_reason(person: MakePerson, roles: Roles) -> None:
    user, until = person("viewer", time_zone="UTC"), timezone.now() + LATER
    row = held(user, "viewer")
    for changes in (
        {"is_active": False},
        {"is_active": True, "ends_at": until},
        {"ends_at": None},
        {"reason": "Secret"},
    ):
        row = change_assignment(actor=None, assignment=row, **changes)
    revoke_role(actor=None, user=user, role=roles["viewer"], reason="Secret")
    events = AuditEvent.objects.filter(target_id=str(user.public_id)).order_by("-sequence")[:5]
    assert [line.words for line in told(events, user)] == [
        "Role ended: Viewer",
        "Role Viewer changed",
        "Role Viewer changed: without an end",
        f"Role Viewer changed: counts again, until {exact(until)}",
        "Role Viewer changed: paused",
    ]
