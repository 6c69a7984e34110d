"""Feature flags, and when they were last asked for."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from settings_store.models.setting import who_in_words


class Flag(models.Model):
    """A feature flag: what it is called and gives. Its rules are kept like the values of a setting, by environment."""

    key = models.CharField(_("key"), max_length=60, unique=True)
    # One of settings_store.flag.rules.FlagType.
    type = models.CharField(_("gives"), max_length=10)
    label = models.CharField(_("name"), max_length=120)
    description = models.CharField(_("description"), max_length=500, blank=True)
    # Meant to stay, as a switch for emergencies is: such a flag does not go stale.
    is_permanent = models.BooleanField(_("permanent"), default=False)
    # Grows with each change of these words, so that a stale form is told.
    version = models.PositiveIntegerField(_("version"), default=1)
    # Archived: kept with its history, unknown to whoever asks, and brought back by taking this away.
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by_id = models.BigIntegerField(_("created by"), null=True, blank=True)
    created_by_name = models.CharField(_("created by"), max_length=150)

    class Meta:
        verbose_name = _("flag")
        verbose_name_plural = _("flags")

    def __str__(self) -> str:
        return self.key

    @property
    def public_id(self) -> str:
        """What the trail names it by: its key, which never changes."""
        return self.key

    @property
    def created_by_words(self) -> str:
        return who_in_words(self.created_by_id, self.created_by_name)


class FlagUse(models.Model):
    """When a flag was last evaluated in an environment, and how often one was asked for that is not there."""

    key = models.CharField(_("key"), max_length=60)
    environment = models.CharField(_("environment"), max_length=20)
    last_at = models.DateTimeField(_("last evaluated"))
    unknown_count = models.BigIntegerField(_("asked for while unknown"), default=0)

    class Meta:
        verbose_name = _("use of a flag")
        verbose_name_plural = _("use of flags")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["key", "environment"], name="flaguse_key_environment")]

    def __str__(self) -> str:
        return f"{self.key} ({self.environment})"
