"""What routes of other packages ask of a person; routes of the house say it themselves (see ``ui.guard``)."""

from __future__ import annotations

from accounts.obstacles import ALL_OBSTACLES
from ui.guard import Access, Kind

# By the longest prefix of the route. The admin's own doors only lead to those of the house.
PREFIXES: dict[str, Access] = {
    "admin/": Access(Kind.PERMISSION, permission="system.read"),
    "admin/login/": Access(Kind.PUBLIC),
    "admin/logout/": Access(Kind.SIGNED_IN, before=ALL_OBSTACLES),
    "admin/password_change/": Access(Kind.SIGNED_IN, before=ALL_OBSTACLES),
    # Only routed on a debug server.
    "__reload__/": Access(Kind.PUBLIC),
}
