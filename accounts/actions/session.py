"""Ending sessions: a deleted row is refused at the very next request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.contrib import auth
from django.contrib.auth import SESSION_KEY
from django.db import transaction
from django.http import HttpRequest

from accounts import rules
from accounts.actions.impersonation import record_over
from accounts.models import Device, Session, User
from accounts.models.session import SessionQuerySet
from accounts.sessions import SessionStore
from settings_store import audit


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of passwords, factors or connections brought with it."""

    sessions_ended: int
    devices_forgotten: int


@transaction.atomic
def revoke_session(*, actor: User, session: Session) -> None:
    """End one session, one's own or that of somebody the actor may act upon."""
    person = session.user
    if person is not None and person != actor:
        rules.ask(actor, person, "revoke_session")
    if not end_sessions(Session.objects.get_queryset().filter(pk=session.pk)):
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
    ended = end_sessions(sessions_of(user))
    auth.logout(request)
    audit.record("session.revoked", actor=user, target=user, before={"sessions": ended})


@transaction.atomic
def revoke_other_sessions(*, actor: User, user: User, keep: Session | None = None) -> int:
    """End all sessions of `user` but `keep`; answers how many."""
    if user != actor:
        rules.ask(actor, user, "revoke_session")
    ended = end_sessions(sessions_of(user, besides=keep))
    if ended:
        audit.record("session.revoked", actor=actor, target=user, before={"sessions": ended})
    return ended


@transaction.atomic
def drop_session(*, request: HttpRequest) -> None:
    """End the session of this browser, whoever had it, because somebody is about to come in anew."""
    row = row_of(request)
    request.session.flush()
    record_over([row] if row is not None else [])


def shut_others_out(user: User, *, keep: Session | None = None) -> Changed:
    """End all sessions of `user` but `keep`, and remember none of their browsers, inside the transaction of an act."""
    forgotten = Device.objects.filter(user=user).remembered().update(trusted_until=None)
    return Changed(end_sessions(sessions_of(user, besides=keep)), forgotten)


def sessions_of(user: User, *, besides: Session | None = None) -> SessionQuerySet:
    mine = Session.objects.get_queryset().filter(user=user)
    return mine.exclude(pk=besides.pk) if besides is not None else mine


def end_sessions(sessions: SessionQuerySet) -> int:
    """End these sessions and what was done in them as somebody else; answers how many."""
    acting = list(sessions.exclude(acting_as=None).select_related("user", "acting_as"))
    ended: int = sessions.delete()[0]
    record_over(acting)
    return ended


def row_of(request: HttpRequest) -> Session | None:
    """The row of this browser's session, whoever's it is."""
    store = cast(SessionStore, request.session)
    # It is loaded when something in it is first asked for.
    store.get(SESSION_KEY)
    return store.row
