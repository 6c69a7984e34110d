"""Conversations: who holds them, with which model and prompt, and which branch is being read."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property
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

    def kept_by(self, user: User) -> Self:
        """Of a person's own, those that are neither in the bin nor in the archive."""
        return self.owned_by(user).filter(archived_at__isnull=True)

    def archived_by(self, user: User) -> Self:
        """A person's own that they put away, those in the bin left out."""
        return self.owned_by(user).filter(archived_at__isnull=False)

    def in_bin_of(self, user: User) -> Self:
        """A person's own that they threw away and did not yet delete for good."""
        return self.filter(owner=user, deleted_at__isnull=False)

    def visible_to(self, viewer: User) -> Self:
        """Own ones, and with conversations.oversee those of the own team, or of everyone with conversations.all."""
        if not viewer.has_perm("conversations.oversee"):
            return self.filter(owner=viewer) if viewer.has_perm("chat.use") else self.none()
        if viewer.has_perm("conversations.all"):
            return self
        # As two alternatives, so that databases go through the newest ones and look whose each is, instead of
        # collecting all that a large team ever wrote.
        return self.filter(models.Q(owner=viewer) | models.Q(owner__in=team_keys(viewer)))


class Folder(models.Model):
    """A person's own place for conversations; those begun in it begin with its prompt, where it has one."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="folders", verbose_name=_("owner"), editable=False
    )
    name = models.CharField(_("name"), max_length=80)
    # The name without regard to case.
    name_key = models.CharField(max_length=80, editable=False)
    prompt = models.ForeignKey(
        SystemPrompt, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("system prompt")
    )

    class Meta:
        verbose_name = _("folder")
        verbose_name_plural = _("folders")
        constraints = [models.UniqueConstraint(fields=["owner", "name_key"], name="folder_owner_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def search(self) -> str:
        """What the search is asked for to find what lies in it."""
        return f'folder:"{self.name}"'


class Tag(models.Model):
    """A word that a person puts on conversations of theirs; it is gone when none carries it any more."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="tags", verbose_name=_("owner"), editable=False
    )
    name = models.CharField(_("name"), max_length=40)
    # The name without regard to case.
    name_key = models.CharField(max_length=40, editable=False)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [models.UniqueConstraint(fields=["owner", "name_key"], name="tag_owner_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def search(self) -> str:
        """What the search is asked for to find the conversations that carry it."""
        return f'tag:"{self.name}"' if " " in self.name else f"tag:{self.name}"


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
    # The prompt's text and the number of its version as they were when the conversation began, or when its owner asked
    # for a newer one: editing the prompt changes no old conversation. NULL is a version from before they were counted.
    system_text = models.TextField(_("system prompt as used"), blank=True, editable=False)
    prompt_version = models.PositiveIntegerField(_("version of the prompt"), null=True, blank=True, editable=False)
    # What is asked of the model here and not as everywhere (see chat.parameters).
    parameters = models.JSONField(_("parameters"), default=dict, blank=True, editable=False)
    description = models.CharField(_("description"), max_length=500, blank=True)
    folder = models.ForeignKey(
        Folder, models.SET_NULL, null=True, blank=True, related_name="conversations", verbose_name=_("folder")
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="conversations", verbose_name=_("tags"))
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
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
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
            # What one person keeps, put away and threw away is each found at its beginning, however much there is of
            # the others.
            models.Index(
                fields=["owner", "deleted_at", "archived_at", "is_pinned", "-last_message_at", "-id"],
                name="conversation_kept",
            ),
            models.Index(fields=["owner", "-archived_at", "-id"], name="conversation_archived"),
            models.Index(fields=["owner", "-deleted_at", "-id"], name="conversation_bin"),
            models.Index(fields=["folder", "-last_message_at", "-id"], name="conversation_folder_last"),
        ]

    def __str__(self) -> str:
        return self.title or str(_("New conversation"))

    @cached_property
    def tag_list(self) -> list[Tag]:
        """The words it carries, by name; a page that has read them already puts them here."""
        return list(self.tags.order_by("name_key"))
