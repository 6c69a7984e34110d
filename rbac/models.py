"""What people may do: roles over Django's groups, and who holds them from when to when."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import IdentityProvider
from accounts.names import exact_key
from settings_store.database import ReferredQuerySet


class RoleQuerySet(ReferredQuerySet["Role"]):
    def by_rank(self) -> Self:
        return self.order_by("-priority", "name_key")


class Role(models.Model):
    """A named set of permissions, kept as those of its group; what its parent holds it holds too."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    group = models.OneToOneField(Group, models.PROTECT, related_name="role", verbose_name=_("group"))
    name = models.CharField(_("name"), max_length=60)
    name_key = models.CharField(max_length=60, unique=True, editable=False)
    description = models.CharField(_("description"), max_length=300, blank=True)
    is_system = models.BooleanField(_("system role"), default=False, editable=False)
    # Nobody grants or revokes a role that stands above their own highest one.
    priority = models.PositiveSmallIntegerField(_("priority"), default=10)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("inherits from"),
    )
    # Whoever holds it, or a role that inherits from it, signs in with a second factor.
    requires_factor = models.BooleanField(_("asks for a second factor"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")

    def __str__(self) -> str:
        return self.name


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
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now()), is_active=True)


class Assignment(models.Model):
    """A person holds a role: by whom given, why, from when, until when."""

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

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        constraints = [models.UniqueConstraint(fields=["user", "role"], name="assignment_user_role")]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"


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


class RoleMapVersion(models.Model):
    """A single row with a new random number whenever a role changes; it comes with each person, so an old map shows.

    Random, not counted: were an edit rolled back, a counter would give its number to the next edit, and a process that
    had read the first one would take the second for known.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("version of the role map")
        verbose_name_plural = _("version of the role map")

    def __str__(self) -> str:
        return str(self.version)
