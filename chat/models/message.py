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

    def ask_to_stop(self) -> int:
        """Ask for the end of those being written, in whatever process that is; how many there are."""
        return self.filter(status__in=Message.UNFINISHED).update(stop_requested=True)


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

    class Rating(models.IntegerChoices):
        GOOD = 1, _("good")
        BAD = -1, _("bad")

    UNFINISHED = (Status.PENDING, Status.STREAMING)
    ENDED_EARLY = (Status.STOPPED, Status.INTERRUPTED, Status.FAILED)

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
    # Of an answer: the first message its model was given, where older ones did not fit into its context size.
    read_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, editable=False, related_name="+", verbose_name=_("read from")
    )
    tokens_in = models.PositiveIntegerField(_("tokens in"), null=True, blank=True)
    tokens_out = models.PositiveIntegerField(_("tokens out"), null=True, blank=True)
    # At the prices of the moment, in the currency of the house; NULL where a price or a count was not known.
    cost = models.DecimalField(_("cost"), max_digits=16, decimal_places=8, null=True, blank=True, editable=False)
    first_token_ms = models.PositiveIntegerField(_("first token (ms)"), null=True, blank=True)
    duration_ms = models.PositiveIntegerField(_("duration (ms)"), null=True, blank=True)
    # The model ended because no answer may be longer, not because it had said all.
    cut_short = models.BooleanField(_("cut short"), default=False, editable=False)
    stop_requested = models.BooleanField(_("stop asked for"), default=False, editable=False)
    # When its server was asked; NULL while it waits for a free place there.
    asked_at = models.DateTimeField(_("asked"), null=True, blank=True, editable=False)
    # What its reader thinks of it.
    rating = models.SmallIntegerField(_("rating"), choices=Rating, null=True, blank=True, editable=False)
    rating_note = models.CharField(_("note on the rating"), max_length=1000, blank=True, editable=False)
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

    @property
    def can_go_on(self) -> bool:
        """Whether this is an answer that ended before its end, with some text to go on from."""
        ended_early = self.status in self.ENDED_EARLY or (self.cut_short and not self.is_unfinished)
        return self.role == self.Role.ASSISTANT and ended_early and bool(self.content)


class Attachment(models.Model):
    """A text file that came with a message, and which the model reads with it."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(
        Message, models.CASCADE, related_name="attachments", verbose_name=_("message"), editable=False
    )
    name = models.CharField(_("name"), max_length=150, editable=False)
    content = models.TextField(_("content"), editable=False)
    # As it was sent, in bytes.
    size = models.PositiveIntegerField(_("size"), editable=False)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")

    def __str__(self) -> str:
        return self.name
