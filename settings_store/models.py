"""Rows of the ground floor: values of settings, the audit trail with its head, and the counters of limits."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Setting(models.Model):
    """The value a setting has in one environment; a setting without a row has its default from code."""

    key = models.CharField(_("key"), max_length=120)
    environment = models.CharField(_("environment"), max_length=20)
    version = models.PositiveIntegerField(_("version"), default=0)
    # JSON text of the value, or for a secret the sealed bytes; never both.
    value = models.JSONField(_("value"), null=True, blank=True)
    sealed = models.BinaryField(_("sealed value"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    updated_by_id = models.BigIntegerField(_("updated by"), null=True, blank=True)
    updated_by_name = models.CharField(_("updated by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("setting")
        verbose_name_plural = _("settings")
        constraints = [models.UniqueConstraint(fields=["key", "environment"], name="setting_key_environment")]

    def __str__(self) -> str:
        return f"{self.key} ({self.environment})"


class SettingVersion(models.Model):
    """One change of a setting, never altered afterwards."""

    setting = models.ForeignKey(Setting, models.PROTECT, related_name="versions", verbose_name=_("setting"))
    version = models.PositiveIntegerField(_("version"))
    value = models.JSONField(_("value"), null=True, blank=True)
    sealed = models.BinaryField(_("sealed value"), null=True, blank=True)
    # True where this version took the row's own value away, so that the default applies again.
    cleared = models.BooleanField(_("back to default"), default=False)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    at = models.DateTimeField(_("when"))
    actor_id = models.BigIntegerField(_("by"), null=True, blank=True)
    actor_name = models.CharField(_("by"), max_length=150)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("setting version")
        verbose_name_plural = _("setting versions")
        constraints = [models.UniqueConstraint(fields=["setting", "version"], name="settingversion_setting_version")]

    def __str__(self) -> str:
        return f"{self.setting} v{self.version}"


class StoreVersion(models.Model):
    """A single row that grows with every change of any setting; processes compare it to know their copy is old."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("version of all settings")
        verbose_name_plural = _("version of all settings")

    def __str__(self) -> str:
        return str(self.version)


class AuditEvent(models.Model):
    """One act, as it happened. The database refuses to change or delete it, and the chain of hashes would show it."""

    sequence = models.BigIntegerField(_("sequence"), primary_key=True)
    at = models.DateTimeField(_("when"))
    environment = models.CharField(_("environment"), max_length=20)
    action = models.CharField(_("action"), max_length=80)
    actor_id = models.BigIntegerField(_("actor"), null=True, blank=True)
    actor_name = models.CharField(_("actor"), max_length=150)
    impersonator_id = models.BigIntegerField(_("impersonator"), null=True, blank=True)
    impersonator_name = models.CharField(_("impersonator"), max_length=150, blank=True)
    target_type = models.CharField(_("target type"), max_length=60, blank=True)
    target_id = models.CharField(_("target"), max_length=64, blank=True)
    target_name = models.CharField(_("target"), max_length=200, blank=True)
    before = models.JSONField(_("before"), null=True, blank=True)
    after = models.JSONField(_("after"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    session_id = models.CharField(_("session"), max_length=36, blank=True)
    key_id = models.CharField(_("API key"), max_length=36, blank=True)
    # Which derived key made the hash, so that a chain outlives the rotation of the master key.
    chain_key_id = models.CharField(_("chain key"), max_length=16)
    previous_hash = models.CharField(_("previous hash"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        default_permissions = ("view",)
        ordering = ["-sequence"]
        indexes = [
            models.Index(fields=["action", "-sequence"], name="audit_action"),
            models.Index(fields=["actor_id", "-sequence"], name="audit_actor"),
            models.Index(fields=["target_type", "target_id", "-sequence"], name="audit_target"),
            models.Index(fields=["at"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action}"

    @property
    def target_words(self) -> str:
        """The target by its name, else by its kind and the beginning of its id; nothing where the act had none."""
        return self.target_name or f"{self.target_type.rpartition('.')[2]} {self.target_id[:8]}".strip()


class AuditHead(models.Model):
    """The end of the chain: locked by each append, so that sequence and chain never fork."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        verbose_name = _("end of the trail")
        verbose_name_plural = _("end of the trail")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return str(self.sequence)


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
