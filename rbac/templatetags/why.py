"""What a refusal tells: what is missing, whom to ask for it, and the way to why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import structlog
from django import template
from django.db import Error
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse

from accounts.models import User
from rbac.why.who import whom_to_ask
from ui.guard import Access, Kind, declared_access, obstacle_of
from ui.registry import Permission, registry

register = template.Library()
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal: the permission that is missing, where it is one, and whom to ask."""

    permission: Permission | None = None
    people: list[User] = field(default_factory=list)
    why: str = ""


@register.simple_tag(takes_context=True)
def refused(context: Context, exception: Any) -> Refused:
    """What the page of a refusal says; names and ways are for those who are in, and never a reason to fail."""
    request: HttpRequest | None = context.get("request")
    permission = registry.permissions.get(str(exception))
    if request is None:
        return Refused(permission)
    try:
        person = request.user
        if not isinstance(person, User) or not _is_in(request, person):
            return Refused(permission)
        people = whom_to_ask(person, permission.name if permission else "")
    except Error:
        logger.exception("Whom to ask could not be told")
        return Refused(permission)
    return Refused(permission, people, f"{reverse('rbac:why')}?{urlencode(_asked(request, permission), safe=':/')}")


def _asked(request: HttpRequest, permission: Permission | None) -> dict[str, str]:
    """The page that was refused; where its route does not ask for what is missing, the permission alone says why."""
    page: dict[str, str] = {"page": request.path}
    if permission is None or request.resolver_match is None:
        return page
    access = declared_access(request.resolver_match.route, request.resolver_match.func)
    lacks = access is not None and access.lacking(request.user, request.resolver_match.kwargs) == permission.name
    return page if lacks else {"permission": str(permission)}


def _is_in(request: HttpRequest, person: User) -> bool:
    """Whether somebody is active and has nothing left to do before anything else."""
    return person.is_active and obstacle_of(request, Access(Kind.SIGNED_IN)) is None
