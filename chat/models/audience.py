"""Who may use a model or a prompt: everybody, or those of some roles."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from rbac.backend import ranked
from rbac.models import Role


class Audience(models.Model):
    """What is for everybody or for roles; a role that inherits from one of them is among them."""

    # Said by a mark and not by the absence of roles: deleting a role must open nothing to everybody.
    for_everybody = models.BooleanField(_("for everybody"), default=True)
    roles = models.ManyToManyField(Role, blank=True, related_name="+", verbose_name=_("for roles"))

    class Meta:
        abstract = True


class AudienceQuerySet[M: Audience](models.QuerySet[M]):
    def open_to(self, user: User) -> Self:
        """Those for everybody, and those for a role of this person or for one that it inherits from."""
        through = self.model.roles.through._default_manager.filter(role__in=ranked(user).role_lineage)
        named = through.values(f"{self.model._meta.model_name}_id")
        return self.filter(models.Q(for_everybody=True) | models.Q(pk__in=named))
