"""Ending sessions: a deleted row is refused at the very next request."""

from __future__ import annotations

from django.contrib import auth
from django.db import transaction
from django.http import HttpRequest

from accounts import rules
from accounts.models import Session, User
from settings_store import audit


@transaction.atomic
def revoke_session(*, actor: User, session: Session) -> None:
    """End one session, one's own or that of somebody the actor may act upon."""
    person = session.user
    if person is not None and person != actor:
        rules.ask(actor, person, "revoke_session")
    if not Session.objects.filter(pk=session.pk).delete()[0]:
        return
    audit.record(
        "session.revoked",
        actor=actor,
        target=person,
        before={"session": str(session.public_id), "device": session.device, "address": session.address},
    )


@transaction.atomic
def revoke_all_sessions(*, request: HttpRequest, user: User) -> None:
    """End all sessions of somebody who asks for it, that of this browser too."""
    ended = Session.objects.filter(user=user).delete()[0]
    auth.logout(request)
    audit.record("session.revoked", actor=user, target=user, before={"sessions": ended})


@transaction.atomic
def revoke_other_sessions(*, actor: User, user: User, keep: Session | None = None) -> int:
    """End all sessions of `user` but `keep`; answers how many."""
    if user != actor:
        rules.ask(actor, user, "revoke_session")
    ended: int = Session.objects.filter(user=user).exclude(pk=keep.pk if keep else "").delete()[0]
    if ended:
        audit.record("session.revoked", actor=actor, target=user, before={"sessions": ended})
    return ended
