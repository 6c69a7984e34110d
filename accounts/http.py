"""The request as the house's views know it, and the person its address names."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from accounts.models import User, UserQuerySet
from accounts.sessions import SessionStore
from ui.guard import IN_PERSON


class HtmxHttpRequest(HttpRequest):
    """A request behind a guard: its user is a person, and htmx says whether a fragment is wanted."""

    user: User
    session: SessionStore
    # Who really asks, where they act as `user`.
    impersonator: User | None
    htmx: HtmxDetails


def visible_person(request: HtmxHttpRequest, user_id: UUID, people: UserQuerySet | None = None) -> User:
    """The person of the address, where the viewer may see them; a stranger is not there at all."""
    known = User.objects.all() if people is None else people
    return get_object_or_404(known.visible_to(request.user), public_id=user_id)


def refuse_about_oneself(request: HtmxHttpRequest, person: User) -> None:
    """Refuse what concerns `person` where it is whom an admin acts as: that is done by its person alone."""
    if request.impersonator is not None and person == request.user:
        raise PermissionDenied(IN_PERSON)


# Where nobody is sent afterwards: a door would only send them on.
DOORS = ("login", "logout", "login_factor", "factor_due", "step_up", "theme")


def wanted_page(request: HttpRequest) -> str:
    """Where to go afterwards: a page of this house that is no door, else Home."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return resolve_url("home")
    # A word without a slash would be taken for the name of a view.
    if not urlsplit(wanted).path.startswith("/"):
        return resolve_url("home")
    return resolve_url("home") if urlsplit(wanted).path in {resolve_url(name) for name in DOORS} else wanted
