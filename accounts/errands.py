"""What a task does later in somebody's name: as who they are by then, with the rights they have by then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth import get_backends
from django.utils import timezone, translation

from accounts.models import User
from settings_store import circumstances


def around() -> dict[str, Any]:
    """Where the errand was given, for the trail; acting as somebody else ends with the request."""
    facts = asdict(circumstances.current())
    facts.pop("impersonator")
    return facts


@contextmanager
def in_name_of(user_id: int | None, around: dict[str, Any]) -> Iterator[User | None]:
    """The person with the rights of this moment, in the circumstances, the words and the times of their errand.

    None where they may not act any more, because they are deactivated or gone.
    """
    person = present(user_id) if user_id is not None else None
    with circumstances.circumstances(**around), as_read_by(person):
        yield person


@contextmanager
def as_read_by(person: User | None) -> Iterator[None]:
    """Words and times as this person has them; those of the house for nobody."""
    language = person.language if person and person.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    with translation.override(language), timezone.override(_zone(person)):
        yield


def present(user_id: int) -> User | None:
    """The active person of this key with the rights of this moment, as a request would load them."""
    people = (backend.get_user(user_id) for backend in get_backends() if hasattr(backend, "get_user"))
    return next((person for person in people if isinstance(person, User) and person.is_active), None)


def _zone(person: User | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(person.time_zone) if person else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
