"""Who may call a view: the one decorator every view of the house carries.

A view says ``@public``, ``@signed_in`` or ``@requires("settings.write")``; ``access_of`` reads it back, so that
middleware can refuse a route that says nothing and a test can walk them all. Permissions are asked through Django's
own ``request.user.has_perm``, so this floor knows nothing of roles.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from ui.registry import Obstacle, registry

STEP_UP_SECONDS = 600
STEP_UP_SESSION_KEY = "stepped_up_at"


class Dialect(StrEnum):
    """How a route for programs refuses: in the words of OpenFeature's OFREP, or as problem details (RFC 9457)."""

    OFREP = "ofrep"
    PROBLEM = "problem"


# What a refusal carries where somebody acts as somebody else: no permission would help.
IN_PERSON = "in person"

# A part of the address that says whose permission is meant: "<realm>.read".
_PART = re.compile(r"<(\w+)>")

type View = Callable[..., Any]


class Kind(StrEnum):
    PUBLIC = "public"
    SIGNED_IN = "signed in"
    PERMISSION = "permission"


@dataclass(frozen=True, slots=True)
class Access:
    """What a route declares: its kind, the permission it asks for, and whether a fresh password is needed too.

    What an open page asks in the background, by itself, is no sign that its person is there. A route for programs
    (`api`) refuses in JSON, and sends nobody to a page. What is `in_person` nobody does who acts as somebody else.
    """

    kind: Kind
    permission: str = ""
    # A second permission that is needed as well.
    also: str = ""
    step_up: bool = False
    # The obstacles it is there to clear away, or can be reached in spite of.
    before: frozenset[str] = frozenset()
    background: bool = False
    api: Dialect | None = None
    in_person: bool = False

    def lacking(self, user: Any, parts: Mapping[str, object] | None = None) -> str:
        """The permission this person lacks for a route whose address has these parts; empty where none."""
        wanted = (self.permission, self.also) if self.kind is Kind.PERMISSION else ()
        named = (_PART.sub(lambda found: str((parts or {})[found[1]]), name) for name in wanted if name)
        return next((name for name in named if not user.has_perm(name)), "")


def access_of(view: View) -> Access | None:
    """The access a view declares, or None where it declares nothing and is therefore refused."""
    return getattr(view, "access", None)


# What routes of other packages ask of a person, by the prefix of the route; the roof fills it.
foreign_routes: dict[str, Access] = {}


def declared_access(route: str, view: View) -> Access | None:
    """The access a route declares, by its view or by the longest prefix that speaks for it; None where nothing does."""
    own = access_of(view)
    if own is not None:
        return own
    prefix = max((prefix for prefix in foreign_routes if route.startswith(prefix)), key=len, default=None)
    return foreign_routes[prefix] if prefix is not None else None


def public(view: View) -> View:
    """Anyone may call it, signed in or not."""
    return _guarded(view, Access(Kind.PUBLIC))


def signed_in(
    view: View | None = None,
    *,
    before: Iterable[str] = (),
    step_up: bool = False,
    in_person: bool = False,
    api: Dialect | None = None,
) -> View:
    """Everyone who is signed in, also those in whose way an obstacle named in `before` still stands.

    With `in_person` not those who act as somebody else; what asks for a step-up is in person anyhow. What programs ask
    is `api`, as in `requires`.
    """
    access = Access(
        Kind.SIGNED_IN,
        step_up=step_up,
        before=frozenset(before),
        background=api is not None,
        api=api,
        in_person=in_person or step_up,
    )
    if view is None:
        return lambda view: _guarded(view, access)
    return _guarded(view, access)


def requires(
    permission: str,
    *,
    also: str = "",
    step_up: bool = False,
    background: bool = False,
    api: Dialect | None = None,
    in_person: bool = False,
) -> Callable[[View], View]:
    """Signed-in people holding `permission` ("settings.write"), and `also`; others get 403, never the sign-in page.

    "<realm>.write" is the permission that the part of the address of this name tells: "flags.write" under flags/.
    With `step_up` the password (or factor) must have been given within the last `STEP_UP_SECONDS`. What an open page
    asks by itself is `background`: it does not keep a session alive, and refused it is told in words to stop. What
    programs ask is `api`: they are refused in that JSON, and a session that only they use ends as one nobody uses.
    """
    access = Access(
        Kind.PERMISSION,
        permission=permission,
        also=also,
        step_up=step_up,
        background=background or api is not None,
        api=api,
        in_person=in_person or step_up,
    )
    return lambda view: _guarded(view, access)


def obstacle_of(request: HttpRequest, access: Access) -> Obstacle | None:
    """The first thing that the person of `request`, who is signed in, must do before a route with this access."""
    return next((each for each in registry.obstacles if each.name not in access.before and each.stands(request)), None)


def program_refusal(request: HttpRequest, access: Access, parts: Mapping[str, object]) -> JsonResponse | None:
    """Why a program may not call a route: 401 where nobody is signed in, 403 without the right; None where it may."""
    dialect = access.api or Dialect.PROBLEM
    if not request.user.is_authenticated:
        answer = refuse_program(_("Nobody is signed in."), status=401, dialect=dialect)
        answer["WWW-Authenticate"] = "Session"
        return answer
    if obstacle := obstacle_of(request, access):
        return refuse_program(str(obstacle.sentence), status=403, dialect=dialect)
    if lacking := access.lacking(request.user, parts):
        return refuse_program(_("This needs the permission %(name)s.") % {"name": lacking}, status=403, dialect=dialect)
    if access.in_person and getattr(request, "impersonator", None) is not None:
        return refuse_program(_("Nobody does this while acting as somebody else."), status=403, dialect=dialect)
    return None


def refuse_program(sentence: str, *, status: int, dialect: Dialect, **members: Any) -> JsonResponse:
    """A refusal as programs read it; `members` are further ones of the problem details."""
    if dialect is Dialect.OFREP:
        return JsonResponse({"errorCode": "GENERAL", "errorDetails": sentence}, status=status)
    problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
    return JsonResponse({**problem, **members}, status=status, content_type="application/problem+json")


def may_still(request: HttpRequest, *permissions: str) -> bool:
    """Whether the session of a request that takes long is still open, and its person still holds all of these."""
    now = HttpRequest()
    now.session = type(request.session)(request.session.session_key)
    return get_user(now).has_perms(permissions)


def stepped_up(request: HttpRequest) -> bool:
    """True where this session confirmed its person within the last `STEP_UP_SECONDS`; nobody does so for another."""
    if getattr(request, "impersonator", None) is not None:
        return False
    return time.time() - float(request.session.get(STEP_UP_SESSION_KEY, 0)) < STEP_UP_SECONDS


def ask_step_up(request: HttpRequest) -> HttpResponse:
    """The way to the password and back, for views where only some acts need it; the others say `step_up=True`."""
    if getattr(request, "impersonator", None) is not None:
        raise PermissionDenied(IN_PERSON)
    # A form cannot be carried through the detour, so the person returns to the page it stood on.
    back = request.get_full_path() if request.method == "GET" else request.headers.get("Referer", "/")
    url = f"{resolve_url('step_up')}?{urlencode({'next': back})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def _guarded(view: View, access: Access) -> View:
    if iscoroutinefunction(view):

        @wraps(view)
        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refusal = await sync_to_async(_refusal)(request, access, kwargs)
            return refusal or await view(request, *args, **kwargs)

        guarded: View = guarded_async
    else:

        @wraps(view)
        def guarded_sync(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _refusal(request, access, kwargs) or view(request, *args, **kwargs)

        guarded = guarded_sync
    guarded.access = access  # type: ignore[attr-defined]
    if access.kind is Kind.PUBLIC:
        # Django's LoginRequiredMiddleware reads this mark.
        guarded.login_required = False  # type: ignore[attr-defined]
    return guarded


def _refusal(request: HttpRequest, access: Access, parts: Mapping[str, object]) -> HttpResponse | None:
    if access.api and (refusal := program_refusal(request, access, parts)) is not None:
        return refusal
    if lacking := access.lacking(request.user, parts):
        raise PermissionDenied(lacking)
    if access.in_person and getattr(request, "impersonator", None) is not None:
        raise PermissionDenied(IN_PERSON)
    if access.step_up and not stepped_up(request):
        return ask_step_up(request)
    return None
