"""Who holds which role, from when until when, by hand or by the claims of an identity provider."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import IdentityProvider
from accounts.names import exact_key
from rbac.models.role import Role


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def counting(self) -> Self:
        """Those that count at this moment: active, begun and not run out."""
        now = timezone.now()
        return self.filter(
            Q(starts_at__isnull=True) | Q(starts_at__lte=now),
            Q(ends_at__isnull=True) | Q(ends_at__gt=now),
            is_active=True,
        )

    def unended(self) -> Self:
        """Those that count now or will once they begin."""
        return self.lasting().filter(is_active=True)

    def lasting(self) -> Self:
        """Those that count, will count, or may be made to count again: neither ended nor run out."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now()), is_open=True)

    def over(self) -> Self:
        """Those that are history: ended by somebody, or run out; each with the moment when it was over."""
        over = self.filter(Q(is_open__isnull=True) | Q(ends_at__lte=timezone.now()))
        return over.annotate(over_at=Coalesce("ended_at", "ends_at"))


class Assignment(models.Model):
    """A person holds a role: by whom given, why, from when, until when.

    One at a time for a person and a role; what has ended stays as history. Paused, it does not count and may be
    resumed.
    """

    class State(models.TextChoices):
        COUNTING = "counting", _("counts")
        LATER = "later", _("starts later")
        PAUSED = "paused", _("paused")
        EXPIRED = "expired", _("expired")
        ENDED = "ended", _("ended")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="assignments",
        verbose_name=_("person"),
    )
    role = models.ForeignKey(Role, models.PROTECT, related_name="assignments", verbose_name=_("role"))
    assigned_at = models.DateTimeField(_("assigned"), default=timezone.now, editable=False)
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("assigned by"),
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    # False while it is paused, and once it has ended.
    is_active = models.BooleanField(_("active"), default=True)
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    # The identity provider whose claims gave it, and may take it again.
    provider = models.ForeignKey(
        IdentityProvider,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("given by"),
    )

    # True for the one of this person and role; null once it has ended, for of those there may be many.
    is_open = models.BooleanField(null=True, default=True, editable=False)
    # When, by whom and why it was ended before its time. Where it merely ran out nobody ended it, and the moment stays
    # null until the role is given anew.
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("ended by"),
    )
    end_reason = models.CharField(_("reason for the end"), max_length=300, blank=True, editable=False)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        constraints = [
            models.UniqueConstraint(fields=["user", "role", "is_open"], name="assignment_open"),
            models.CheckConstraint(
                condition=Q(is_open=True) | Q(is_open__isnull=True, is_active=False),
                name="assignment_ended_is_inactive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"

    def state(self, now: datetime) -> State:
        """Where it stands at `now`."""
        if self.is_open is None:
            return self.State.ENDED
        if self.ends_at is not None and self.ends_at <= now:
            return self.State.EXPIRED
        if not self.is_active:
            return self.State.PAUSED
        if self.starts_at is not None and self.starts_at > now:
            return self.State.LATER
        return self.State.COUNTING


class ClaimRole(models.Model):
    """Whoever bears this value in the provider's claim of roles holds this role while they bear it."""

    provider = models.ForeignKey(
        IdentityProvider, models.CASCADE, related_name="claim_roles", verbose_name=_("provider")
    )
    value = models.CharField(_("value of the claim"), max_length=200)
    value_key = models.CharField(max_length=64, editable=False)
    role = models.ForeignKey(Role, models.CASCADE, related_name="claim_roles", verbose_name=_("role"))

    class Meta:
        verbose_name = _("role by claim")
        verbose_name_plural = _("roles by claim")
        constraints = [models.UniqueConstraint(fields=["provider", "value_key", "role"], name="claim_role_key")]

    def __str__(self) -> str:
        return f"{self.value}: {self.role}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.value_key = exact_key(self.value)
        super().save(*args, **kwargs)
