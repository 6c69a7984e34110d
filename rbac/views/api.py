"""What the routes for programs share: their methods, their rate, and refusals as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from settings_store.limits import reserve
from ui.guard import Dialect, refuse_program

# In a minute, of one session: a program declares or asks a handful when it starts.
MOST_CALLS = 600

type View = Callable[..., HttpResponse]


@dataclass(eq=False)
class Refused(Exception):
    """What cannot be done, with the status and the sentence that say why, and further members of the problem."""

    status: int
    sentence: str
    members: dict[str, Any] = field(default_factory=dict)


def api_call(name: str, *, methods: tuple[str, ...]) -> Callable[[View], View]:
    """One of these methods within the rate of this name; everything else, and what the view refuses, is a problem."""

    def decorate(view: View) -> View:
        @wraps(view)
        def call(request: HttpRequest, **named: Any) -> HttpResponse:
            if request.method not in methods:
                answer = problem(405, _("This address takes %(methods)s.") % {"methods": ", ".join(methods)})
                answer["Allow"] = ", ".join(methods)
                return answer
            reserved = reserve(name, str(request.session.session_key), limit=MOST_CALLS, seconds=60)
            if not reserved.allowed:
                answer = problem(429, _("Too many calls in one minute."))
                answer["Retry-After"] = str(reserved.retry_after)
                return answer
            try:
                return view(request, **named)
            except Refused as refused:
                return problem(refused.status, refused.sentence, **refused.members)
            except PermissionDenied as refusal:
                return problem(403, str(refusal))

        return call

    return decorate


def problem(status: int, sentence: str, **members: Any) -> HttpResponse:
    return refuse_program(sentence, status=status, dialect=Dialect.PROBLEM, **members)
