"""Conversations: who holds them, with which model and prompt, and which branch is being read."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.user import team_keys
from chat.models.prompt import SystemPrompt
from chat.models.provider import Model

if TYPE_CHECKING:
    from chat.models.message import Message


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def owned_by(self, user: User) -> Self:
        """A person's own, those in the bin left out."""
        return self.filter(owner=user, deleted_at__isnull=True)

    def visible_to(self, viewer: User) -> Self:
        """Own ones, and with conversations.oversee those of the own team, or of everyone with conversations.all."""
        if not viewer.has_perm("conversations.oversee"):
            return self.filter(owner=viewer) if viewer.has_perm("chat.use") else self.none()
        if viewer.has_perm("conversations.all"):
            return self
        # As two alternatives, so that databases go through the newest ones and look whose each is, instead of
        # collecting all that a large team ever wrote.
        return self.filter(models.Q(owner=viewer) | models.Q(owner__in=team_keys(viewer)))


class Conversation(models.Model):
    """Messages between a person and models, as a tree whose active leaf says which branch is read."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="conversations",
        verbose_name=_("owner"),
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    # A title given by hand is never replaced by one made from the first exchange.
    title_is_own = models.BooleanField(_("named by hand"), default=False, editable=False)
    model = models.ForeignKey(
        Model,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("model"),
    )
    system_prompt = models.ForeignKey(
        SystemPrompt,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="conversations",
        verbose_name=_("system prompt"),
    )
    # The prompt's text as it was when the conversation began: editing the prompt changes no old conversation.
    system_text = models.TextField(_("system prompt as used"), blank=True, editable=False)
    active_leaf: models.ForeignKey[Message | None, Message | None] = models.ForeignKey(
        "chat.Message",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("active leaf"),
    )
    is_pinned = models.BooleanField(_("pinned"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_message_at = models.DateTimeField(_("last message"), default=timezone.now, editable=False)
    message_count = models.PositiveIntegerField(_("messages"), default=0, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        indexes = [
            models.Index(
                fields=["owner", "-last_message_at", "-id"],
                name="conversation_owner_last",
            ),
            models.Index(fields=["-last_message_at", "-id"], name="conversation_last"),
        ]

    def __str__(self) -> str:
        return self.title or str(_("New conversation"))
