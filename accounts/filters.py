"""What /users/ can be narrowed down by, as far as this floor knows people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User, UserQuerySet
from accounts.status import Status, having
from ui.registry import Text, UserFilter

# As addresses have them.
STATUSES = {
    "active": Status.ACTIVE,
    "inactive": Status.DEACTIVATED,
    "invited": Status.INVITED,
    "expired": Status.EXPIRED,
    "locked": Status.LOCKED,
}
STATES: Sequence[tuple[str, Text]] = (
    *((value, status.label) for value, status in STATUSES.items()),
    ("new", _("never signed in")),
    ("password", _("must change the password")),
)
SEEN: Sequence[tuple[str, Text]] = (
    ("7", _("within 7 days")),
    ("30", _("within 30 days")),
    ("90", _("within 90 days")),
    ("older", _("longer ago than 90 days")),
    ("never", _("never")),
)
# More supervisors than anybody would look through in a list.
MOST_TEAMS = 200


def by_state(people: UserQuerySet, value: str) -> UserQuerySet:
    match value:
        case "new":
            return people.filter(is_active=True, last_login=None)
        case "password":
            return people.filter(is_active=True, must_change_password=True)
        case _:
            return having(people, STATUSES[value])


def by_last_sign_in(people: UserQuerySet, value: str) -> UserQuerySet:
    if value == "never":
        return people.filter(last_login=None)
    days = timedelta(days=90 if value == "older" else int(value))
    since = timezone.now() - days
    return people.filter(last_login__lt=since) if value == "older" else people.filter(last_login__gte=since)


def teams(request: HttpRequest) -> list[tuple[str, Text]]:
    """Whoever looks after somebody, among those the viewer may see."""
    with_team = User.objects.filter(supervisor__isnull=False).order_by().values("supervisor_id").distinct()
    viewer = cast(User, request.user)
    people = User.objects.visible_to(viewer).filter(pk__in=with_team).order_by("name_key", "pk")
    named = people.values_list("public_id", "full_name", "username")[:MOST_TEAMS]
    return [(str(public_id), full_name or username) for public_id, full_name, username in named]


def by_team(people: UserQuerySet, value: str) -> UserQuerySet:
    supervisor = User.objects.filter(public_id=value).first()
    return people.filter(Q(pk__in=User.objects.team_of(supervisor).values("pk"))) if supervisor else people.none()


FILTERS = (
    UserFilter("state", _("Status"), lambda request: STATES, by_state, order=20),
    UserFilter("seen", _("Last sign-in"), lambda request: SEEN, by_last_sign_in, order=40),
    UserFilter("team", _("Team of"), teams, by_team, order=50),
)
