"""/settings/: the grid of key and environment, whose rows open to be changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from settings_store import grid, proposals
from settings_store.definitions import Definition
from settings_store.fingerprints import may_compare
from settings_store.forms import SettingForm
from settings_store.grid import GridLine
from settings_store.holding import DEFAULT, PLACES
from settings_store.own import every_definition
from settings_store.realms import Realm
from settings_store.views.pieces import definition_or_404, environment_or_404, form_context
from ui.guard import requires

PER_PAGE = 200


@requires("settings.read")
@require_safe
def setting_list(request: HttpRequest) -> HttpResponse:
    retired = "retired" in request.GET
    every = every_definition(retired=retired)
    sections = grid.sections_of(every)
    group = request.GET.get("group", "")
    group = group if group in sections else ""
    words = request.GET.get("q", "")[:200]
    differing = "differs" in request.GET
    pair, prints = _pair(request), may_compare(request.user)
    chosen = [definition for definition in every if not group or grid.section_of(definition, sections) == group]
    chosen.sort(key=lambda definition: (sections[grid.section_of(definition, sections)].casefold(), definition.key))
    if words or differing or pair:
        lines = [
            line
            for line in grid.lines_of(chosen)
            if line.holds(words)
            and (line.differs or not differing)
            and (not pair or line.unequal(*pair, prints=prints))
        ]
        shown, more = _page(request, lines, [line.definition.key for line in lines])
    else:
        some, more = _page(request, chosen, [definition.key for definition in chosen])
        shown = grid.lines_of(some)
    context = {
        "sections": _by_section(shown, sections),
        "tabs": sections,
        "group": group,
        "total": len(every),
        "words": words,
        "differing": differing,
        "pair": ":".join(pair) if pair else "",
        "pairs": grid.PAIRS,
        "retired": retired,
        "more": more,
        "filtered": bool(words or differing or pair or retired),
        "counts": proposals.counts(Realm.SETTINGS),
    }
    return render(request, "settings_store/setting_list.html", context | columns_context(request))


@requires("settings.read")
@require_safe
def setting_row(request: HttpRequest, key: str) -> HttpResponse:
    """One line of the grid, open for a change in one environment where `form` is asked for."""
    definition = definition_or_404(key)
    environment = environment_or_404(request, definition)
    opened = "form" in request.GET and request.user.has_perm("settings.write")
    return row(request, definition, environment, opened=opened)


def row(
    request: HttpRequest,
    definition: Definition,
    environment: str,
    *,
    opened: bool = False,
    form: SettingForm | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """One line of the grid as an answer to htmx, where a form is sent to be put right with that form open."""
    context: dict[str, Any] = {
        "line": grid.lines_of([definition])[0],
        "opened": environment if opened else "",
        "returned": environment,
    }
    if opened:
        context |= form_context(request, definition, environment, context["line"], form=form, in_place=True, **more)
    context |= columns_context(request)
    return render(request, "settings_store/setting_list.html#line", context, status=status)


def columns_context(request: HttpRequest) -> dict[str, Any]:
    """Which environments are shown, and the piece of an address that keeps it so."""
    asked = request.GET.getlist("env")
    columns = [environment for environment in PLACES if environment in asked] or list(PLACES)
    is_narrowed = len(columns) < len(PLACES)
    return {
        "columns": columns,
        "every_column": PLACES,
        "narrowed": is_narrowed,
        "width": len(columns) + 1,
        "here": settings.ENVIRONMENT,
        "kept": "&" + urlencode({"env": columns}, doseq=True) if is_narrowed else "",
        "common": DEFAULT,
    }


def _pair(request: HttpRequest) -> tuple[str, str] | None:
    left, _colon, right = request.GET.get("unequal", "").partition(":")
    return (left, right) if (left, right) in grid.PAIRS else None


def _page[T](request: HttpRequest, found: Sequence[T], keys: Sequence[str]) -> tuple[list[T], str]:
    """As many as fit on a page from the asked key on, and the key that the next one starts with."""
    start = keys.index(asked) if (asked := request.GET.get("from", "")) in keys else 0
    following = keys[start + PER_PAGE : start + PER_PAGE + 1]
    return list(found[start : start + PER_PAGE]), following[0] if following else ""


def _by_section(lines: Iterable[GridLine], sections: Mapping[str, str]) -> list[tuple[str, list[GridLine]]]:
    by_section: dict[str, list[GridLine]] = {}
    for line in lines:
        by_section.setdefault(grid.section_of(line.definition, sections), []).append(line)
    return [(sections[name], some) for name, some in by_section.items()]
