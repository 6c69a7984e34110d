"""People as this floor knows them: through Django's own authentication backends, with the rights of this moment."""

from __future__ import annotations

from typing import Any, Protocol

from django.contrib.auth import get_backends

from settings_store.circumstances import Actor


class Person(Actor, Protocol):
    @property
    def is_active(self) -> bool: ...

    def has_perm(self, perm: str, obj: Any = None) -> bool: ...


def person_of(pk: int) -> Person | None:
    """The person of this key, read anew; None for somebody who may not sign in any more."""
    return next(filter(None, (backend.get_user(pk) for backend in get_backends())), None)
