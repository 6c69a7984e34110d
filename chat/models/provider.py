"""Model servers and the models found on them."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Provider(models.Model):
    """A server that speaks the OpenAI wire format; its key is sealed and never leaves but in the call to it."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80)
    # The name without regard to case, which databases compare each in their own way.
    name_key = models.CharField(max_length=80, unique=True, editable=False)
    base_url = models.URLField(
        _("base URL"),
        max_length=300,
        help_text=_("Up to and with /v1, for example http://127.0.0.1:11434/v1"),
    )
    sealed_key = models.BinaryField(_("API key"), null=True, blank=True, editable=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    # The small model that comes along; pages say "demo model" so that nobody judges the house by its answers.
    is_demo = models.BooleanField(_("demo model"), default=False, editable=False)
    # Loopback and private networks are reached only where somebody who may said so (see settings_store.outbound).
    allow_private = models.BooleanField(_("may be on this machine or a private network"), default=False)
    checked_at = models.DateTimeField(_("last checked"), null=True, blank=True, editable=False)
    # One sentence saying why the last check failed; empty when it succeeded.
    trouble = models.CharField(_("trouble"), max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")

    def __str__(self) -> str:
        return self.name


class ModelQuerySet(models.QuerySet["Model"]):
    def usable(self) -> Self:
        """Those a conversation may be held with now."""
        return self.filter(is_enabled=True, is_present=True, provider__is_enabled=True).select_related("provider")


class Model(models.Model):
    """A model as its server lists it; kept when it vanishes there, since old answers name it."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(Provider, models.CASCADE, related_name="models", verbose_name=_("provider"))
    name = models.CharField(_("name"), max_length=200)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_present = models.BooleanField(_("found at the last check"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = ModelQuerySet.as_manager()

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="model_provider_name")]

    def __str__(self) -> str:
        return self.name
