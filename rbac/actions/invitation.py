"""Inviting people into a role."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import registration
from accounts.actions.registration import invitation_end
from accounts.actions.user import refuse_taken, save_person
from accounts.mail import send_later
from accounts.models import User
from accounts.names import clean_email
from accounts.signals import user_registered
from rbac.actions.assignment import assign_role, lock_all_roles
from rbac.models import Role
from rbac.rules import grant_refusal, right_refusal
from settings_store import audit


@transaction.atomic
def invite(
    *, actor: User, emails: Sequence[str], role: Role, ends_at: datetime | None = None, days: int | None = None
) -> list[User]:
    """Make these people and give each `role`, until `ends_at`; they come by a link that is good for `days`.

    All or none: ValidationError where one of the addresses is taken, PermissionDenied where the role is out of reach.
    """
    if not registration.may_invite():
        raise ValidationError(_("Invitations are switched off (accounts.registration.policy)."), code="refused")
    # Before anybody is made, as by everybody who makes people.
    lock_all_roles()
    if refusal := right_refusal(actor, "users.write"):
        raise PermissionDenied(refusal)
    until = invitation_end(days)
    people = [_made(actor, clean_email(email), until) for email in emails]
    for person in people:
        if refusal := grant_refusal(actor, person, role):
            raise PermissionDenied(refusal)
        user_registered.send(sender=User, user=person, actor=actor)
        send_later("invitation", to=person)
    # The trail is written last, for its end is locked from there on.
    for person in people:
        assign_role(actor=actor, user=person, role=role, ends_at=ends_at)
        facts = {"email": person.email, "username": person.username, "invited_until": until.isoformat()}
        audit.record("user.invited", actor=actor, target=person, after={**facts, "role": role.name})
    return people


def _made(actor: User, email: str, until: datetime) -> User:
    refuse_taken(email=email)
    person = User(
        username=registration.suggested_username(email),
        email=email,
        joined_by=User.JoinedBy.INVITED,
        invited_until=until,
        created_by=actor,
        password=make_password(None),
    )
    save_person(person)
    return person
