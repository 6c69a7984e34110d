"""Every address the product answers, read from its URLconf, so that a route added later is tested without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from django.urls import URLPattern, URLResolver, get_resolver

from settings_store.realms import Realm
from ui.guard import Access, View, declared_access

# What stands for each kind of parameter: nothing that exists.
UNKNOWN = {
    "uuid": str(UUID(int=2**127)),
    "int": str(2**62),
    "str": "nothing",
    "slug": "nothing",
    "path": "nothing",
}
# What flags share with settings has an address in each of the two.
REALM = "<realm:realm>"
PARAMETER = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")


@dataclass(frozen=True, slots=True)
class Route:
    """One pattern with its view: `route` as written ("users/<uuid:user_id>/"), `path` with ids of nothing.

    Where it is that of settings and of flags, `realm` says of which, and `route` has it in its place.
    """

    route: str
    view: View
    realm: Realm | None = None
    # As `{% url %}` writes it, with its namespace.
    name: str = ""

    @property
    def access(self) -> Access | None:
        access = declared_access(self.route, self.view)
        if access is None or self.realm is None:
            return access
        permission, also = (name.replace("<realm>", self.realm) for name in (access.permission, access.also))
        return replace(access, permission=permission, also=also)

    @property
    def parameters(self) -> list[str]:
        return [match["name"] for match in PARAMETER.finditer(self.route)]

    @property
    def path(self) -> str:
        return self.path_to()

    @property
    def is_foreign(self) -> bool:
        """Whether another package answers here, by rules of its own within the declared access."""
        return self.route.startswith("admin/")

    def path_to(self, **ids: object) -> str:
        """The address with these parameters, the others pointing to nothing."""

        def fill(match: re.Match[str]) -> str:
            return str(ids.get(match["name"], UNKNOWN[match["kind"] or "str"]))

        # Any text at all.
        plain = re.sub(r"\(\?P(<\w+>)\[\\s\\S\]\+\)\\Z", r"\1", self.route)
        # The admin writes some patterns as regular expressions: the first choice of each stands for all.
        plain = re.sub(r"\(\?P<\w+>([^)|]*)[^)]*\)", r"\1", plain).translate({ord("^"): "", ord("$"): ""})
        return "/" + PARAMETER.sub(fill, plain.replace(".*", "nothing"))


def routes() -> list[Route]:
    return list(_walk(get_resolver("config.urls").url_patterns))


def _walk(
    patterns: list[URLPattern | URLResolver], prefix: str = "", namespaces: tuple[str, ...] = ()
) -> Iterator[Route]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            within = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _walk(pattern.url_patterns, route, within)
            continue
        name = ":".join((*namespaces, pattern.name or ""))
        if REALM in route:
            yield from (Route(route.replace(REALM, realm), pattern.callback, realm, name) for realm in Realm)
        else:
            yield Route(route, pattern.callback, name=name)
