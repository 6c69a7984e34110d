"""The rail: which of the registered pages a person may open, in their groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.http import HttpRequest
from django.urls import reverse

from ui.registry import RailEntry, Text, registry


@dataclass(frozen=True, slots=True)
class RailPage:
    label: Text
    url: str
    icon: str
    current: bool
    # How many things wait there for the person.
    count: int = 0


@dataclass(frozen=True, slots=True)
class RailGroup:
    label: Text
    pages: list[RailPage] = field(default_factory=list)


def rail_groups(
    request: HttpRequest, entries: Iterable[RailEntry] | None = None, *, path: str = "", counted: bool = True
) -> list[RailGroup]:
    """The groups of the rail with the pages whose permission the person of `request` holds.

    A page that belongs where somebody came from says so by that `path`. Not `counted`, nothing is asked of a database.
    """
    chosen = sorted(registry.rail if entries is None else entries, key=lambda entry: entry.order)
    allowed = [entry for entry in chosen if not entry.permission or request.user.has_perm(entry.permission)]
    urls = {entry.url_name: reverse(entry.url_name) for entry in allowed}
    # The longest address that begins this one is where we are: /chat/x/ belongs to Chat, not to a shorter neighbour.
    path = path or request.path
    here = max((url for url in urls.values() if path.startswith(url)), key=len, default="")
    groups: dict[str, RailGroup] = {}
    for entry in allowed:
        url = urls[entry.url_name]
        group = groups.setdefault(str(entry.group), RailGroup(entry.group))
        count = entry.count(request) if entry.count and counted else 0
        group.pages.append(RailPage(entry.label, url, entry.icon, current=url == here, count=count))
    return list(groups.values())
