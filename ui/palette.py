"""The palette: whatever a person may open, found by a few letters. Each floor registers what it has to find."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import resolve, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from ui.guard import access_of, signed_in
from ui.rail import rail_groups
from ui.registry import PaletteItem, PaletteSource, Text, registry

# What a source answers at most, and how much of what was typed is looked at.
FOUND = 6
MAX_LETTERS, MAX_WORDS = 100, 8


@dataclass(frozen=True, slots=True)
class PaletteGroup:
    name: str
    label: Text
    items: Sequence[PaletteItem]


def palette_groups(request: HttpRequest, text: str) -> list[PaletteGroup]:
    """What the person of `request` finds by `text`, in groups; without any text where they are likely to go."""
    groups = []
    for source in sorted(registry.palette, key=lambda source: source.order):
        if (not text and not source.at_first) or (source.permission and not request.user.has_perm(source.permission)):
            continue
        if items := source.find(request, text):
            groups.append(PaletteGroup(source.name, source.label, items))
    return groups


def best[T](things: Iterable[tuple[str, T]], text: str) -> list[T]:
    """Of `things` that carry words of their own, those with every word of `text`; first those that begin with it."""
    wanted = text.casefold()
    found = [(words.casefold(), thing) for words, thing in things if holds(words, wanted)]
    # The order of `things` stays otherwise.
    found.sort(key=lambda each: not each[0].startswith(wanted))
    return [thing for _words, thing in found][:FOUND]


def holds(words: str, text: str) -> bool:
    """Whether each word of `text` stands somewhere in `words`, however it is written."""
    folded = words.casefold()
    return all(word in folded for word in text.casefold().split())


@signed_in
@require_safe
def palette(request: HttpRequest) -> HttpResponse:
    """A page of its own, and for the dialog what was found alone."""
    words = request.GET.get("q", "").replace("\0", "")[:MAX_LETTERS].split()
    text = " ".join(words[:MAX_WORDS])
    groups = palette_groups(request, text)
    count = sum(len(group.items) for group in groups)
    context = {"groups": groups, "text": text, "typed": " ".join(words), "count": count}
    wanted = "ui/palette.html#found" if request.headers.get("HX-Request") else "ui/palette.html"
    response = render(request, wanted, context)
    # It holds names of people and of their talk.
    response["Cache-Control"] = "no-store"
    return response


def _pages(request: HttpRequest, text: str) -> list[PaletteItem]:
    """The pages of the rail, and, once something is typed, those where something is begun."""
    items = [PaletteItem(_("Home"), reverse("home"), "house")]
    for group in rail_groups(request, counted=False):
        items += [PaletteItem(page.label, page.url, page.icon, group.label) for page in group.pages]
    if not text:
        return items
    for page in sorted(registry.palette_pages, key=lambda page: page.order):
        url = reverse(page.url_name)
        if _may_open(request, url):
            items.append(PaletteItem(page.label, url, page.icon))
    return best(((str(item.label), item) for item in items), text)


def _may_open(request: HttpRequest, url: str) -> bool:
    access = access_of(resolve(url).func)
    if access is None or access.lacking(request.user):
        return False
    return not (access.in_person and getattr(request, "impersonator", None) is not None)


PAGES = PaletteSource("pages", _("Pages"), _pages, order=10, at_first=True)
