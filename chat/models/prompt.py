"""System prompts: what a model is told before a conversation begins."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat.models.audience import Audience, AudienceQuerySet


class SystemPromptQuerySet(AudienceQuerySet["SystemPrompt"]):
    def live(self) -> Self:
        """Those that are not withdrawn."""
        return self.filter(is_deleted=False)

    def usable_by(self, user: User) -> Self:
        """Those a new conversation of this person may begin with: all for whoever writes prompts, for others those of
        their roles, and without prompts.read the default alone.
        """
        if user.has_perm("prompts.write"):
            return self.live()
        if user.has_perm("prompts.read"):
            return self.live().open_to(user)
        return self.live().filter(default_mark=True)


class SystemPrompt(Audience):
    """A named instruction. Exactly one is the default while any exists; the database holds that there is no second.

    The default is for everybody, always: it is what everybody begins with.
    """

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80)
    # The name without regard to case; a deleted prompt gives its name free again.
    name_key = models.CharField(max_length=80, unique=True, editable=False)
    description = models.CharField(_("description"), max_length=300, blank=True)
    content = models.TextField(_("content"), max_length=32_000)
    # The number of its newest version, whose text `content` is.
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    # True or NULL, never False: a unique nullable column is the one form of "at most one" every database keeps.
    default_mark = models.BooleanField(_("default"), null=True, unique=True, editable=False)
    # Withdrawn prompts stay for the conversations that began with them.
    is_deleted = models.BooleanField(_("deleted"), default=False, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("updated by"),
    )

    objects = SystemPromptQuerySet.as_manager()

    class Meta:
        verbose_name = _("system prompt")
        verbose_name_plural = _("system prompts")

    def __str__(self) -> str:
        return self.name

    @property
    def is_default(self) -> bool:
        return bool(self.default_mark)


class PromptVersion(models.Model):
    """What a prompt said from a moment on, who said so and why; never changed."""

    prompt = models.ForeignKey(
        SystemPrompt, models.CASCADE, related_name="versions", verbose_name=_("system prompt"), editable=False
    )
    number = models.PositiveIntegerField(_("number"), editable=False)
    content = models.TextField(_("content"), editable=False)
    note = models.CharField(_("note"), max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )

    class Meta:
        verbose_name = _("version of a prompt")
        verbose_name_plural = _("versions of prompts")
        constraints = [models.UniqueConstraint(fields=["prompt", "number"], name="prompt_version_number")]

    def __str__(self) -> str:
        return f"{self.prompt_id} v{self.number}"
