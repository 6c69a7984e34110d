"""The middlewares of the roof: who is let in at all, what is logged, and what every answer says to the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import middleware as auth
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils.deprecation import MiddlewareMixin
from django.utils.encoding import escape_uri_path
from django.utils.http import urlencode
from django_structlog.middlewares import RequestMiddleware

from accounts import impersonation
from ui.guard import Access, Kind, View, declared_access, obstacle_of, program_refusal

PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()" for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
)


# What htmx takes as the end of what it asks for again and again.
STOP_POLLING = 286


class LoginRequiredMiddleware(auth.LoginRequiredMiddleware):
    """Everyone signs in first, clears away what stands before them next, and no route answers that declares nothing."""

    def process_view(
        self, request: HttpRequest, view_func: View, view_args: tuple[Any, ...], view_kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        route = request.resolver_match.route if request.resolver_match else ""
        access = declared_access(route, view_func)
        if access is None:
            raise PermissionDenied
        if access.kind is Kind.PUBLIC:
            return None
        if (answer := impersonation.ended(request, access)) is not None:
            return answer
        if access.api:
            # Programs are never sent to a page.
            return program_refusal(request, access, view_kwargs)
        if access.background and request.headers.get("HX-Request") and not _may(request, access):
            # This status ends the asking, where a refusal would be asked for again every few seconds.
            return render(request, "ui/stopped.html", status=STOP_POLLING)
        if not request.user.is_authenticated:
            url = resolve_url(self.get_login_url(view_func))
            return _send_to(request, f"{url}?{urlencode({'next': _page_of(request)})}")
        if obstacle := obstacle_of(request, access):
            url = resolve_url(obstacle.url_name)
            return _send_to(request, f"{url}?{urlencode({'next': _page_of(request)})}")
        if lacking := access.lacking(request.user, view_kwargs):
            raise PermissionDenied(lacking)
        return None


def _may(request: HttpRequest, access: Access) -> bool:
    return request.user.is_authenticated and (not access.permission or request.user.has_perm(access.permission))


class RequestLogMiddleware(RequestMiddleware):
    """Logs each request by its path alone: what people search for stands behind it and is nobody else's business."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {escape_uri_path(request.path)}"


class SecurityHeadersMiddleware(MiddlewareMixin):
    """Pages are for one person at one moment: no cache keeps them, no other site embeds or reads them."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        headers = response.headers
        headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        # The older form of frame-ancestors in the content security policy.
        headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        # Setting headers needs no thread, so an async request is spared the way to one.
        answer: Callable[[HttpRequest], Awaitable[HttpResponseBase]] = self.get_response  # type: ignore[assignment]  # Django types the sync half only
        return self.process_response(request, await answer(request))


def _send_to(request: HttpRequest, url: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        # A redirect would swap the sign-in page into a table cell.
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def _page_of(request: HttpRequest) -> str:
    """The page the person stands on: a form cannot be carried through sign-in, so the way back is its page."""
    if request.method == "GET" and not request.headers.get("HX-Request"):
        return request.get_full_path()
    try:
        page = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    except ValueError:  # half an IPv6 address, for one
        return "/"
    if page.netloc != request.get_host():
        return "/"
    return f"{page.path}?{page.query}" if page.query else page.path
