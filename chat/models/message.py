"""Messages: what a person wrote, and what a model answered or is answering."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.conversation import Conversation
from chat.models.provider import Model


class MessageQuerySet(models.QuerySet["Message"]):
    def orphaned(self) -> Self:
        """Answers whose process has stopped renewing its lease, so that nobody is writing them any more."""
        return self.filter(status__in=Message.UNFINISHED, lease_until__lt=timezone.now())


class Message(models.Model):
    """One turn. An answer belongs to the process that generates it for as long as that renews the lease."""

    class Role(models.TextChoices):
        USER = "user", _("person")
        ASSISTANT = "assistant", _("model")

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting")
        STREAMING = "streaming", _("answering")
        COMPLETE = "complete", _("complete")
        STOPPED = "stopped", _("stopped")
        INTERRUPTED = "interrupted", _("interrupted")
        FAILED = "failed", _("failed")

    UNFINISHED = (Status.PENDING, Status.STREAMING)

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation,
        models.CASCADE,
        related_name="messages",
        verbose_name=_("conversation"),
    )
    parent = models.ForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("parent"),
    )
    role = models.CharField(_("role"), max_length=10, choices=Role)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.COMPLETE)
    content = models.TextField(_("content"), blank=True)
    # One sentence for the person where an answer failed; the provider's own words stay in the log.
    error = models.CharField(_("error"), max_length=300, blank=True)
    model = models.ForeignKey(
        Model,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("model"),
    )
    model_name = models.CharField(_("model name"), max_length=200, blank=True)
    tokens_in = models.PositiveIntegerField(_("tokens in"), null=True, blank=True)
    tokens_out = models.PositiveIntegerField(_("tokens out"), null=True, blank=True)
    first_token_ms = models.PositiveIntegerField(_("first token (ms)"), null=True, blank=True)
    duration_ms = models.PositiveIntegerField(_("duration (ms)"), null=True, blank=True)
    # The model ended because no answer may be longer, not because it had said all.
    cut_short = models.BooleanField(_("cut short"), default=False, editable=False)
    stop_requested = models.BooleanField(_("stop asked for"), default=False, editable=False)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True, editable=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            models.Index(fields=["conversation", "id"], name="message_conversation"),
            models.Index(fields=["status", "lease_until"], name="message_lease"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.public_id}"

    @property
    def is_unfinished(self) -> bool:
        return self.status in self.UNFINISHED
