"""The circumstances of an act: set once by middleware, read where the act is recorded.

They travel in a ContextVar, so that actions stay plain functions and a page, a command and a task call them alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_network
from typing import Any, Protocol, runtime_checkable

from settings_store.addresses import parse_address


@runtime_checkable
class Actor(Protocol):
    """Whoever acts, as far as this floor knows people: a key and a name."""

    @property
    def pk(self) -> Any: ...

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Circumstances:
    address: str | None = None
    user_agent: str = ""
    request_id: str = ""
    session_id: str = ""
    key_id: str = ""
    impersonator: Actor | None = None
    # When the request came, by time.monotonic().
    came: float | None = None

    @property
    def source(self) -> str:
        """Whom a limit by address counts: an address, but a whole /64 of IPv6, in which one client chooses freely."""
        found = parse_address(self.address or "")
        if isinstance(found, IPv6Address):
            return str(ip_network((found, 64), strict=False))
        return str(found or "unknown")


NOWHERE = Circumstances()
_current: ContextVar[Circumstances] = ContextVar("circumstances", default=NOWHERE)


def current() -> Circumstances:
    """The circumstances of what is being done now; empty outside a request."""
    return _current.get()


def begin(circumstances: Circumstances = NOWHERE) -> None:
    """Forget what was set before and start from these."""
    _current.set(circumstances)


def update(**changes: Any) -> Circumstances:
    """Add what was learnt later in the request, such as the session."""
    changed = replace(_current.get(), **changes)
    _current.set(changed)
    return changed


@contextmanager
def circumstances(**changes: Any) -> Iterator[Circumstances]:
    """Act under changed circumstances for the length of a block."""
    before = _current.get()
    try:
        yield update(**changes)
    finally:
        _current.set(before)
