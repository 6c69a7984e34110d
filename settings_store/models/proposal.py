"""What changes by approval alone, and the changes that wait."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from settings_store.models.setting import who_in_words
from settings_store.realms import Realm, name_of_key, realm_of, words_of_key


class Protection(models.Model):
    """A setting that changes only by a proposal which a second person approves, in every environment."""

    key = models.CharField(_("key"), max_length=120, unique=True)
    at = models.DateTimeField(_("since"), auto_now_add=True)
    by_id = models.BigIntegerField(_("by"), null=True, blank=True)
    by_name = models.CharField(_("by"), max_length=150)

    class Meta:
        verbose_name = _("protection of a setting")
        verbose_name_plural = _("protections of settings")

    def __str__(self) -> str:
        return self.key

    @property
    def by_words(self) -> str:
        return who_in_words(self.by_id, self.by_name)


class Proposal(models.Model):
    """A change of a setting that waits: for a second person's approval, for its time, or for both."""

    class Act(models.TextChoices):
        SET = "set", _("give a value")
        CLEAR = "clear", _("back to default")
        UNPROTECT = "unprotect", _("take the protection away")

    class Status(models.TextChoices):
        AWAITING = "awaiting", _("awaits approval")
        SCHEDULED = "scheduled", _("scheduled")
        APPLIED = "applied", _("done")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("withdrawn")
        FAILED = "failed", _("failed")

    PENDING = (Status.AWAITING, Status.SCHEDULED)

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    key = models.CharField(_("key"), max_length=120)
    # Empty where the act is about the setting itself, not its value in one environment.
    environment = models.CharField(_("environment"), max_length=20, blank=True)
    act = models.CharField(_("act"), max_length=10, choices=Act)
    value = models.JSONField(_("value"), null=True, blank=True)
    sealed = models.BinaryField(_("sealed value"), null=True, blank=True)
    # The version its author saw; the setting must still be at it when the change is made.
    base_version = models.PositiveIntegerField(_("made for version"), default=0)
    # The version whose value is to come back, where it is a rollback.
    rollback_to = models.PositiveIntegerField(_("rolls back to"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status)
    apply_at = models.DateTimeField(_("planned for"), null=True, blank=True)
    created_at = models.DateTimeField(_("proposed"), auto_now_add=True)
    author_id = models.BigIntegerField(_("author"), null=True, blank=True)
    author_name = models.CharField(_("author"), max_length=150)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by_id = models.BigIntegerField(_("decided by"), null=True, blank=True)
    decided_by_name = models.CharField(_("decided by"), max_length=150, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # One sentence where it could not be done.
    trouble = models.CharField(_("why it failed"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        indexes = [
            models.Index(fields=["status", "apply_at"], name="proposal_status"),
            models.Index(fields=["key", "environment"], name="proposal_setting"),
        ]

    def __str__(self) -> str:
        # What the trail says was approved is told by this, so it must not be the same for a flag and a setting.
        words = words_of_key(self.key)
        return f"{words} ({self.environment})" if self.environment else words

    @property
    def name(self) -> str:
        """The key as people write it."""
        return name_of_key(self.key)

    @property
    def realm(self) -> Realm:
        return realm_of(self.key)

    @property
    def author_words(self) -> str:
        return who_in_words(self.author_id, self.author_name)
