"""People as this floor knows them: through Django's own authentication backends, with the rights of this moment.

What only higher floors know of them — roles, names, who there is — they tell through the directory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody as lists of choices name them."""

    pk: int
    name: str
    # What tells them from others of the same name: the username.
    login: str
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Directory:
    """What a higher floor tells of people and roles; each asks the database a fixed number of questions."""

    # Every role by primary key, the highest first.
    roles: Callable[[], dict[int, str]]
    # The roles that count now for one person; none for somebody deactivated.
    role_ids: Callable[[int], frozenset[int]]
    # These people, those not active any more too.
    people: Callable[[Collection[int]], dict[int, Known]]
    # The person with this public id, username or e-mail address, written in any case; deactivated ones too.
    named: Callable[[str], Known | None]
    # The first few of those the viewer may see in whom these words occur.
    search: Callable[[Any, str], list[Known]]
    # Those the viewer may see who have exactly this whole name, in any case: the first few; deactivated ones too.
    called: Callable[[Any, str], list[Known]]
    # Whether the viewer may see this person.
    sees: Callable[[Any, int], bool]
    # Everybody active, with the roles that count now.
    everybody: Callable[[], Iterable[tuple[int, frozenset[int]]]]


_directory: Directory | None = None


def keep_directory(directory: Directory) -> None:
    global _directory
    _directory = directory


def directory() -> Directory:
    """Raises LookupError where no higher floor is there to tell."""
    if _directory is None:
        raise LookupError("Nobody knows of people and roles here.")
    return _directory
