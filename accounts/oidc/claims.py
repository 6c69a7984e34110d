"""What a provider says of somebody, read without trusting its types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.names import EMAIL_LENGTH, storable

SUBJECT_LENGTH = 255
NAME_LENGTH = 150
MAX_VALUES, VALUE_LENGTH = 500, 200
# Seconds since 1970: far in the future.
LATEST = 2**40


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody as a provider vouched for them just now."""

    subject: str
    email: str = ""
    email_verified: bool = False
    username: str = ""
    full_name: str = ""
    # When they proved themselves there (seconds since 1970); None where the provider does not say.
    auth_time: int | None = None
    # What the provider's claim of roles bears.
    values: frozenset[str] = field(default_factory=frozenset)


def read(claims: Mapping[str, Any], *, role_claim: str) -> Vouched:
    """What is used of the claims; whatever is of another type than it should be counts as not said."""
    return Vouched(
        subject=claims["sub"],
        email=_text(claims.get("email"), EMAIL_LENGTH),
        # Some providers write truth values as words.
        email_verified=claims.get("email_verified") in (True, "true"),
        username=_text(claims.get("preferred_username"), NAME_LENGTH),
        full_name=_text(claims.get("name"), NAME_LENGTH),
        auth_time=_moment(claims.get("auth_time")),
        values=values_at(claims, role_claim),
    )


def has(claims: Mapping[str, Any], path: str) -> bool:
    """Whether something stands at the path at all."""
    return _at(claims, path) is not None


def values_at(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The words at a path such as "groups" or "realm_access.roles": of a list, or of one text with spaces or commas."""
    found = _at(claims, path) if path else None
    if isinstance(found, str):
        # With commas, a value may hold spaces; it is never cut both ways, or "Not Admin" would bear "Admin" as well.
        found = found.split(",") if "," in found else found.split()
    if not isinstance(found, list):
        return frozenset()
    words = (item.strip() for item in found[:MAX_VALUES] if isinstance(item, str))
    return frozenset(word for word in words if 0 < len(word) <= VALUE_LENGTH)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    # Some providers have claims whose names are addresses, with dots of their own.
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _moment(value: object) -> int | None:
    # Also infinity is a float, and JSON as Python reads it knows it; bounded, whatever is reckoned with it fits.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        return None
    return int(value)


def _text(value: object, length: int) -> str:
    if not isinstance(value, str) or not storable(value):
        return ""
    text = " ".join(value.split())
    return text if len(text) <= length and text.isprintable() else ""
