"""Keys in use, and those of the chain."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class KeyUse(models.Model):
    """How many values a master key has sealed, and when a process last had it as the one that seals."""

    key_id = models.CharField(_("key"), max_length=16, primary_key=True)
    environment = models.CharField(_("environment"), max_length=20)
    sealed_count = models.BigIntegerField(_("values sealed"), default=0)
    seen_at = models.DateTimeField(_("last the sealing key of a process"), null=True, blank=True)

    class Meta:
        verbose_name = _("use of a key")
        verbose_name_plural = _("use of keys")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.key_id


class ChainKey(models.Model):
    """The chain key of an older master key, sealed under a newer one: the trail is verified when that one is gone."""

    key_id = models.CharField(_("key"), max_length=16, primary_key=True)
    sealed = models.BinaryField(_("sealed key"))

    class Meta:
        verbose_name = _("older chain key")
        verbose_name_plural = _("older chain keys")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.key_id
