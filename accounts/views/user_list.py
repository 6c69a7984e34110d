"""The people in one's sight: found as one types, narrowed down, and taken out as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from accounts import actions, bulk
from accounts.exporting import as_far_as_now, lines
from accounts.http import HtmxHttpRequest
from accounts.listing import listing
from accounts.models import User
from accounts.status import Status, status_of
from accounts.teams import shown_supervisor
from settings_store.database import close_connections
from ui.guard import requires
from ui.keyset import paginate
from ui.registry import UserColumn, registry

ORDERS = {"name": ("name_key",), "created": ("-created_at",), "seen": ("-last_login",)}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: a person and what higher floors know of them."""

    person: User
    status: Status
    supervisor: User | None
    cells: list[tuple[UserColumn, Any]]


@requires("users.read")
@require_safe
def user_list(request: HtmxHttpRequest) -> HttpResponse:
    asked = listing(request)
    page = paginate(asked.people.select_related("supervisor", "lockout"), request, order=ORDERS, default="name")
    acts = bulk.offered(request.user)
    # Nobody counts what fits on one page.
    counted = len(page.rows)
    if acts and (page.newer_url or page.older_url):
        counted = asked.people.order_by()[: bulk.MOST + 1].count()
    context = {
        "asked": asked,
        "page": page,
        "rows": _rows(page.rows, request.user),
        "columns": _columns(),
        "acts": acts,
        "counted": counted,
        "most": bulk.MOST,
    }
    if request.htmx.target != "people" or request.htmx.history_restore_request:
        return render(request, "accounts/user_list.html", context)
    answer = render(request, "accounts/user_list.html#answer", context)
    query = asked.query.urlencode()
    answer["HX-Push-Url"] = reverse("accounts:user_list") + (f"?{query}" if query else "")
    return answer


@requires("users.read")
@require_GET
def user_export(request: HtmxHttpRequest) -> HttpResponseBase:
    """Everybody the filters show as a file, which the trail takes note of."""
    asked = listing(request)
    actions.record_export(actor=request.user, count=asked.people.count(), filters=asked.filters)
    # The thread of this request lives as long as the stream does, and must hold no connection meanwhile.
    close_connections()
    name = f"users-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        lines(asked.people, viewer=request.user, columns=_columns(), allowed=as_far_as_now(request, "users.read")),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _columns() -> list[UserColumn]:
    return sorted(registry.user_columns, key=lambda column: column.order)


def _rows(people: Sequence[User], viewer: User) -> list[Row]:
    columns = _columns()
    values = [column.values(people) for column in columns]
    now = timezone.now()
    return [
        Row(
            person,
            status_of(person, now=now),
            shown_supervisor(person, viewer),
            [(column, known.get(person.pk)) for column, known in zip(columns, values, strict=True)],
        )
        for person in people
    ]
