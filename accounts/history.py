"""One's own security history: what the trail says about somebody, told to that person in words.

It needs no right to the trail, so it tells less: of others their names, and never where they were or why they acted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.ways import OWN, provider_names
from settings_store.models import AuditEvent
from settings_store.telling import Told
from settings_store.trail.reading import Question
from ui.devices import device_in_words

type Facts = Mapping[str, Any]
# Takes what the event keeps (after over before) and the names of identity providers; answers a sentence.
type Words = Callable[[Facts, Mapping[str, str]], str]


class Kind(models.TextChoices):
    """What people look for."""

    SIGN_IN = "sign-in", gettext_lazy("Sign-ins and sessions")
    REFUSED = "refused", gettext_lazy("Refused tries")
    PASSWORD = "password", gettext_lazy("Password")
    FACTOR = "factor", gettext_lazy("Second factors and devices")
    ROLE = "role", gettext_lazy("Roles")
    DETAILS = "details", gettext_lazy("Details")


@dataclass(frozen=True, slots=True)
class _Writer:
    kind: Kind
    words: Words
    # Whether the act is that of whoever stood before the door, so that the address is theirs and no admin's.
    is_stranger: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One event as its person reads it; `by` is empty where nobody knows who it was."""

    event: AuditEvent
    words: str
    by: str
    device: str
    address: str


_writers: dict[str, _Writer] = {}


def tells(*actions: str, kind: Kind, is_stranger: bool = False) -> Callable[[Words], Words]:
    """Declare the function that words these acts to the person they are about; higher floors do as well."""

    def keep(words: Words) -> Words:
        for action in actions:
            if action in _writers:
                raise ValueError(f"two functions word {action}")
            _writers[action] = _Writer(kind, words, is_stranger)
        return words

    return keep


def worded() -> frozenset[str]:
    """The acts that have words."""
    return frozenset(_writers)


def question(person: User, kind: str) -> Question:
    """What the trail is asked: all about this person, or that of one kind."""
    actions = tuple(action for action, writer in _writers.items() if writer.kind == kind)
    return Question(
        exact={"target_type": User._meta.label_lower, "target_id": str(person.public_id)},
        actions=actions if kind in Kind.values else None,
    )


def told(events: Iterable[AuditEvent], person: User) -> list[Line]:
    """Each event about this person, as it is told to them."""
    every = list(events)
    # Asked for only where somebody came by another door.
    asks = any((event.after or {}).get("by", "") not in OWN for event in every)
    providers = provider_names() if asks else {}
    return [_line(event, person, providers) for event in every]


def told_to_others(rows: Iterable[Told]) -> list[Told]:
    """The same events for those who look after the person: what happened to roles in words, with its reason."""
    return [_worded(row) for row in rows]


def _worded(row: Told) -> Told:
    writer = _writers.get(row.event.action)
    if writer is None or writer.kind is not Kind.ROLE:
        return row
    words = writer.words({**(row.event.before or {}), **(row.event.after or {})}, {})
    return replace(row, line=f"{words} (“{row.event.reason}”)" if row.event.reason else words)


def _line(event: AuditEvent, person: User, providers: Mapping[str, str]) -> Line:
    writer = _writers.get(event.action)
    facts = {**(event.before or {}), **(event.after or {})}
    words = writer.words(facts, providers) if writer else _("Noted about your account: %(act)s") % {"act": event.action}
    by_themselves = event.actor_id == person.pk and event.impersonator_id is None
    shows_place = by_themselves or (writer is not None and writer.is_stranger and event.actor_id is None)
    return Line(
        event=event,
        words=words,
        by="" if writer is not None and writer.is_stranger else _who(event, person),
        device=device_in_words(event.user_agent) if shows_place and event.user_agent else "",
        address=str(event.address or "") if shows_place else "",
    )


def _who(event: AuditEvent, person: User) -> str:
    if event.actor_id == person.pk:
        by_another = _("%(name)s, acting as you") % {"name": event.impersonator_name}
        return _("you") if event.impersonator_id is None else by_another
    return "Gatehouse" if event.actor_id is None else event.actor_name
