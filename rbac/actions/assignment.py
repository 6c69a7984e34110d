"""Giving roles to people, changing for how long they hold them, and taking them away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypedDict, Unpack

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import IdentityProvider, User
from rbac.backend import forget
from rbac.models import Assignment, Role
from rbac.rules import (
    grant_refusal,
    is_last_admin,
    last_admin_sentence,
    person_refusal,
    read_ahead,
    right_refusal,
    role_grant_refusal,
)
from rbac.system_roles import ADMIN, DEFAULT
from settings_store import audit


class Terms(TypedDict, total=False):
    """What an edit of an assignment may touch."""

    reason: str
    starts_at: datetime | None
    ends_at: datetime | None
    is_active: bool


FIELDS = tuple(Terms.__annotations__)
# What every event says of the role.
ABOUT = frozenset({"role", "role_id"})
# Whoever changes these decides by hand what a provider's claims had decided; to pause is not to take over.
BY_HAND = frozenset(FIELDS) - {"is_active"}


@dataclass
class StaleAssignment(Exception):
    """Somebody else changed the assignment meanwhile: the row as it is now."""

    row: Assignment

    def __str__(self) -> str:
        return f"{self.row} has been changed by now"


@dataclass
class EndedAssignment(Exception):
    """What was to be changed has ended or run out meanwhile."""

    assignment: Assignment

    def __str__(self) -> str:
        return f"{self.assignment} has ended by now"


@transaction.atomic
def assign_role(
    *,
    actor: User | None,
    user: User,
    role: Role,
    reason: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    provider: IdentityProvider | None = None,
) -> Assignment:
    """Give `role` to `user`, from and until when; held already or paused, it counts again with these dates and reason.

    What has run out stays as history. With `provider` it was that one's claims that gave it, and may take it again;
    given by hand, it stays.
    """
    _begin(actor, role, user)
    if refusal := grant_refusal(actor, user, role):
        raise PermissionDenied(refusal)
    if sentence := end_refusal(starts_at, ends_at):
        raise ValidationError({"ends_at": sentence})
    assignment = _current(user, role)
    before = _facts(assignment)
    wanted = {
        "is_active": True,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "reason": reason,
        "provider": provider,
    }
    if assignment is not None and all(getattr(assignment, name) == value for name, value in wanted.items()):
        return assignment
    _keep_an_admin(user, role, starts_at=starts_at, ends_at=ends_at)
    facts = {**wanted, "assigned_by": actor, "assigned_at": timezone.now()}
    if assignment is None:
        assignment = Assignment.objects.create(user=user, role=role, **facts)
    else:
        for name, value in facts.items():
            setattr(assignment, name, value)
        assignment.save(update_fields=list(facts))
    forget(user)
    audit.record("role.assigned", actor=actor, target=user, before=before, after=_facts(assignment), reason=reason)
    return assignment


@transaction.atomic
def assign_people(
    *,
    actor: User,
    role: Role,
    people: Sequence[User],
    reason: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> list[Assignment]:
    """Give `role` to all of these people, or to none: ValidationError says of each who cannot get it why.

    Whoever holds it already, be it paused, keeps it as it is, and is not among those answered.
    """
    _begin(actor, role)
    if refusal := role_grant_refusal(actor, role):
        raise PermissionDenied(refusal)
    # The first event locks the end of the trail, so all whom the rows will refer to are locked before.
    keys = [person.pk for person in people]
    list(User.objects.select_for_update().filter(pk__in=keys).order_by("pk").values_list("pk"))
    read_ahead(people)
    held = set(Assignment.objects.lasting().filter(role=role, user__in=keys).values_list("user_id", flat=True))
    fresh = [person for person in people if person.pk not in held]
    if wrong := [refusal for person in fresh if (refusal := person_refusal(actor, person))]:
        raise ValidationError(wrong)
    return [
        assign_role(actor=actor, user=person, role=role, reason=reason, starts_at=starts_at, ends_at=ends_at)
        for person in fresh
    ]


@transaction.atomic
def change_assignment(
    *, actor: User | None, assignment: Assignment, seen: str = "", **changes: Unpack[Terms]
) -> Assignment:
    """Change its reason and dates, pause it (`is_active` False) or resume it; counts at the next request.

    Only the fields of `FIELDS`, and nothing happens where nothing differs. Raises EndedAssignment where it is over by
    now, and StaleAssignment where it is no longer as `seen` (an `edition`). What a provider's claims gave stays theirs
    while it is only paused and resumed; else it is given by hand from now on.
    """
    if unknown := changes.keys() - set(FIELDS):
        raise TypeError(f"change_assignment cannot change {', '.join(sorted(unknown))}")
    user, role = assignment.user, assignment.role
    _begin(actor, role, user)
    if refusal := grant_refusal(actor, user, role):
        raise PermissionDenied(refusal)
    row = Assignment.objects.lasting().select_related("user", "role").filter(user=user, role=role).first()
    if row is None:
        raise EndedAssignment(assignment)
    changed: dict[str, Any] = {name: value for name, value in changes.items() if getattr(row, name) != value}
    if not changed:
        return row
    if seen and seen != edition(row):
        raise StaleAssignment(row)
    wanted = {name: changed.get(name, getattr(row, name)) for name in FIELDS}
    if changed.keys() & {"starts_at", "ends_at"} and (sentence := end_refusal(wanted["starts_at"], wanted["ends_at"])):
        raise ValidationError({"ends_at": sentence})
    _keep_an_admin(user, role, starts_at=wanted["starts_at"], ends_at=wanted["ends_at"], is_active=wanted["is_active"])
    before = _noted(row)
    if row.provider_id is not None and BY_HAND & changed.keys():
        changed |= {"provider": None, "assigned_by": actor}
    for name, value in changed.items():
        setattr(row, name, value)
    row.save(update_fields=list(changed))
    forget(user)
    audit.record("assignment.changed", actor=actor, target=user, **audit.changes(before, _noted(row), also=ABOUT))
    return row


@transaction.atomic
def revoke_role(*, actor: User | None, user: User, role: Role, reason: str = "") -> None:
    """Take `role` from `user`; counts at the next request."""
    _begin(actor, role, user)
    assignment = _current(user, role)
    if assignment is None:
        return
    if refusal := grant_refusal(actor, user, role):
        raise PermissionDenied(refusal)
    _keep_an_admin(user, role, is_active=False)
    before = _facts(assignment)
    _close(assignment, ended_by=actor, end_reason=reason, ended_at=timezone.now())
    forget(user)
    audit.record("role.revoked", actor=actor, target=user, before=before, reason=reason)


def edition(assignment: Assignment) -> str:
    """A word for the assignment as it stands, by which a form knows later whether it still does."""
    facts = [assignment.pk, *(getattr(assignment, name) for name in FIELDS), assignment.provider_id]
    return sha256(json.dumps(facts, default=str).encode()).hexdigest()[:20]


def end_refusal(starts_at: datetime | None, ends_at: datetime | None) -> str | None:
    """Why nothing can run until `ends_at`."""
    if ends_at is None:
        return None
    if ends_at <= timezone.now():
        return _("The end must lie in the future.")
    if starts_at is not None and ends_at <= starts_at:
        return _("The end must lie after the beginning.")
    return None


@transaction.atomic
def ending_refusal(*, user: User, role: Role) -> str | None:
    """Why nobody at all may end `role` for `user`: without it, nobody would be admin for good."""
    if role.system_key != ADMIN or not is_last_admin(user):
        return None
    # An admin by break-glass stays one without the role.
    if User.objects.filter(pk=user.pk, is_superuser=True).exists():
        return None
    return last_admin_sentence(user)


def give_default_role(*, user: User, actor: User | None = None, has_rights: bool = False, **kwargs: Any) -> str | None:
    """Make every newly registered person a user of the house; heard from accounts.

    An invitation names its own role, and so may a line of a file (`has_rights`). Nobody makes somebody who could do
    what they may not give: then there is none, and the answer says so.
    """
    if user.joined_by == User.JoinedBy.INVITED or has_rights:
        return None
    role = Role.objects.filter(system_key=DEFAULT).first()
    if role is None:
        return None
    if grant_refusal(actor, user, role):
        return _("%(person)s has no role: %(role)s is not yours to give.") % {"person": user, "role": role}
    assign_role(actor=None, user=user, role=role)
    return None


def lock_all_roles() -> None:
    """Hold all roles, in the order in which everybody takes them who needs more than one."""
    list(Role.objects.select_for_update().order_by("pk").values_list("pk"))


def _begin(actor: User | None, role: Role, user: User | None = None) -> None:
    """Hold the role, and read anew what actor and person may: it may have changed while the lock was waited for."""
    _lock(role)
    if user is not None:
        forget(user)
    if refusal := right_refusal(actor, "users.write"):
        raise PermissionDenied(refusal)


def _lock(role: Role) -> None:
    """Hold the role: acts upon who has it wait for each other, so two admins cannot take each other's role at once."""
    if Role.objects.select_for_update().filter(pk=role.pk).values_list("pk").first() is None:
        raise ValidationError(_("The role %(role)s was deleted in the meantime.") % {"role": role}, code="gone")


def _keep_an_admin(
    user: User,
    role: Role,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    is_active: bool = True,
) -> None:
    """Raise ValidationError where nobody would be admin for good if `user` held `role` like this from now on."""
    is_for_good = is_active and ends_at is None and (starts_at is None or starts_at <= timezone.now())
    if not is_for_good and (sentence := ending_refusal(user=user, role=role)):
        raise ValidationError(sentence, code="refused")


def _current(user: User, role: Role) -> Assignment | None:
    """The assignment of this role that has not ended; one that ran out is put into the history on the way."""
    found = Assignment.objects.filter(user=user, role=role, is_open=True).first()
    if found is not None and found.ends_at is not None and found.ends_at <= timezone.now():
        _close(found, ended_at=found.ends_at)
        return None
    return found


def _close(assignment: Assignment, *, ended_at: datetime, ended_by: User | None = None, end_reason: str = "") -> None:
    assignment.is_open, assignment.is_active = None, False
    assignment.ended_at, assignment.ended_by, assignment.end_reason = ended_at, ended_by, end_reason
    assignment.save(update_fields=["is_open", "is_active", "ended_at", "ended_by", "end_reason"])


def _facts(assignment: Assignment | None) -> dict[str, Any] | None:
    if assignment is None:
        return None
    return {
        "role": assignment.role.name,
        # By it the history of the role finds the event, whatever the role is called by then.
        "role_id": str(assignment.role.public_id),
        "from": assignment.starts_at.isoformat() if assignment.starts_at else None,
        "until": assignment.ends_at.isoformat() if assignment.ends_at else None,
        **({} if assignment.is_active else {"paused": True}),
    }


def _noted(assignment: Assignment) -> dict[str, Any]:
    """What the trail notes of one that is changed."""
    return {
        **(_facts(assignment) or {}),
        "paused": not assignment.is_active,
        "reason": assignment.reason,
        "by_claims_of": str(assignment.provider) if assignment.provider else "",
    }
