"""Permissions that other programs ask about; the house only keeps who has them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class CustomPermission(models.Model):
    """A right in another program, "document.create": declared here, given by roles, asked about over the API.

    Its row among Django's permissions belongs to this model, not to `Role`, so that a release which one day declares
    the same name grants nothing to those who held this one.
    """

    permission = models.OneToOneField(Permission, models.CASCADE, related_name="custom", editable=False)
    # As code writes it, with a dot; people read and write "document:create".
    name = models.CharField(_("name"), max_length=81, unique=True, editable=False)
    label = models.CharField(_("what it allows"), max_length=150)
    program = models.CharField(_("program"), max_length=60, blank=True)
    created_at = models.DateTimeField(_("declared"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("declared by"),
    )

    class Meta:
        verbose_name = _("custom permission")
        verbose_name_plural = _("custom permissions")

    def __str__(self) -> str:
        return self.name.replace(".", ":", 1)
