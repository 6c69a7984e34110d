"""The trail as pages show it: page by page, and as the history of one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from settings_store.models import AuditEvent, Proposal
from settings_store.telling import told
from settings_store.trail.reading import BIGGEST, Question, read
from ui.keyset import Page
from ui.registry import registry

PER_PAGE = 50
# As many proposals as one question to the trail names.
MOST = 1000


def page_of(asked: Question, request: HttpRequest, *, also: Question | None = None) -> Page[AuditEvent]:
    """The page of answers that the address asks for: `after` or `before` a sequence, else the newest.

    With `also`, what answers that one stands among them.
    """
    questions = [asked, also] if also is not None else [asked]
    after, before = _place(request, "after"), _place(request, "before")
    backwards = after is None and before is not None
    rows: list[AuditEvent] = []
    if backwards and before is not None:
        rows = _read(questions, above=before, count=PER_PAGE + 1, newest=False)
        more, rows = len(rows) > PER_PAGE, rows[-PER_PAGE:]
    elif after is not None:
        rows = _read(questions, below=after, count=PER_PAGE + 1)
        more, rows = len(rows) > PER_PAGE, rows[:PER_PAGE]
    if not rows:
        # The first page, also where a place has nothing left beyond it.
        after, backwards = None, False
        rows = _read(questions, count=PER_PAGE + 1)
        more, rows = len(rows) > PER_PAGE, rows[:PER_PAGE]
    newer = bool(rows) and (more if backwards else after is not None)
    older = bool(rows) and (backwards or more)
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)

    def url(name: str, event: AuditEvent) -> str:
        place = query.copy()
        place[name] = str(event.sequence)
        return f"?{place.urlencode()}"

    return Page(
        rows=rows,
        sort="time",
        newer_url=url("before", rows[0]) if newer else "",
        older_url=url("after", rows[-1]) if older else "",
        by_time=True,
        columns={"time": ("-sequence",)},
        query=query,
        default="time",
    )


def _read(
    questions: Sequence[Question], *, count: int, above: int = 0, below: int = BIGGEST, newest: bool = True
) -> list[AuditEvent]:
    """What answers any of the questions, each of which is read along an index of its own."""
    found = {
        event.sequence: event
        for each in questions
        for event in read(each, count=count, above=above, below=below, newest=newest)
    }
    rows = [found[sequence] for sequence in sorted(found, reverse=True)]
    return rows[:count] if newest else rows[-count:]


def history(
    request: HttpRequest,
    target_type: str,
    target_id: str,
    *,
    environment: str = "",
    key: str = "",
    also: Question | None = None,
) -> dict[str, Any]:
    """What the history tab of an object shows: the events about it; its page itself asks who may see the object.

    Those of all environments, or of one; with what was proposed to change of `key`, where it is kept under one, and
    with what answers `also`.
    """
    exact = {"target_type": target_type, "target_id": target_id}
    asked = Question(
        exact=exact | ({"environment": environment} if environment else {}),
        proposals=_proposals(key, environment) if key else (),
    )
    page = page_of(asked, request, also=also)
    return {"page": page, "events": told(page.rows)}


def _proposals(key: str, environment: str) -> tuple[str, ...]:
    """The newest proposals about a key, in one environment or in all."""
    found = Proposal.objects.filter(key=key)
    found = found.filter(environment=environment) if environment else found
    return tuple(str(public_id) for public_id in found.order_by("-pk").values_list("public_id", flat=True)[:MOST])


def object_url(request: HttpRequest, event: AuditEvent) -> str:
    """The page of what an event was about, where this person may see it."""
    link = registry.object_links.get(event.target_type)
    return link(request, event.target_id) if link and event.target_id else ""


def _place(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return min(int(text), BIGGEST)
