"""Who is locked out for a while, as far as people are concerned; what is counted stands in settings_store.limits."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User


class LockoutQuerySet(models.QuerySet["Lockout"]):
    def holding(self) -> Self:
        """Those that hold at this moment."""
        return self.filter(until__gt=timezone.now())


class Lockout(models.Model):
    """The lock of one account after too many wrong passwords, the newest one; it ends by itself."""

    user = models.OneToOneField(User, models.CASCADE, related_name="lockout", verbose_name=_("user"))
    begun_at = models.DateTimeField(_("begun"), default=timezone.now)
    until = models.DateTimeField(_("until"), db_index=True)
    # How many in a row, each longer than the one before.
    strikes = models.PositiveIntegerField(_("locks in a row"), default=1)
    # Where the last wrong password came from.
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)

    objects = LockoutQuerySet.as_manager()

    class Meta:
        verbose_name = _("lockout")
        verbose_name_plural = _("lockouts")

    def __str__(self) -> str:
        return str(self.user)
