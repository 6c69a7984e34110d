"""Roles over Django's groups, and the version under which every process keeps them."""

from __future__ import annotations

import uuid
from typing import Self

from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

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
    # Which row of the table of system roles this is; null for those that admins made.
    system_key = models.CharField(max_length=20, null=True, unique=True, editable=False)
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
    # Counts its edits, so that a form of an older state is known for one.
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")

    def __str__(self) -> str:
        return self.name

    @property
    def is_system(self) -> bool:
        return self.system_key is not None


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
