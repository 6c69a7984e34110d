"""System prompts: what a model is told before a conversation begins."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class SystemPromptQuerySet(models.QuerySet["SystemPrompt"]):
    def live(self) -> Self:
        """Those a new conversation may begin with."""
        return self.filter(is_deleted=False)


class SystemPrompt(models.Model):
    """A named instruction. Exactly one is the default while any exists; the database holds that there is no second."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80)
    # The name without regard to case; a deleted prompt gives its name free again.
    name_key = models.CharField(max_length=80, unique=True, editable=False)
    description = models.CharField(_("description"), max_length=300, blank=True)
    content = models.TextField(_("content"), max_length=32_000)
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
