"""The audit trail and the end of its chain."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


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
            models.Index(fields=["actor_name", "-sequence"], name="audit_actor_name"),
            models.Index(fields=["impersonator_name", "-sequence"], name="audit_impersonator"),
            models.Index(fields=["target_type", "-sequence"], name="audit_target_type"),
            models.Index(fields=["address", "-sequence"], name="audit_address"),
            models.Index(fields=["environment", "-sequence"], name="audit_environment"),
            models.Index(fields=["request_id"], name="audit_request"),
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
