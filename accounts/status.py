"""What somebody is at this moment, in one word: the same for the badge, the filter and the file."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Lockout, User, UserQuerySet


class Status(models.TextChoices):
    """Values are the words of the file, which are the same in every language."""

    ACTIVE = "active", _("active")
    DEACTIVATED = "deactivated", _("deactivated")
    INVITED = "invited", _("invited")
    EXPIRED = "invitation expired", _("invitation expired")
    LOCKED = "locked", _("locked out")


def status_of(person: User, *, now: datetime) -> Status:
    """Without a query for those who were read with their lockout."""
    if not person.is_active:
        return Status.DEACTIVATED
    if person.invited_until is not None:
        return Status.INVITED if person.invited_until > now else Status.EXPIRED
    lockout = getattr(person, "lockout", None)
    return Status.LOCKED if lockout is not None and lockout.until > now else Status.ACTIVE


def having(people: UserQuerySet, status: Status) -> UserQuerySet:
    """Those of whom `status_of` says this."""
    now = timezone.now()
    locked = Lockout.objects.holding().values("user_id")
    match status:
        case Status.DEACTIVATED:
            return people.filter(is_active=False)
        case Status.INVITED:
            return people.active().filter(invited_until__gt=now)
        case Status.EXPIRED:
            return people.active().filter(invited_until__lte=now)
        case Status.LOCKED:
            return people.active().filter(invited_until=None, pk__in=locked)
        case Status.ACTIVE:
            return people.active().filter(invited_until=None).exclude(pk__in=locked)
