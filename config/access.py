"""What routes of other packages ask of a person; routes of the house say it themselves (see ``ui.guard``)."""

from __future__ import annotations

from accounts.obstacles import ALL_OBSTACLES
from ui.guard import Access, Kind, View, access_of

# By the longest prefix of the route. The admin's own doors only lead to those of the house.
PREFIXES: dict[str, Access] = {
    "admin/": Access(Kind.PERMISSION, permission="system.read"),
    "admin/login/": Access(Kind.PUBLIC),
    "admin/logout/": Access(Kind.SIGNED_IN, before=ALL_OBSTACLES),
    "admin/password_change/": Access(Kind.SIGNED_IN, before=ALL_OBSTACLES),
    # Only routed on a debug server.
    "__reload__/": Access(Kind.PUBLIC),
}


def declared_access(route: str, view: View) -> Access | None:
    """The access a route declares, by its view or by this table; None where nothing does."""
    own = access_of(view)
    if own is not None:
        return own
    prefix = max((prefix for prefix in PREFIXES if route.startswith(prefix)), key=len, default=None)
    return PREFIXES[prefix] if prefix else None
