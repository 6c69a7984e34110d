"""Counters of limits."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class LimitCounter(models.Model):
    """How often something happened within its window, exact under concurrency by one conditional UPDATE."""

    key = models.CharField(_("key"), max_length=64, unique=True)
    count = models.PositiveIntegerField(_("count"), default=0)
    window_ends = models.DateTimeField(_("window ends"), db_index=True)

    class Meta:
        verbose_name = _("limit counter")
        verbose_name_plural = _("limit counters")

    def __str__(self) -> str:
        return self.key
